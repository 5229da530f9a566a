"""Structured entries of C-CDA as lines, for sections without narrative: problems, medications, allergies, results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from residency.corpus.readers.markup import day_of, flat

_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_STATEMENTS = ("observation", "substanceAdministration", "supply", "procedure", "encounter")


def entry_lines(entry: Any) -> Iterator[str]:
    """Yield a line for each statement in an entry: what it is, its value, its time, and whether it is denied."""
    for statement in entry.iter(*_STATEMENTS):
        what, value = _named(statement)
        said = f"not {value or what}" if statement.get("negationInd") == "true" else value or what
        when = _period(statement.find("effectiveTime"))
        if value or what:
            yield (f"{what}: " if what and value else "") + said + (f" ({when})" if when else "")


def _named(statement: Any) -> tuple[str, str]:
    """Return a statement's name and its value, "" where it has none."""
    material = statement.find("consumable/manufacturedProduct/manufacturedMaterial")
    if material is None:
        material = statement.find("product/manufacturedProduct/manufacturedMaterial")
    if material is not None:
        dose, route = value_words(statement.find("doseQuantity")), shown(statement.find("routeCode"))
        return "", " ".join(filter(None, (shown(material.find("code")) or flat(material.find("name")), dose, route)))
    value = ", ".join(filter(None, map(value_words, statement.iterfind("value"))))
    agent = statement.find("participant/participantRole/playingEntity")
    if agent is not None and (name := shown(agent.find("code")) or flat(agent.find("name"))):
        return value or shown(statement.find("code")), name
    return shown(statement.find("code")), value


def shown(code: Any) -> str:
    """Return the words of a coded value: its display name, its translation's, its own text, else the code."""
    if code is None:
        return ""
    names = [code.get("displayName"), *(part.get("displayName") for part in code.iterfind("translation"))]
    return next(filter(None, names), "") or flat(code.find("originalText")) or code.get("code") or ""


def value_words(value: Any) -> str:
    """Return a value in words: a quantity with its unit, a range, a coded value's name, or its text."""
    if value is None or value.get("nullFlavor"):
        return ""
    kind = (value.get(_TYPE) or "").rpartition(":")[2]
    if kind in ("CD", "CE", "CV", "CO", "CS"):
        return shown(value)
    if number := value.get("value"):
        unit = value.get("unit") or ""
        return number if unit in ("", "1") else f"{number} {unit}"
    if (low := value_words(value.find("low"))) or value.find("high") is not None:
        high = value_words(value.find("high"))
        return f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"
    return flat(value) or shown(value)


def _period(time: Any) -> str:
    """Return a moment, or a period "from to", as ISO 8601 days."""
    if time is None:
        return ""
    if day := moment_of(time.get("value")):
        return day
    ends = [moment_of(end.get("value")) if end is not None else None for end in (time.find("low"), time.find("high"))]
    return " to ".join(filter(None, ends)) if ends[0] else f"until {ends[1]}" if ends[1] else ""


def moment_of(value: str | None) -> str | None:
    """Return the day of an HL7 time stamp such as 20210305141500-0500, as ISO 8601, as precise as it is."""
    digits = (value or "").strip()[:8]
    return day_of(digits[:4], digits[4:6], digits[6:8])
