"""Answers that people have judged: MedQuAD's 2,479 answers to the LiveQA-Med questions, 1 (incorrect) to 4 (excellent).

The consumers' own questions are not in that repository; an answer carries the question it was written for, which is
what its judgement can be predicted from, together with the other answers to the same question.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Item = dict[str, Any]
FOLDER = "QA-TestSet-LiveQA-Med-Qrels-2479-Answers"
RATED = {"medquad_judged": ("relevance", (1, 2, 3, 4))}
"""The sets of rated answers: what was rated, and the ratings, the lowest first."""


def medquad_judged(folder: Path) -> Iterator[Item]:
    """Yield the judged answers (Ben Abacha and Demner-Fushman 2019): ``question`` (of MedQuAD), ``answer``, ``rating``.

    A group is a consumer's question; its number is all that is known of it here.
    """
    csv.field_size_limit(10_000_000)
    with (folder / FOLDER / "All-2479-Answers-retrieved-from-MedQuAD.csv").open(encoding="utf-8-sig", newline="") as f:
        texts = {row["AnswerID"]: row["Answer"] for row in csv.DictReader(f)}
    lines = (folder / FOLDER / "All-qrels_LiveQAMed2017-TestQuestions_2479_Judged-Answers.txt").read_text().splitlines()
    for line in lines:
        question, judgement, answer = line.split()
        if answer not in texts:
            yield {"id": f"{question}:{answer}", "skip": "no text for this answer"}
            continue
        asked, text = _parts(texts[answer])
        yield {
            "id": f"{question}:{answer}",
            "question": asked,
            "answer": text,
            "rating": int(judgement[0]),
            "group": f"liveqa-{question}",
        }


def _parts(text: str) -> tuple[str, str]:
    found = re.match(r"Question:\s*(.*?)\s*(?:\(Also called:.*?\)\s*)?\nURL:.*?\nAnswer:\s*(.*)", text, re.DOTALL)
    return (found[1].strip(), " ".join(found[2].split())) if found else ("", " ".join(text.split()))
