"""Answers judged criterion by criterion, by a model with a passport for it: rubrics in the form of HealthBench.

A criterion has points, which it takes away where they are below 0. An answer's score is the sum of the points of the
criteria that it meets over the sum of all points above 0: it may lie below 0, and only the mean over items is cut to 0
to 1 (Arora et al. 2025, HealthBench).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.runs import in_runs, runs_root
from residency.core.store import read_jsonl, sha256_json
from residency.core.types import Example, Message, Model
from residency.evaluate.judges import passport
from residency.evaluate.judges.axes import CRITERION
from residency.evaluate.judges.model import rate
from residency.evaluate.tasks.form import is_chat
from residency.models.load import load

KIND = "answers to health conversations"
MET = CRITERION.ratings[-1]
Row = dict[str, Any]


@lru_cache(maxsize=1)
def judge_of(name: str) -> Model:
    """Return the judge of a name; UserError where it has no passport for rubrics, or did not earn it."""
    model = load(in_runs(name), type="fp32")
    passport.check(runs_root() / "judges", model, CRITERION.name, KIND, called=name)
    return model


def score(rubrics: Sequence[Row], met: Sequence[bool]) -> float:
    """Return the points of the criteria that are met, as a share of all that can be won."""
    won = sum(rubric["points"] for rubric, yes in zip(rubrics, met, strict=True) if yes)
    return float(won / sum(max(0.0, rubric["points"]) for rubric in rubrics))


def judged(judge: Model, examples: Sequence[Example], rows: Sequence[Row]) -> list[Row]:
    """Return the rows with ``met``, a verdict for each criterion, and ``score``; None where one could not be read."""
    asked = [
        question(example.prompt, rubric["criterion"], row["prediction"])
        for example, row in zip(examples, rows, strict=True)
        if row["prediction"] is not None
        for rubric in example.meta["rubrics"]
    ]
    ratings = iter(rate(judge, CRITERION, asked))
    made = []
    for example, row in zip(examples, rows, strict=True):
        rubrics = example.meta["rubrics"]
        found = [next(ratings).rating for _ in rubrics] if row["prediction"] is not None else [math.nan]
        unread = any(map(math.isnan, found))
        met = None if unread else [rating == MET for rating in found]
        made.append({**row, "met": met, "score": None if met is None else score(rubrics, met)})
    return made


def question(prompt: Sequence[Message], criterion: str, answer: str) -> Row:
    """Return what a judge is asked: the conversation with the criterion, and the answer."""
    said = "\n\n".join(f"{message['role']}: {message['content']}" for message in prompt)
    return {"question": f"{said}\n\nCriterion: {criterion}", "answer": answer}


def rated(path: Path) -> list[Row]:
    """Return people's verdicts of a JSONL file as items that a judge is measured on.

    A line holds ``prompt`` (messages), ``completion``, ``rubric`` (the criterion) and ``binary_labels`` (one true or
    false a person); a tie is left out, and a group is a conversation. Raises UserError naming bad lines.
    """
    items, wrong = [], []
    for number, row in enumerate(read_jsonl(path), 1):
        if not _is_rated(row):
            wrong.append(str(number))
            continue
        yes = sum(row["binary_labels"]) / len(row["binary_labels"])
        if yes != 0.5:
            asked = question(row["prompt"], row["rubric"], row["completion"])
            items.append({**asked, "rating": MET if yes > 0.5 else MET - 1, "group": sha256_json(row["prompt"])})
    if wrong:
        raise UserError(
            f"{path}: no prompt, completion, rubric and binary_labels (true or false) in line {', '.join(wrong[:20])}"
        )
    if not items:
        raise UserError(f"{path} holds no verdict of people")
    return items


def _is_rated(row: Any) -> bool:
    if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in ("completion", "rubric")):
        return False
    labels = row.get("binary_labels")
    return is_chat(row.get("prompt")) and isinstance(labels, list) and bool(labels) and set(map(type, labels)) == {bool}
