"""Screening by rule: which instruments are filled in whole, their points, and when a person has to be called at once.

The sums are those of ``infer/tools``; no model adds up. Nothing is filled in for an item that lacks: an instrument with
a gap is not scored. Any point for thoughts of self-harm hands over at once, whatever else was answered (Kroenke et al.
2001; the item of PHQ-9 alone is no measure of risk, and asks for a talk).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from residency.infer.tools.calculator import calculator, calculators
from residency.infer.tools.tool import Result, Tool, call
from residency.serve.apps.application import Application
from residency.serve.apps.words import words
from residency.serve.types import URGENCIES, Refused

DATA = Path(__file__).with_name("instruments.yaml")
SELF_HARM = "phq_9"
"""The field of the ninth item: how often there were thoughts of death or self-harm."""
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scored:
    """What an instrument came to: its points of ``most``, the words of its band, and whether it is positive."""

    name: str
    title: str
    points: int
    most: int
    band: str
    positive: bool
    urgency: str
    source: str

    def sentence(self, language: str) -> str:
        """Return it in words."""
        said = words("positive" if self.positive else "not_positive", language)
        return f"{self.title}: {self.points} / {self.most}, {', '.join(filter(None, (self.band, said)))}."

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        found = {"instrument": self.title, "points": self.points, "most": self.most, "band": self.band}
        return {**found, "positive": self.positive, "source": self.source}


@dataclass(frozen=True, slots=True)
class Screened:
    """All that was scored, the instruments with a gap and which items those lack, and whether to escalate at once."""

    scored: tuple[Scored, ...]
    gaps: Mapping[str, tuple[str, ...]]
    self_harm: bool
    urgency: str


def hands_over(application: Application, fields: Mapping[str, Any]) -> bool:
    """Return whether thoughts of self-harm are answered for, as far as that can be told of unchecked fields."""
    asks = any(one.name == "screening" for one in application.checks)
    return asks and str(fields.get(SELF_HARM) or "").strip() in ("1", "2", "3")


def screened(values: Values, language: str) -> Screened:
    """Return what the answered items come to; Refused where no instrument is whole and nothing has to be escalated."""
    found = {name: one for name, row in instruments().items() if (one := _scored(name, row, values, language))}
    gaps = gaps_of(values)
    instead = {row.get("instead") for name, row in instruments().items() if name in found}
    kept = tuple(one for name, one in found.items() if name not in instead)
    self_harm = bool(values.get(SELF_HARM))
    if not kept and not self_harm:
        begun = " ".join(_gaps(gaps, "en"))
        known = "no instrument is filled in whole: PHQ-2, PHQ-9, GAD-2, GAD-7 or AUDIT-C"
        raise Refused(f"{known}. {begun}".rstrip(". "), code="incomplete", param=next(iter(gaps.values()), ("",))[0])
    urgencies = [one.urgency for one in kept] + ["urgent"] * self_harm
    return Screened(kept, gaps, self_harm, min(urgencies, key=URGENCIES.index))


def _scored(name: str, row: Mapping[str, Any], values: Values, language: str) -> Scored | None:
    given = {item: values.get(field) for item, field in row["fields"].items()}
    if None in given.values():
        return None
    tool = tool_of(name)
    result = call(tool, given)
    if not isinstance(result, Result) or not isinstance(result.value, (int, float)):
        raise Refused(f"{row['title']}: {result.says}", code="invalid_field")
    points, limit = int(result.value), row["positive"]
    limit = limit[values.get("sex") or ""] if isinstance(limit, dict) else limit
    band = next((said[language] for least, said in reversed(row["bands"]) if points >= least), "")
    urgency = next((said for least, said in reversed(row["urgent"]) if points >= least), "routine")
    return Scored(name, row["title"], points, row["most"], band, points >= limit, urgency, tool.source)


def gaps_of(values: Values) -> dict[str, tuple[str, ...]]:
    """Return the instruments that were begun and not filled in whole, by title, with the fields that each lacks."""
    return {row["title"]: missing for row in instruments().values() if (missing := _lacking(row, values))}


def _lacking(row: Mapping[str, Any], values: Values) -> tuple[str, ...]:
    """Return the items that an instrument lacks, where more is answered than its short form asks."""
    short = instruments().get(row.get("instead", ""), {"fields": {}})["fields"].values()
    lacking = tuple(field for field in row["fields"].values() if values.get(field) is None)
    begun = any(values.get(field) is not None for field in row["fields"].values() if field not in short)
    return lacking if begun else ()


@lru_cache(maxsize=1)
def instruments() -> dict[str, dict[str, Any]]:
    """Return the instruments by name, as their file has them."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return found


@lru_cache(maxsize=16)
def tool_of(name: str) -> Tool:
    """Return the calculator of an instrument: one of ``infer/tools``, or the sum of its items."""
    row = instruments()[name]
    if "calculator" in row:
        return next(tool for tool in calculators() if tool.name == row["calculator"])
    inputs = {item: {"about": item, "whole": [0, 3]} for item in row["fields"]}
    return calculator(name, {"about": row["title"], "inputs": inputs, "unit": "point", "points": "sum",
                             "source": row["source"]})  # fmt: skip


def sentences(found: Screened, language: str) -> Iterator[str]:
    """Yield what was scored, and what could not be, in words."""
    yield from (one.sentence(language) for one in found.scored)
    yield from _gaps(found.gaps, language)


def lacking(given: Mapping[str, str], language: str) -> list[str]:
    """Return in words what each instrument lacks that was begun, of fields as a form gives them."""
    return list(_gaps(gaps_of({name: value for name, value in given.items() if value.strip()}), language))


def _gaps(gaps: Mapping[str, tuple[str, ...]], language: str) -> Iterator[str]:
    """Yield what each instrument lacks, by the numbers of its items."""
    for title, missing in gaps.items():
        yield words("gap", language).format(title, ", ".join(field.rpartition("_")[2] for field in missing))
