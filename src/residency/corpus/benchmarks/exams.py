"""Examination questions with given options: PubMedQA, MedMCQA and the multilingual exams of Apollo."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Item = dict[str, Any]
ANSWERS = ("yes", "no", "maybe")
_OPTION = re.compile(r"^\(([A-Z])\)\s*", re.MULTILINE)


def pubmedqa(folder: Path) -> Iterator[Item]:
    """Yield the 1,000 expert-labelled questions of PubMedQA (Jin et al. 2019) with their abstracts, conclusions left
    out; "test" are the 500 of the official ground truth."""
    test = json.loads((folder / "test_ground_truth.json").read_text(encoding="utf-8"))
    for key, row in sorted(json.loads((folder / "ori_pqal.json").read_text(encoding="utf-8")).items()):
        yield {
            "id": key,
            "context": "\n".join(row["CONTEXTS"]),
            "question": row["QUESTION"],
            "choices": list(ANSWERS),
            "answer": ANSWERS.index(row["final_decision"]),
            "split": "test" if key in test else "train",
        }


def medmcqa(folder: Path) -> Iterator[Item]:
    """Yield the 4,183 questions of MedMCQA's dev set (Pal et al. 2022), whose test answers are not public.

    A group is a question's wording: some come twice.
    """
    with (folder / "dev.json").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield {
                "id": row["id"],
                "question": row["question"],
                "choices": [row[f"op{letter}"] for letter in "abcd"],
                "answer": row["cop"] - 1,
                "group": " ".join(re.findall(r"\w+", row["question"].lower())),
                "meta": {"subject": row["subject_name"], "choice_type": row["choice_type"]},
            }


def apollo(folder: Path, language: str) -> Iterator[Item]:
    """Yield the exam questions of one language ("zh", "es", "fr") of Apollo's dev set (Wang et al. 2024)."""
    rows = json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
    for number, row in enumerate(rows):
        key, right = f"{language}-{number:04d}", row["answer"].strip("() ")
        letters = _OPTION.findall(row["options"])
        if right not in letters:
            yield {"id": key, "skip": "several right options"}
            continue
        options = [part.strip() for part in _OPTION.split(row["options"])[2::2]]
        yield {
            "id": key,
            "question": row["question"],
            "choices": [option.removesuffix(".").strip() for option in options],
            "answer": letters.index(right),
            "split": "test",
            "meta": {"exam": row["source"]},
        }
