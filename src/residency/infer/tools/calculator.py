"""Clinical calculators as tools: each is an entry of ``data`` (inputs, unit, source, what its values mean) and a
formula of the same name, or points that are added up.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import yaml

from residency.infer.tools.formulas import FORMULAS
from residency.infer.tools.inputs import Choice, Input, Refused, Whole, Yes
from residency.infer.tools.measures import measure
from residency.infer.tools.tool import Result, Tool, Value

DATA = Path(__file__).with_name("data")
Bands = Sequence[tuple[float, str]]
Row = Mapping[str, Any]
_COMPARED = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_CONDITION = re.compile(r"([<>]=?)\s*(-?[\d.]+)")


@lru_cache(maxsize=1)
def calculators() -> tuple[Tool, ...]:
    """Return all calculators, by file and in the order of each."""
    rows = [pair for path in sorted(DATA.glob("*.yaml")) for pair in _rows(path).items()]
    return tuple(calculator(name, row) for name, row in rows)


def _rows(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def calculator(name: str, row: Row) -> Tool:
    """Return the calculator of an entry. Its value is rounded, and its band is that of the rounded value."""
    taken = {key: _input(key, one or {}) for key, one in row["inputs"].items()}
    points = row.get("points")
    reckoned = FORMULAS[name] if points is None else partial(_added, points, row.get("plus"))
    bands = tuple((-math.inf if least == "-" else float(least), words) for least, words in row.get("bands", ()))
    digits = row.get("digits", 0 if row["unit"] == "point" else 1)
    run = partial(_run, name, reckoned, row, bands, digits)
    written = row.get("written") or _written(points or {}, row.get("plus"))
    return Tool(name, row["about"], taken, run, row["source"], written, row["unit"], bands, own=True)


def _run(name: str, reckoned: Callable[..., float], row: Row, bands: Bands, digits: int, /, **given: Any) -> Result:
    """Return the value of a calculator in its unit, with the words of its band; Refused where it has none."""
    try:
        value = reckoned(**given)
    except (ZeroDivisionError, OverflowError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise Refused("meaning", f"{name} cannot be reckoned from these numbers together")
    shown = rounded(value, digits)
    says = "; ".join(filter(None, (band_of(shown, bands), row.get("note", ""))))
    return Result((Value(name, shown, row["unit"]),), says, source=row["source"])


def _input(name: str, row: Row) -> Input:
    """Return an input: a whole number, a choice, a yes or no, or a measure of the table with settings of its own."""
    if "true_if" in row:
        return Yes(row["true_if"])
    if "choice" in row:
        return Choice(row["about"], tuple(row["choice"]))
    if "whole" in row:
        return Whole(row["about"], *row["whole"])
    return measure(name, **row)


# --- points ----------------------------------------------------------------------------------------------------------


def _added(points: Mapping[str, Any] | str, plus: str | None, /, **given: Any) -> float:
    """Return the sum of the points of what is given: "sum" adds the numbers themselves, ``plus`` one as it is."""
    if isinstance(points, str):
        return sum(given.values())
    return sum(_points(row, given[name]) for name, row in points.items()) + (math.floor(given[plus]) if plus else 0)


def _points(row: Any, value: Any) -> float:
    """Return the points of one input: its own where it is so, else those of the first condition that holds."""
    if isinstance(value, bool):
        return row if value else 0
    return next((points for condition, points in row.items() if _holds(condition, value)), 0)


def _holds(condition: str, value: Any) -> bool:
    match = _CONDITION.fullmatch(condition)
    return value == condition if not match else _COMPARED[match[1]](round(value, 9), float(match[2]))


def _written(points: Mapping[str, Any] | str, plus: str | None) -> str:
    """Return points in words."""
    if isinstance(points, str):
        return "the sum of all items"
    parts = [plus] if plus else []
    for name, row in points.items():
        words = ", ".join(f"{condition}: {n}" for condition, n in row.items()) if isinstance(row, dict) else f"{row}"
        parts.append(f"{name.replace('_', ' ')} {words}")
    return "the sum of: " + "; ".join(parts)


# --- what is shown ---------------------------------------------------------------------------------------------------


def rounded(value: float, digits: int) -> float | int:
    """Return a value rounded half away from zero to so many digits; a whole number where there are none."""
    scale = 10.0**digits
    shown = math.copysign(math.floor(abs(value) * scale + 0.5 + 1e-9) / scale, value)
    return shown if digits > 0 else int(shown)


def band_of(value: float, bands: Bands) -> str:
    """Return the words of the last band that begins at or below a value; "" where there is none."""
    return next((words for least, words in reversed(list(bands)) if value >= least), "")
