"""A judge's passport: where it was measured, against whom, and how well it agreed. Without one it does not judge.

The bar is the lower 95% limit of quadratic-weighted kappa against people, on questions that nobody trained on. A
passport holds for one model (by hash), one axis and one kind of text; outside of these it is no passport.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from residency.core.errors import UserError
from residency.core.store import read_json, write_json
from residency.core.types import Model
from residency.corpus import benchmarks
from residency.evaluate.judges.axes import AXES, Axis, axis_of, nearest
from residency.evaluate.judges.model import Judged, rate
from residency.measure.agreement import cohen_kappa, krippendorff_alpha, with_interval
from residency.measure.limits import FEW

BAR = 0.4
"""Moderate agreement begins here (Landis and Koch 1977); it must hold for the interval's lower end."""
MEASURED_ON = {"relevance": ("medquad_judged", "answers to consumers' questions")}
"""The axes on which people's judgements are at hand: the set, and the kind of text that it speaks for."""


def measure(
    model: Model,
    axis_name: str,
    *,
    split: str = "test",
    limit: int = 0,
    rated: tuple[str, str, list[dict[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Return the passport of a judge, earned or not, measured against people's ratings on a set's held-out part.

    On the first ``limit`` ratings only it is an estimate, and never earned.
    ``rated`` are a user's own: (where they are from, the kind of text, items of question, answer, rating and group).
    Raises UserError where no people's ratings of this axis are at hand.
    """
    axis = axis_of(axis_name)
    if rated is not None:
        (name, kind, items), split = rated, "all"
    else:
        name, kind = set_of(axis_name)
        items = benchmarks.items(name, split).items
    part = 0 < limit < len(items)
    items = items[:limit] if part else items
    found = passport_of(axis, items, rate(model, axis, items))
    found |= {"part": part, "earned": found["earned"] and not part}
    return {
        "judge": model.name,
        "judge_hash": model.hash,
        "axis": axis_name,
        "kind": kind,
        "measured_on": name,
        "split": split,
        **found,
    }


def set_of(axis_name: str) -> tuple[str, str]:
    """Return the set that holds people's ratings of an axis, and its kind of text; UserError where none does."""
    if axis_name not in MEASURED_ON:
        raise UserError(
            f"nobody's ratings of {axis_name} are at hand, so a judge of it cannot be measured; legal: "
            f"{', '.join(MEASURED_ON)}. Collect them with a form: residency form"
        )
    return MEASURED_ON[axis_name]


def passport_of(axis: Axis, items: Sequence[dict[str, Any]], judged: Sequence[Judged]) -> dict[str, Any]:
    """Return how well judgements agree with the items' ratings, with intervals by group, and if that is enough.

    Enough is a lower limit at the bar, over at least FEW groups. What the judge did not rate counts as if it had
    chosen the rating farthest from people's.
    """
    people = np.array([float(i["rating"]) for i in items])
    machine = np.array([nearest(axis, j.expected) for j in judged])
    ends = np.array([axis.ratings[0], axis.ratings[-1]], dtype=float)
    farthest = ends[np.abs(ends[None] - people[:, None]).argmax(1)] if len(items) else people
    both = np.column_stack([people, np.where(np.isnan(machine), farthest, machine)])
    groups = [str(i["group"]) for i in items]

    def kappa(ratings: np.ndarray) -> float:
        return cohen_kappa(ratings[:, 0].tolist(), ratings[:, 1].tolist(), weights="quadratic", scale=axis.ratings)

    def alpha(ratings: np.ndarray) -> float:
        return krippendorff_alpha(ratings, level="ordinal")

    agreed, spread = with_interval(kappa, both, groups), with_interval(alpha, both, groups, n=500)
    same = float(np.mean(people == machine)) if len(items) else math.nan
    return {
        "n": len(items),
        "groups": len(set(groups)),
        "not_scored": int(np.isnan(machine).sum()),
        "kappa": agreed.value,
        "kappa_low": agreed.low,
        "kappa_high": agreed.high,
        "alpha": spread.value,
        "alpha_low": spread.low,
        "alpha_high": spread.high,
        "same_rating": same,
        "bar": BAR,
        "least_groups": FEW,
        "earned": bool(agreed.low >= BAR and len(set(groups)) >= FEW),
    }


def place(folder: Path, judge_hash: str, axis: str, part: bool = False) -> Path:
    """Return where a passport lies; an estimate made on a part lies beside it."""
    return folder / f"{judge_hash[:16]}-{axis}{'-part' if part else ''}.json"


def issue(folder: Path, passport: dict[str, Any]) -> Path:
    """Write a passport, earned or refused, and return its file."""
    path = place(folder, passport["judge_hash"], passport["axis"], passport.get("part", False))
    write_json(path, passport)
    return path


def _verdicts(axis: str) -> str:
    """Return what else must be given where no people's judgements of an axis are at hand."""
    return "" if axis in MEASURED_ON else " --items VERDICTS.jsonl, with people's verdicts"


def check(folder: Path, model: Model, axis: str, kind: str, *, called: str = "") -> dict[str, Any]:
    """Return the judge's passport; UserError where it has none for this axis and kind of text, or did not earn it."""
    axis_of(axis)
    path = place(folder, model.hash, axis)
    if not path.exists():
        held = [a for a in AXES if place(folder, model.hash, a).exists()]
        raise UserError(
            f"{model.name} has no passport for {axis} and does not judge"
            + (f" (it was measured for: {', '.join(held)})" if held else "")
            + f". Measure it first: residency judge {called or model.name} --measure --axis {axis}{_verdicts(axis)}"
        )
    found = read_json(path)
    if not found["earned"]:
        raise UserError(
            f"{model.name} was measured for {axis} and did not earn its passport: its agreement with people is kappa "
            f"{found['kappa']:.2f}, at least {found['kappa_low']:.2f} with 95% confidence, on {found.get('groups', 0)} "
            f"questions; the bar is {found['bar']} on {FEW} or more"
        )
    if found["kind"] != kind:
        raise UserError(f"{model.name}'s passport for {axis} holds for {found['kind']}, not for {kind}")
    return found
