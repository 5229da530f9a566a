"""NEWS2 as a floor under a triage: the signs that are known can make it more urgent, and never less.

Royal College of Physicians 2017, National Early Warning Score (NEWS) 2: 7 points or more call for an emergency
response, 5 or 6 for an urgent review, and so do 3 points of one sign alone. Signs that lack count as normal, so that
the sum is a lower bound and is called one. Below 16 years and in pregnancy the score does not hold; age must be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from residency.infer.tools.calculator import calculators
from residency.infer.tools.tool import Result, Tool, call

SIGNS: Mapping[str, tuple[Any, str]] = {
    "respiratory_rate": (16, "1/min"),
    "oxygen_saturation": (98, "%"),
    "supplemental_oxygen": (False, ""),
    "systolic_pressure": (120, "mmHg"),
    "heart_rate": (70, "1/min"),
    "consciousness": ("alert", ""),
    "temperature": (37.0, "C"),
}
"""The signs, each with a value of no points and its unit."""
YOUNGEST, EMERGENCY, URGENT, RED = 16, 7, 5, 3


@dataclass(frozen=True, slots=True)
class Warned:
    """NEWS2's points, whether they are a lower bound as signs lack, and the least urgency that they ask for."""

    points: int
    lacking: tuple[str, ...]
    urgency: str | None

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"score": "NEWS2", "points": self.points, "lacking": list(self.lacking), "source": _news2().source}


def warned(values: Mapping[str, Any]) -> Warned | None:
    """Return what the signs come to; None where none was measured, or the score does not hold at this age.

    That no oxygen is given is no measurement: a page sends it for a box that was left alone.
    """
    given = {name: values[name] for name in SIGNS if values.get(name) is not None}
    age, measured = values.get("age"), {name for name in given if given[name] is not False}
    if not measured or age is None or age < YOUNGEST:
        return None
    points = _points(given)
    alone = max(_points({name: value}) for name, value in given.items())
    urgency = "emergency" if points >= EMERGENCY else "urgent" if points >= URGENT or alone >= RED else None
    return Warned(points, tuple(name for name in SIGNS if name not in given), urgency)


def _points(given: Mapping[str, Any]) -> int:
    """Return the points of some signs, all others normal."""
    values = {name: given.get(name, normal) for name, (normal, _) in SIGNS.items()}
    asked = {name: {"value": one, "unit": SIGNS[name][1]} if SIGNS[name][1] else one for name, one in values.items()}
    found = call(_news2(), asked)
    if not isinstance(found, Result) or not isinstance(found.value, int):
        raise ValueError(f"NEWS2 was not reckoned: {found.says}")
    return found.value


@lru_cache(maxsize=1)
def _news2() -> Tool:
    return next(tool for tool in calculators() if tool.name == "news2")
