"""Where the files of the public sets lie at their publishers: a repository, a commit, and each file's path there.

A set is listed when its files are read here as they are published there. Of one that was packed or cut by hand, or
comes in hundreds of files, only the layout is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from residency.corpus.benchmarks.hub import SUBJECTS


@dataclass(frozen=True, slots=True)
class Publisher:
    """A folder of data at its publisher.

    ``host`` is "github" or "hub" (a data set of the Hugging Face hub). ``files`` maps a file's name here to its path
    there, and ``sha256`` to the hash that our numbers rest on, where that is known; ``sizes`` are their bytes.
    """

    host: str
    repository: str
    commit: str
    files: dict[str, str]
    sha256: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


_SHA256 = {
    "pubmedqa": {
        "ori_pqal.json": "8b3276be8942ebbd77f3ddcda12c1749bf0e490045a736fd8438ee40cf37a41d",
        "test_ground_truth.json": "939fe566f09017d13b1ca64d2ddfee0bc2374b366048152997669cccedc44d51",
    },
    "medmcqa_dev": {
        "dev.json": "a2b5f53890f4e742b728378fb847bc5338088d48ea01218676379f587270af31",
    },
    "bc5cdr": {
        "CDR_DevelopmentSet.PubTator.txt": "9e18d8e700168887a7919e62f67ac2ce2357e3f409a48ee992906abdd80fe3e5",
        "CDR_TestSet.PubTator.txt": "a3c48d5f35bdfce20c2371778abedc9fd24d1da092207072e5181ad53c8d0e2f",
        "CDR_TrainingSet.PubTator.txt": "7afcec134e3d4871e74b0398d92850d3c9ac94c0bdc780003f2d60184c012bd8",
    },
    "presidio_synth": {
        "synth_dataset_v2.json": "ec08a771ba8135314cafb60752b2295212222ba3a4cd75d73811839c699e0012",
    },
    "evidence_inference": {
        "prompts_merged.csv": "0d70d9e1e78d113fdbbd4919310eab7768d6a328368f7d8f9d5a3b48f99c25d3",
        "v2_annotations.csv": "aa77fa384dac276d3f0be1d40e914422ca4298c7fd1c5e5fe79703acab99127a",
        "ev2_test_article_ids.txt": "3010f0df3b322fe9d8b4bbc2b9c11a57e1f3586f70b06a5402255e62c310ba9e",
        "ev2_train_article_ids.txt": "4bec785520fc716455a0313a38691a2b6176f58e9bc2b8164971d26e2376845c",
        "ev2_validation_article_ids.txt": "279515bba82bb861c8dacabf43a3a59d6fbd88e7d33bd8f4b450c538f8ce5023",
    },
    "mts_dialog": {
        "MTS-Dialog-TrainingSet.csv": "65a28681dd59fc159681ea026e44610f2af7bc64a0e7f892d763eb03d9f503dc",
        "MTS-Dialog-ValidationSet.csv": "227206520c4534381c0d7fba6d3f09319a9af5a6d9603a93c0341af1198e3958",
        "MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv": "b4d38dd2c99b2e9860099abcf653f1e0f3e9b69f9fcc45be2a2699b37a4d2f37",
        "MTS-Dialog-TestSet-2-MEDIQA-Sum-2023.csv": "226644466ed3af82382b327a3e684aab70aa605b96cfd93b04f584f1826ab1a6",
    },
    "huatuo_zh": {
        "liver_cancer.json": "4f63bccb513b12c965faf4ef14ac4c07afc9ac20b64f546476a5de89f3d5adf4",
        "llama_data.json": "f96fe83b584e274415930758db9a32e87898f16176f342fe86bd2636ea2fd95d",
    },
}
_SIZES = {
    "pubmedqa": {"ori_pqal.json": 2584787, "test_ground_truth.json": 11414},
    "medmcqa_dev": {"dev.json": 2594517},
    "bc5cdr": {
        "CDR_DevelopmentSet.PubTator.txt": 1127990,
        "CDR_TestSet.PubTator.txt": 1168687,
        "CDR_TrainingSet.PubTator.txt": 1129998,
    },
    "presidio_synth": {"synth_dataset_v2.json": 1023794},
    "evidence_inference": {
        "prompts_merged.csv": 1498509,
        "v2_annotations.csv": 1284457,
        "ev2_test_article_ids.txt": 743,
        "ev2_train_article_ids.txt": 5877,
        "ev2_validation_article_ids.txt": 731,
    },
    "mts_dialog": {
        "MTS-Dialog-TrainingSet.csv": 1041071,
        "MTS-Dialog-ValidationSet.csv": 74054,
        "MTS-Dialog-TestSet-1-MEDIQA-Chat-2023.csv": 162806,
        "MTS-Dialog-TestSet-2-MEDIQA-Sum-2023.csv": 171558,
    },
    "huatuo_zh": {"liver_cancer.json": 1048238, "llama_data.json": 2937979},
}
_CDR = "data/BC5CDR/raw/CDR_Data/CDR.Corpus.v010516"
_MTS = ("TrainingSet", "ValidationSet", "TestSet-1-MEDIQA-Chat-2023", "TestSet-2-MEDIQA-Sum-2023")
# fmt: off
PUBLISHERS: dict[str, Publisher] = {
    "pubmedqa": Publisher(
        "github", "pubmedqa/pubmedqa", "1cbae8e92f72f20c8d3747cbb3bf5bc53554d997",
        {name: f"data/{name}" for name in ("ori_pqal.json", "test_ground_truth.json")},
        _SHA256["pubmedqa"], _SIZES["pubmedqa"],
    ),
    "medmcqa_dev": Publisher(
        "github", "Teddy-XiongGZ/MIRAGE", "392943af99cd94cafd50a0de2e7fca24bbf65494",
        {"dev.json": "rawdata/medmcqa/data/dev.json"},
        _SHA256["medmcqa_dev"], _SIZES["medmcqa_dev"],
    ),
    "bc5cdr": Publisher(
        "github", "microsoft/BioGPT", "648f7d6503c038b44e70b7510bf431c7be94e891",
        {f"CDR_{part}Set.PubTator.txt": f"{_CDR}/CDR_{part}Set.PubTator.txt"
         for part in ("Training", "Development", "Test")},
        _SHA256["bc5cdr"], _SIZES["bc5cdr"],
    ),
    "presidio_synth": Publisher(
        "github", "microsoft/presidio-research", "7622dec1e5f7d25dc60b57c28c39f4c4af197018",
        {"synth_dataset_v2.json": "data/synth_dataset_v2.json"},
        _SHA256["presidio_synth"], _SIZES["presidio_synth"],
    ),
    "evidence_inference": Publisher(
        "github", "jayded/evidence-inference", "b9831b6c59b52ac2d277f757d413ececf0949a8d",
        {"prompts_merged.csv": "annotations/prompts_merged.csv", "v2_annotations.csv": "annotations/v2_annotations.csv",
         **{f"ev2_{part}_article_ids.txt": f"annotations/splits/ev2_{part}_article_ids.txt"
            for part in ("train", "validation", "test")}},
        _SHA256["evidence_inference"], _SIZES["evidence_inference"],
    ),
    "mts_dialog": Publisher(
        "github", "abachaa/MTS-Dialog", "3ff0801933608d6f570468c13125125fb5cabdea",
        {f"MTS-Dialog-{part}.csv": f"Main-Dataset/MTS-Dialog-{part}.csv" for part in _MTS},
        _SHA256["mts_dialog"], _SIZES["mts_dialog"],
    ),
    "huatuo_zh": Publisher(
        "github", "SCIR-HI/Huatuo-Llama-Med-Chinese", "ba9b3d65b33ba346e3d60979019abe6fa2ac741a",
        {"liver_cancer.json": "data-literature/liver_cancer.json", "llama_data.json": "data/llama_data.json"},
        _SHA256["huatuo_zh"], _SIZES["huatuo_zh"],
    ),
    "medqa": Publisher(
        "hub", "GBaker/MedQA-USMLE-4-options", "0fb93dd23a7339b6dcd27e241cb9b5eca62d4d18",
        {name: name for name in ("phrases_no_exclude_train.jsonl", "phrases_no_exclude_test.jsonl")},
    ),
    "mmlu": Publisher(
        "hub", "cais/mmlu", "c30699e8356da336a370243923dbaf21066bb9fe",
        {path: path for path in (f"{subject}/{part}-00000-of-00001.parquet"
                                 for subject in SUBJECTS for part in ("dev", "validation", "test"))},
    ),
}
# fmt: on
LAYOUTS = {
    "apollo_dev": "zh.json, es.json, fr.json (from metadata/dev; the items whose source is CMMLU are left out)",
    "ncbi_disease": "original/NCBItrainset_corpus.txt, original/NCBIdevelopset_corpus.txt, "
    "original/NCBItestset_corpus.txt (from original-data)",
    "meddocan_es": "corpus/train/brat and corpus/dev/brat with their .txt and .ann files",
    "medec_ms": "MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv, "
    "MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv",
    "aci_bench": "train.csv, train_metadata.csv, valid.csv, valid_metadata.csv",
    "meqsum": "MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx",
    "medquad": "medquad.jsonl.gz (one answered question a line: file, id, question, answer, focus, qtype, source), and "
    "QA-TestSet-LiveQA-Med-Qrels-2479-Answers as it is there",
}
"""What the folders of the other sets hold."""


def told_size(folder: str) -> int | None:
    """Return how many bytes a folder's files are at their publisher; None where that is not known beforehand."""
    made = PUBLISHERS.get(folder)
    return sum(made.sizes.values()) if made and made.sizes else None
