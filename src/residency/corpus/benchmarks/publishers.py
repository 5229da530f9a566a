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
    there, and ``sha256`` to the hash that our numbers rest on, where that is known.
    """

    host: str
    repository: str
    commit: str
    files: dict[str, str]
    sha256: dict[str, str] = field(default_factory=dict)


_CDR = "data/BC5CDR/raw/CDR_Data/CDR.Corpus.v010516"
_MTS = ("TrainingSet", "ValidationSet", "TestSet-1-MEDIQA-Chat-2023", "TestSet-2-MEDIQA-Sum-2023")
# fmt: off
PUBLISHERS: dict[str, Publisher] = {
    "pubmedqa": Publisher(
        "github", "pubmedqa/pubmedqa", "1cbae8e92f72f20c8d3747cbb3bf5bc53554d997",
        {name: f"data/{name}" for name in ("ori_pqal.json", "test_ground_truth.json")},
    ),
    "medmcqa_dev": Publisher(
        "github", "Teddy-XiongGZ/MIRAGE", "392943af99cd94cafd50a0de2e7fca24bbf65494",
        {"dev.json": "rawdata/medmcqa/data/dev.json"},
    ),
    "bc5cdr": Publisher(
        "github", "microsoft/BioGPT", "648f7d6503c038b44e70b7510bf431c7be94e891",
        {f"CDR_{part}Set.PubTator.txt": f"{_CDR}/CDR_{part}Set.PubTator.txt"
         for part in ("Training", "Development", "Test")},
    ),
    "presidio_synth": Publisher(
        "github", "microsoft/presidio-research", "7622dec1e5f7d25dc60b57c28c39f4c4af197018",
        {"synth_dataset_v2.json": "data/synth_dataset_v2.json"},
    ),
    "evidence_inference": Publisher(
        "github", "jayded/evidence-inference", "b9831b6c59b52ac2d277f757d413ececf0949a8d",
        {"prompts_merged.csv": "annotations/prompts_merged.csv", "v2_annotations.csv": "annotations/v2_annotations.csv",
         **{f"ev2_{part}_article_ids.txt": f"annotations/splits/ev2_{part}_article_ids.txt"
            for part in ("train", "validation", "test")}},
    ),
    "mts_dialog": Publisher(
        "github", "abachaa/MTS-Dialog", "3ff0801933608d6f570468c13125125fb5cabdea",
        {f"MTS-Dialog-{part}.csv": f"Main-Dataset/MTS-Dialog-{part}.csv" for part in _MTS},
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
