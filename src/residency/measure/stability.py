"""Whether the same is answered when the same is asked in another way, and whether an option is chosen for its place.

Each variant of the asking has its rows, one an item. What they have in common is counted by item, so that intervals
draw whole groups as everywhere else. An option is known by its number in the item's own order: at ``place`` of
``places`` in a row whose options were turned by ``turn`` stands number ``(place + turn) % places``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from residency.measure.intervals import Row
from residency.measure.scorers import parse_mentions

Made = dict[str, Any]


def side_by_side(variants: Sequence[Sequence[Row]]) -> list[list[Row]]:
    """Return each item's rows, one for each variant that asked it; items in the order in which they first come."""
    items: dict[str, list[Row]] = {}
    for rows in variants:
        for row in rows:
            items.setdefault(row["id"], []).append(row)
    return list(items.values())


def consistency(items: Sequence[Sequence[Row]], said: Callable[[Row], Hashable]) -> list[Made]:
    """Return a row an item: score 1.0 where all its answers say the same, 0.0 where not, None where one was not scored.

    ``said`` is what an answer says, None where it could not be read: that is the same as nothing. With the score is
    ``answers``, how many different ones there were. Elazar et al. 2021, Measuring and Improving Consistency in
    Pretrained Language Models, count pairs of paraphrases; here an item counts once, by all of its variants.
    """
    made = []
    for rows in items:
        answers = [said(row) for row in rows]
        known = [a for a in answers if a is not None]
        different = len(set(known)) + len(answers) - len(known)
        missing = any(row.get("score") is None for row in rows)
        made.append({**_whose(rows), "score": None if missing else float(different == 1), "answers": different})
    return made


def said_by(kind: str) -> Callable[[Row], Hashable]:
    """Return what an answer of a kind of task says, for ``consistency``.

    A choice says its option, whatever its place; a list the set of its entries; a number the nearest whole one; a text
    its words, in any case.
    """

    def said(row: Row) -> Hashable:
        if row.get("parsed") is False or row.get("prediction") is None:
            return None
        if kind == "choice":
            return option(row)
        if kind == "similar":
            return math.floor(float(row["prediction"]) + 0.5)
        if kind in ("extract", "relate", "tag"):
            return frozenset(parse_mentions(row["prediction"])[0])
        return " ".join(str(row["prediction"]).lower().split())

    return said


def option(row: Row) -> int | None:
    """Return the number of the chosen option in the item's own order; None where none was chosen."""
    return None if row["place"] is None else int((row["place"] + row["turn"]) % row["places"])


def averaged(items: Sequence[Sequence[Row]]) -> list[Made]:
    """Return a row an item, scored by the option that has the most probability over all turns of its options.

    A turn gives each option its share by likelihood, or all to the one that was written. Options that have the most
    together share the score. Averaging over turns is the debiasing by cyclic permutation of Zheng et al. 2024, Large
    Language Models Are Not Robust Multiple Choice Selectors.
    """
    made = []
    for rows in items:
        mass = sum(_mass(row) for row in rows)
        right = (rows[0]["right"] + rows[0]["turn"]) % rows[0]["places"]
        best = np.flatnonzero(np.isclose(mass, np.max(mass)) & (mass > 0))
        score = float(right in best) / max(1, len(best))
        missing = any(row.get("score") is None for row in rows)
        made.append({**_whose(rows), "score": None if missing else score})
    return made


def _mass(row: Row) -> np.ndarray:
    """Return what a row gives to each option, [places], in the item's own order."""
    mass = np.zeros(row["places"])
    if row["place"] is not None:
        mass[row["place"]] = 1.0
    if row.get("choice_logprobs"):
        logprobs = np.array(row["choice_logprobs"], dtype=float)
        mass = np.exp(logprobs - np.logaddexp.reduce(logprobs))
    return np.roll(mass, row["turn"])


def excess(rows: Sequence[Row], place: int) -> list[Made]:
    """Return a row an answer, scored 1 where ``place`` was chosen, less 1 where the right option stood there.

    Their mean is how much oftener the place is chosen than it is right: 0 for a model that follows what is said. Rows
    without such a place, or without a choice, are None. Over all turns of an item every place is right equally often
    (Pezeshkpour and Hruschka 2023, Large Language Models Sensitivity to The Order of Options).
    """
    return [{**_whose([row]), "score": _at(row, place)} for row in rows]


def _at(row: Row, place: int) -> float | None:
    if row["place"] is None or row["right"] is None or row["places"] <= place:
        return None
    return float(row["place"] == place) - float(row["right"] == place)


def favourite(rows: Sequence[Row]) -> int:
    """Return the place that is most often chosen beyond how often it is right; the first of equal ones."""
    places = max((row["places"] for row in rows), default=1)
    found = [[s for row in rows if (s := _at(row, place)) is not None] for place in range(places)]
    means = [float(np.mean(scores)) if scores else -np.inf for scores in found]
    return int(np.argmax(means))


def _whose(rows: Sequence[Row]) -> Made:
    return {"id": rows[0]["id"], "group": rows[0]["group"]}
