"""Public benchmark sets by name: where they lie, their licence, and their items in one form, with a fixed split.

An item is a plain dictionary in the form of a user's own task (``residency.evaluate.tasks.own``), with ``group`` (what
splits and bootstraps keep whole) and ``split``. A set that was published without a split has a frozen one: the ids of
its test and validation items, drawn once by group, are kept beside this file; all others are for training.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.legal import Rule, nearest
from residency.corpus.benchmarks import annotated, coding, dialogue, exams, hub, instructed, judged, reading, writing
from residency.corpus.benchmarks.publishers import PUBLISHERS

Item = dict[str, Any]
FROZEN = Path(__file__).with_name("splits")


@dataclass(frozen=True, slots=True)
class BenchmarkSet:
    """A public set: its folder's name, its reader, licence, where it comes from, and whether its split is ours.

    One without a folder is made from an installed package.
    """

    name: str
    folder: str
    read: Callable[[Path], Iterator[Item]]
    licence: str
    url: str
    commit: str
    language: str = "en"
    frozen: bool = False


@dataclass(slots=True)
class Items:
    """The items of one split, how many were left out for what reason, and how many the other splits have."""

    items: list[Item]
    skipped: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)


_G, _H = "https://github.com/", "https://huggingface.co/datasets/"
# fmt: off
SETS: dict[str, BenchmarkSet] = {s.name: s for s in (
    BenchmarkSet("pubmedqa", "pubmedqa", exams.pubmedqa, "MIT", _G + "pubmedqa/pubmedqa", "1cbae8e9"),
    BenchmarkSet("medmcqa", "medmcqa_dev", exams.medmcqa, "MIT", _G + "Teddy-XiongGZ/MIRAGE", "392943af", frozen=True),
    *(BenchmarkSet(f"apollo_{code}", "apollo_dev", partial(exams.apollo, language=code), "Apache-2.0",
                   _G + "FreedomIntelligence/Apollo", "505c48e8", code) for code in ("zh", "es", "fr")),
    BenchmarkSet("ncbi_disease", "ncbi_disease", annotated.ncbi_disease, "public domain", _G + "spyysalo/ncbi-disease",
                 "5a266c6f"),
    BenchmarkSet("bc5cdr", "bc5cdr", annotated.bc5cdr, "public domain", _G + "microsoft/BioGPT", "648f7d65"),
    BenchmarkSet("meddocan", "meddocan_es", annotated.meddocan, "CC BY 4.0", _G + "PlanTL-GOB-ES/SPACCC_MEDDOCAN",
                 "783a6df3", "es"),
    BenchmarkSet("presidio_synth", "presidio_synth", annotated.presidio, "MIT", _G + "microsoft/presidio-research",
                 "7622dec1", frozen=True),
    BenchmarkSet("evidence_inference", "evidence_inference", reading.evidence_inference, "MIT",
                 _G + "jayded/evidence-inference", "b9831b6c"),
    BenchmarkSet("medec", "medec_ms", reading.medec, "CC BY 4.0", _G + "abachaa/MEDEC", "70268d24"),
    BenchmarkSet("mts_dialog", "mts_dialog", writing.mts_dialog, "CC BY 4.0", _G + "abachaa/MTS-Dialog", "3ff08019"),
    BenchmarkSet("aci_bench", "aci_bench", writing.aci_bench, "CC BY 4.0", _G + "wyim/aci-bench", "b909b2bb"),
    BenchmarkSet("mts_next_turn", "mts_dialog", dialogue.mts_next_turn, "CC BY 4.0", _G + "abachaa/MTS-Dialog",
                 "3ff08019"),
    BenchmarkSet("aci_next_turn", "aci_bench", dialogue.aci_next_turn, "CC BY 4.0", _G + "wyim/aci-bench", "b909b2bb"),
    BenchmarkSet("meqsum", "meqsum", writing.meqsum, "CC BY 4.0", _G + "abachaa/MeQSum", "51e36cf6", frozen=True),
    BenchmarkSet("medquad", "medquad", writing.medquad, "CC BY 4.0", _G + "abachaa/MedQuAD", "577bd37b", frozen=True),
    BenchmarkSet("icd10_coding", "", coding.icd10_coding, "US government work",
                 "the package simple-icd-10-cm", "1.5.0"),
    BenchmarkSet("medquad_judged", "medquad", judged.medquad_judged, "CC BY 4.0", _G + "abachaa/MedQuAD", "577bd37b",
                 frozen=True),
    BenchmarkSet("huatuo_zh", "huatuo_zh", instructed.huatuo_zh, "Apache-2.0",
                 _G + "SCIR-HI/Huatuo-Llama-Med-Chinese", "ba9b3d65", "zh"),
    BenchmarkSet("medqa", "medqa", hub.medqa, "CC BY 4.0", _H + "GBaker/MedQA-USMLE-4-options", "0fb93dd2"),
    *(BenchmarkSet(f"mmlu_{subject}", "mmlu", partial(hub.mmlu, subject=subject), "MIT", _H + "cais/mmlu", "c30699e8")
      for subject in hub.SUBJECTS),
)}
# fmt: on


def _unknown(name: str) -> str | None:
    return None if name in SETS else f"no such set as {name}; {nearest(name, SETS)}"


def _not_here(name: str) -> str | None:
    try:
        folder_of(name)
    except SourceError as error:
        return str(error)
    return None


SetName = Annotated[str, Rule("the name of a public set: residency data list", _unknown)]
SetHere = Annotated[str, Rule("the name of a public set that is here: residency data list", _not_here)]


def data_folders() -> list[Path]:
    """Return where data sets are looked for: ``$RESIDENCY_DATA``, then ``~/.local/share/residency/data``."""
    given = os.environ.get("RESIDENCY_DATA")
    home = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "residency" / "data"
    return [Path(given), home] if given else [home]


def folder_of(name: str) -> Path:
    """Return the folder of a set; SourceError says where it was looked for and where it comes from."""
    about = known(name)
    if not about.folder:
        return Path()
    for folder in data_folders():
        if (folder / about.folder).is_dir():
            return folder / about.folder
    looked = " and ".join(str(folder / about.folder) for folder in data_folders())
    getting = f"get it with: residency data get {name}; or put" if about.folder in PUBLISHERS else "put"
    raise SourceError(
        f"the data set {name} is not here: looked for {looked}. It comes from {about.url} (commit {about.commit}, "
        f"{about.licence}); {getting} it there, or set RESIDENCY_DATA to the folder that holds {about.folder}/"
    )


def known(name: str) -> BenchmarkSet:
    """Return a set by name; SourceError names all."""
    if name not in SETS:
        raise SourceError(f"no data set is called {name}; known are {', '.join(SETS)}")
    return SETS[name]


def items(name: str, *splits: str) -> Items:
    """Return the items of splits ("train", "validation", "test" or what else a set has), each in the order of its ids.

    Raises SourceError where the set is absent or its files are not as published.
    """
    about, folder = known(name), folder_of(name)
    frozen = frozen_split(name) if about.frozen else {}
    found, seen = Items([]), set[tuple[str, str]]()
    try:
        for item in about.read(folder):
            if "skip" in item:
                found.skipped[item["skip"]] += 1
            elif (part := item.get("split") or frozen.get(item["id"], "train")) not in splits:
                found.elsewhere[part] += 1
            elif (part, item["id"]) in seen:
                found.skipped["id a second time"] += 1
            else:
                seen.add((part, item["id"]))
                found.items.append({**item, "split": part, "group": item.get("group", item["id"])})
    except (OSError, ValueError, KeyError, IndexError) as error:
        kind = f"{type(error).__name__}: {error}" if isinstance(error, OSError) else type(error).__name__
        raise SourceError(
            f"{folder} does not hold {name} as published ({kind}); get it again from {about.url}"
        ) from None
    found.items.sort(key=lambda item: (splits.index(item["split"]), item["id"]))
    return found


def frozen_split(name: str) -> dict[str, str]:
    """Return the split of each item that is not for training, by id, as it was frozen."""
    found = {}
    for split in ("validation", "test"):
        path = FROZEN / f"{name}.{split}.txt"
        found.update(dict.fromkeys(path.read_text(encoding="utf-8").split("\n")[:-1], split))
    return found
