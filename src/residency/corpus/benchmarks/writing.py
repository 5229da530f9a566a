"""Texts to be written: notes from dialogues (MTS-Dialog, ACI-Bench), short questions (MeQSum), answers (MedQuAD)."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.corpus.benchmarks.tables import csv_rows

Item = dict[str, Any]

SECTIONS = {
    "allergy": "allergies",
    "assessment": "assessment",
    "cc": "chief complaint",
    "diagnosis": "diagnosis",
    "disposition": "disposition",
    "edcourse": "emergency department course",
    "exam": "physical examination",
    "fam/sochx": "family and social history",
    "genhx": "history of present illness",
    "gynhx": "gynaecological history",
    "imaging": "imaging",
    "immunizations": "immunizations",
    "labs": "laboratory results",
    "medications": "medications",
    "other_history": "other history",
    "pastmedicalhx": "past medical history",
    "pastsurgical": "past surgical history",
    "plan": "plan",
    "procedures": "procedures",
    "ros": "review of systems",
}
"""MTS-Dialog's twenty section headers in words (Ben Abacha et al. 2023, table 1)."""


def mts_dialog(folder: Path) -> Iterator[Item]:
    """Yield the dialogues of MTS-Dialog with the note section to write; "test" is test set 1 (of the task MEDIQA-Chat)
    and "test2" test set 2 (of MEDIQA-Sum)."""
    files = {
        "train": "TrainingSet",
        "validation": "ValidationSet",
        "test": "TestSet-1-MEDIQA-Chat-2023",
        "test2": "TestSet-2-MEDIQA-Sum-2023",
    }
    for split, name in files.items():
        for row in csv_rows(folder / f"MTS-Dialog-{name}.csv"):
            yield {
                "id": f"{split}-{row['ID']}",
                "input": row["dialogue"].strip(),
                "reference": row["section_text"].strip(),
                "split": split,
                "meta": {"section": SECTIONS[row["section_header"].lower()]},
            }


def aci_bench(folder: Path) -> Iterator[Item]:
    """Yield the visits of ACI-Bench (Yim et al. 2023), dialogue and whole note, with the patient's sex and age;
    "test" is its valid part, the one beside train that lies here."""
    for split, name in (("train", "train"), ("test", "valid")):
        about = {row["encounter_id"]: row for row in csv_rows(folder / f"{name}_metadata.csv")}
        for row in csv_rows(folder / f"{name}.csv"):
            facts = about.get(row["encounter_id"], {})
            yield {
                "id": row["encounter_id"],
                "input": row["dialogue"].strip(),
                "reference": row["note"].strip(),
                "split": split,
                "meta": {"sex": facts.get("patient_gender", ""), "age": facts.get("patient_age", "")},
            }


def meqsum(folder: Path) -> Iterator[Item]:
    """Yield the 1,000 consumer questions of MeQSum with their short forms (Ben Abacha and Demner-Fushman 2019).

    A group is a short question: some long ones share it.
    """
    from openpyxl import load_workbook

    book = load_workbook(folder / "MeQSum_ACL2019_BenAbacha_Demner-Fushman.xlsx", read_only=True)
    rows = book.worksheets[0].iter_rows(values_only=True)
    header = [str(cell or "").strip() for cell in next(rows)]
    place = [header.index(name) for name in ("File", "CHQ", "Summary")]
    for number, row in enumerate(rows):
        name, long, short = (str(row[i] or "").strip() for i in place)
        if long and short:
            yield {"id": f"{number:04d}-{name}", "input": long, "reference": short, "group": _plain(short)}


def medquad(folder: Path) -> Iterator[Item]:
    """Yield the 16,407 answered questions of MedQuAD (Ben Abacha and Demner-Fushman 2019).

    A group is the disease or drug asked about (``focus``), over all sources, so that no test question asks about one
    that was learned.
    """
    with gzip.open(folder / "medquad.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield {
                "id": f"{row['file']}#{row['id']}",
                "input": " ".join(row["question"].split()),
                "reference": " ".join(row["answer"].split()),
                "group": _plain(row["focus"] or row["id"]),
                "meta": {"type": row["qtype"], "source": row["source"]},
            }


def _plain(text: str) -> str:
    return re.sub(r"[^0-9a-z]+", " ", text.lower()).strip()
