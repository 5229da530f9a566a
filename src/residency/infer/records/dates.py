"""The days that a text names, as far as they are certain: written out, in numbers, or counted from the note's own day.

What two readings would tell differently (03/04/2024) is kept only as far as both agree, which is the year. A number
that only may be a date (a blood pressure, a score) is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from residency.corpus.deidentify.calendar import MONTHS, names_of

Order = Literal["mdy", "dmy", ""]
"""Which of two numbers is the month where both may be; "": not known."""
_MONTH = r"(?P<month>[^\W\d_]{3,10})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th|º)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_WHOLE = (
    re.compile(rf"(?<![\d/.-]){_YEAR}[-/](?P<month>\d\d)(?:[-/](?P<day>\d\d))?(?![\d/-])"),
    re.compile(rf"(?<![\w/.-]){_DAY}(?: of| de)? {_MONTH}(?:,| of| del?)? {_YEAR}\b"),
    re.compile(rf"\b{_MONTH} {_DAY}(?:,|,? of)? {_YEAR}\b"),
    re.compile(rf"\b{_MONTH}(?:,| of| del?)? {_YEAR}\b"),
)
_NUMBERS = re.compile(r"(?<![\d/.-])(\d{1,2})([/.-])(\d{1,2})\2((?:19|20)\d\d|\d\d)(?![\d/-]|\.\d)")
_NO_YEAR = (
    re.compile(rf"(?<![\w/.-]){_DAY}(?: of| de)? {_MONTH}\b(?! \d)"),
    re.compile(rf"\b{_MONTH} {_DAY}(?![\w/.:%-]|,? (?:\d{{4}}|mg|ml|mm|cm|kg))"),
)
_BEFORE = "in|since|from|until|by|during|before|after|en|desde|hasta"
_ALONE = re.compile(rf"\b(?:{_BEFORE}) {_YEAR}\b(?![-/.,]?\d| (?:mg|ml))", re.IGNORECASE)
_AGO = re.compile(
    r"\b(?:(?P<count>\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten) "
    r"(?P<unit>day|week|month|year)s? (?:ago|earlier|prior|previously))\b",
    re.IGNORECASE,
)
_NEAR = re.compile(r"\b(?:(today|yesterday|tomorrow)|last (week|month|year))\b", re.IGNORECASE)
_COUNTS = dict(zip("one two three four five six seven eight nine ten".split(), range(1, 11), strict=True))
_COUNTS |= {"a": 1, "an": 1}


@dataclass(frozen=True, slots=True)
class When:
    """A date that is written at characters ``start`` to ``end``: ISO 8601, as precise as it is known.

    ``how``: "written", "counted" (from the note's day), or "either" (the numbers allow two days: only the year).
    """

    start: int
    end: int
    date: str
    how: str = "written"


def dates_in(text: str, *, said: str | None = None, order: Order = "", language: str = "en") -> list[When]:
    """Return the dates in a text by place. ``said`` is the day of the note, without which nothing can be counted."""
    day = _as_day(said)
    found: list[When] = []
    for when in (*_written(text, language), *_numbers(text, day, order), *_counted(text, day, language)):
        if not any(when.start < other.end and other.start < when.end for other in found):
            found.append(when)
    return sorted(found, key=lambda when: when.start)


def _as_day(said: str | None) -> date | None:
    try:
        return date.fromisoformat((said or "")[:10])
    except ValueError:
        return None


def _written(text: str, language: str) -> Iterator[When]:
    for pattern in _WHOLE:
        for found in pattern.finditer(text):
            parts = found.groupdict()
            month = int(parts["month"]) if parts["month"].isdigit() else _month(parts["month"], language)
            if iso := _iso(int(parts["year"]), month, int(parts.get("day") or 0)):
                yield When(*found.span(), iso)
    for found in _ALONE.finditer(text):
        yield When(*found.span("year"), found["year"])


def _month(word: str, language: str) -> int:
    """Return the number of a month, 0 where the word is none; short forms are those of three letters and "Sept"."""
    found = names_of(word, MONTHS, language if language in MONTHS else "en")
    if found is None:
        return 0
    name = found[1][found[0]]
    return found[0] + 1 if len(word) in (3, len(name)) or word.lower() == "sept" else 0


def _iso(year: int, month: int, day: int) -> str | None:
    """Return a date with as much of it as there is (a day of 0: none), None for one that no calendar has."""
    try:
        whole = date(year, month, day or 1).isoformat()
    except ValueError:
        return None
    return whole if day else whole[:7]


def _numbers(text: str, said: date | None, order: Order) -> Iterator[When]:
    for found in _NUMBERS.finditer(text):
        first, mark, second, written = found.groups()
        if len(written) == 2 and mark != "/":
            continue
        year = int(written) if len(written) == 4 else _century(int(written), said)
        days = {"mdy": _iso(year, int(first), int(second)), "dmy": _iso(year, int(second), int(first))}
        likely = {name: day for name, day in days.items() if day and (said is None or day <= said.isoformat())}
        kept = set((likely or {name: day for name, day in days.items() if day}).values())
        chosen = days.get("dmy" if mark == "." else order) or (kept.pop() if len(kept) == 1 else None)
        if chosen:
            yield When(*found.span(), chosen)
        elif any(days.values()):
            yield When(*found.span(), f"{year:04d}", "either")


def _century(year: int, said: date | None) -> int:
    """Return the year of two digits that is not later than the one after the note's."""
    last = (said or date.today()).year + 1
    return max(century + year for century in (1900, 2000) if century + year <= last)


def _counted(text: str, said: date | None, language: str) -> Iterator[When]:
    if said is None:
        return
    for pattern in _NO_YEAR:
        for found in pattern.finditer(text):
            month = _month(found["month"], language) if found["month"][:1].isupper() or language == "es" else 0
            days = [_iso(year, month, int(found["day"])) for year in (said.year, said.year - 1)]
            if past := [day for day in days if day and day <= said.isoformat()]:
                yield When(*found.span(), past[0], "counted")
    for found in _AGO.finditer(text):
        count = _COUNTS.get(found["count"].lower()) or int(found["count"])
        if day := _before(said, count, found["unit"].lower()):
            yield When(*found.span(), day, "counted")
    for found in _NEAR.finditer(text):
        shift = {"today": 0, "yesterday": 1, "tomorrow": -1}.get((found[1] or "").lower())
        day = _before(said, 1, found[2].lower()) if shift is None else (said - timedelta(shift)).isoformat()
        if day:
            yield When(*found.span(), day, "counted")


def _before(said: date, count: int, unit: str) -> str | None:
    """Return the day, month or year so long before: no more precise than the unit (a week: to its month)."""
    try:
        if unit == "day":
            return (said - timedelta(count)).isoformat()
        if unit == "week":
            return (said - timedelta(7 * count)).isoformat()[:7]
        if unit == "year":
            return f"{said.year - count:04d}" if said.year > count else None
        months = said.year * 12 + said.month - 1 - count
        return date(months // 12, months % 12 + 1, 1).isoformat()[:7]
    except (ValueError, OverflowError):
        return None
