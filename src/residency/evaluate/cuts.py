"""The same numbers cut along other lines than the task: who it is for, the stage of care, the language.

The first two are the axes of Garg et al. 2025 (arXiv 2504.17119), which every task names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from residency.core.types import Interval
from residency.measure.paired import unpaired

Row = dict[str, Any]
REFERENCE = "en"
"""The language that others are held against."""


def primary_of(rows: Iterable[Row]) -> list[Row]:
    """Return the row of each task's own metric for each model, as it is usually asked: it stands before the others."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        if not row["protocol"].get("variant"):
            found.setdefault((row["task"], row["model"]), row)
    return list(found.values())


def variant_text(row: Row) -> str:
    """Return which variant of the asking a row belongs to, or how many it sums up; "" for the usual asking."""
    protocol = row["protocol"]
    variant = str(protocol.get("variant", ""))
    if "variants" not in protocol:
        return variant.replace("-", " ")
    return f"{variant}, {protocol['variants']} variants" + (f": {protocol['at']}" if "at" in protocol else "")


def by_axes(rows: Sequence[Row]) -> list[Row]:
    """Return each stakeholder and stage of care with its rows."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["stakeholder"], row["care"]), []).append(row)
    return [{"stakeholder": who, "care": care, "rows": part} for (who, care), part in sorted(found.items())]


def by_language(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of tasks that are of one kind in several languages, each with its ``gap`` to the reference.

    The items are other ones, so a gap is one of language and of items together. Kinds without the reference language
    are left out.
    """
    kinds: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        same = ("model", "family", "stakeholder", "care", "metric")
        kinds.setdefault(tuple(row[key] for key in same), []).append(row)
    made = []
    for part in kinds.values():
        of = {row["protocol"].get("language", ""): row for row in part}
        if REFERENCE not in of or len(of) < 2 or len(of) < len(part):
            continue
        made += [{**row, "language": code, "gap": _gap(of[REFERENCE], row)} for code, row in of.items()]
    return made


def gaps(rows: Sequence[Row]) -> list[Row]:
    """Return the gaps of ``by_language`` as a ledger holds them, one row a task and model that is not the reference."""
    return [
        {**{key: row[key] for key in ("model", "task", "family", "language")}, "from": REFERENCE, **row["gap"]}
        for row in by_language(rows)
        if row["gap"] is not None
    ]


def _gap(reference: Row, row: Row) -> Row | None:
    """Return a row's value minus the reference's with its interval; None at the reference itself."""
    if row is reference:
        return None
    same = {"metric": row["metric"], "from_task": reference["task"], "groups": min(reference["groups"], row["groups"])}
    sides = [[each[key] for key in ("value", "low", "high")] for each in (reference, row)]
    if any(value is None for side in sides for value in side):
        return {**same, "difference": None, "low": None, "high": None}
    found = unpaired(*(Interval(*side) for side in sides))
    return {**same, "difference": found.value, "low": found.low, "high": found.high}
