"""People as judges: a blind form as CSV, filled in by any number of raters, and what it comes to.

A form shows questions and answers in an order drawn from a seed and names no model; which answer is whose lies in a key
beside it, that stays with the one who made the form. Individual forms rate each answer on each axis; pairwise forms say
which of two answers is better (1, 2, or 0 for neither).
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from residency.core.errors import UserError
from residency.core.store import read_json, sha256_json, storage_errors, write_json
from residency.evaluate.judges.axes import axis_of
from residency.evaluate.judges.sheet import sheet
from residency.measure.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, with_interval
from residency.measure.intervals import bootstrap, mean_of

Answers = dict[str, dict[str, str]]  # model -> item id -> answer
Row = dict[str, Any]


def write_form(
    out: Path, questions: dict[str, Row], answers: Answers, axes: Sequence[str], *, pairwise: bool, seed: int = 0
) -> int:
    """Write the form to ``out`` and its key beside it; return its lines.

    ``questions`` is ``{"question", "group"}`` by item id; items that a model has not answered are left out. Raises
    UserError where there is nothing to judge, or a pairwise form has not two models.
    """
    for name in axes:
        axis_of(name)
    if there := [str(path) for path in (out, key_of(out)) if path.exists()]:
        raise UserError(f"{' and '.join(there)} is there already, and may hold ratings; give another name")
    models = sorted(answers)
    if pairwise and len(models) != 2:
        raise UserError(f"a pairwise form compares two models; given are {len(models)}: {', '.join(models)}")
    shared = sorted(set(questions).intersection(*(found.keys() for found in answers.values())))
    if not shared:
        raise UserError("there is no item that all of the models have answered")
    draw = random.Random(f"{seed}:form")
    lines = [line for item in shared for line in (_pair(item, models, draw) if pairwise else _single(item, models))]
    draw.shuffle(lines)
    key = {f"{number:04d}": {**line, "group": questions[line["item"]]["group"]} for number, line in enumerate(lines, 1)}
    with storage_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with storage_errors(out), out.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        shown = ["answer 1", "answer 2"] if pairwise else ["answer"]
        writer.writerow(["line", "question", *shown, *axes, "remark"])
        for number, line in key.items():
            texts = [questions[line["item"]]["question"], *(answers[m][line["item"]] for m in line["models"])]
            line["shown"] = _shown(map(no_formula, texts))
            writer.writerow([number, *map(no_formula, texts), *[""] * (len(axes) + 1)])
    write_json(key_of(out), {"axes": list(axes), "pairwise": pairwise, "models": models, "lines": key})
    return len(lines)


def no_formula(text: str) -> str:
    """Return a text that a spreadsheet shows and does not compute."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def key_of(form: Path) -> Path:
    """Return where the key of a form lies."""
    return form.with_suffix(".key.json")


def _answers(key: Row) -> list[str]:
    return ["answer 1", "answer 2"] if key["pairwise"] else ["answer"]


def _single(item: str, models: Sequence[str]) -> list[Row]:
    return [{"item": item, "models": [model]} for model in models]


def _pair(item: str, models: Sequence[str], draw: random.Random) -> list[Row]:
    return [{"item": item, "models": draw.sample(list(models), 2)}]


def read_form(path: Path, key: Row) -> dict[str, dict[str, float]]:
    """Return a rater's ratings by axis and line; UserError names every row that cannot be read. Blank: not rated.

    What stands in a cell is never told: it may be a remark about a patient that slipped into the wrong column.
    """
    ratings: dict[str, dict[str, float]] = {axis: {} for axis in key["axes"]}
    wrong: list[str] = []
    first: dict[str, int] = {}
    for place, row in sheet(path, ("line", "question", *_answers(key), *key["axes"])):
        line = _line(row["line"])
        if line not in key["lines"]:
            wrong.append(f"row {place}: line is none of this form; legal are {_span(key)}")
        elif line in first:
            wrong.append(f"row {place}: line {line} stands in row {first[line]} already; leave one of the two")
        elif _shown(row[name] for name in ("question", *_answers(key))) != key["lines"][line]["shown"]:
            wrong.append(f"row {place}: the question or an answer is not the one of this form's line {line}")
        else:
            wrong += _rated(row, place, line, key, ratings)
        first.setdefault(line, place)
    if wrong:
        raise UserError("\n".join(f"{path.name}: {problem}" for problem in wrong))
    return ratings


def _rated(row: dict[str, str], place: int, line: str, key: Row, ratings: dict[str, dict[str, float]]) -> list[str]:
    """Add a row's ratings to the others; return what is wrong with them."""
    wrong = []
    for axis in key["axes"]:
        text = row[axis].strip()
        legal = ("0", "1", "2") if key["pairwise"] else tuple(map(str, axis_of(axis).ratings))
        if text in legal:
            ratings[axis][line] = float(text)
        elif text:
            wrong.append(f"row {place}: {axis} is no rating; legal are {', '.join(legal)}, or blank")
    return wrong


def _line(text: str) -> str:
    """Return a line's number as the key has it; spreadsheets save 0001 as 1."""
    text = text.strip()
    return f"{int(text):04d}" if text.isascii() and text.isdecimal() and len(text) < 10 else ""


def _shown(texts: Iterable[str]) -> str:
    """Return the hash of what a line shows, however a program ends the lines within a cell."""
    return sha256_json([text.replace("\r\n", "\n").replace("\r", "\n") for text in texts])


def _span(key: Row) -> str:
    lines = list(key["lines"])
    return f"{lines[0]} to {lines[-1]}"


def results(form: Path, filled: Sequence[Path]) -> list[Row]:
    """Return for each axis what the raters say of each model, with intervals by group, and how well they agree."""
    if not key_of(form).exists():
        raise UserError(f"there is no key {key_of(form)}; it was written beside the form")
    key = read_json(key_of(form))
    raters = {path.stem: read_form(path, key) for path in filled}
    if len(raters) < len(filled):
        raise UserError("two filled forms have the same name; a rater's name is the file's")
    if empty := [path.name for path in filled if not any(raters[path.stem].values())]:
        raise UserError(f"nothing is filled in yet in {', '.join(empty)}: ratings go into {', '.join(key['axes'])}")
    return [_axis(axis, key, {name: found[axis] for name, found in raters.items()}) for axis in key["axes"]]


def _axis(axis: str, key: Row, raters: dict[str, dict[str, float]]) -> Row:
    lines = list(key["lines"])
    table = np.array([[found.get(line, np.nan) for found in raters.values()] for line in lines])
    groups = [str(key["lines"][line]["group"]) for line in lines]
    if key["pairwise"]:  # from places to models: 1 where the first model of the key is preferred
        turned = np.array([key["lines"][line]["models"][0] == key["models"][0] for line in lines])
        first = np.where(turned[:, None], table == 1, table == 2)
        table = np.where(np.isnan(table), np.nan, np.where(table == 0, 0.5, first.astype(float)))
    return {
        "axis": axis,
        "models": _values(key, lines, table, groups),
        "agreement": _agreement(table, groups, ordered=not key["pairwise"]) if len(raters) > 1 else None,
        "raters": sorted(raters),
    }


def _values(key: Row, lines: Sequence[str], table: np.ndarray, groups: Sequence[str]) -> list[Row]:
    made = []
    for model in key["models"][:1] if key["pairwise"] else key["models"]:
        rows = [
            {"group": group, "score": float(np.nanmean(ratings))}
            for line, ratings, group in zip(lines, table, groups, strict=True)
            if (key["pairwise"] or key["lines"][line]["models"] == [model]) and not np.isnan(ratings).all()
        ]
        metric = mean_of("preferred" if key["pairwise"] else "rating", graded=True)
        bounded = metric if key["pairwise"] else _unbounded(metric)
        found = bootstrap(rows, bounded)
        value, low, high = (None if math.isnan(v) else v for v in (found.value, found.low, found.high))
        made.append({"model": model, "value": value, "low": low, "high": high, "n": len(rows)})
    return made


def _unbounded(metric: Any) -> Any:
    from dataclasses import replace

    return replace(metric, bounded=False)


def _agreement(table: np.ndarray, groups: Sequence[str], *, ordered: bool) -> Row:
    def alpha(ratings: np.ndarray) -> float:
        return krippendorff_alpha(ratings, level="ordinal" if ordered else "nominal")

    found = with_interval(alpha, table, groups, n=500)
    made: Row = {"krippendorff_alpha": found.value, "low": found.low, "high": found.high}
    made["fleiss_kappa"] = fleiss_kappa(table)
    if table.shape[1] == 2:
        weights = "quadratic" if ordered else "none"
        made["cohen_kappa"] = cohen_kappa(table[:, 0].tolist(), table[:, 1].tolist(), weights=weights)
    return made
