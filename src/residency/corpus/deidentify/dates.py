"""Dates moved by as many days as the patient's, written as they were written: what lies between two of them stays.

What cannot be read as a day, or as a month of a year, is not moved: it gets a tag, as no date is safe by looking odd.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Order = Literal["mdy", "dmy", "ymd"]
ENGLISH = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
           "December")  # fmt: skip
SPANISH = ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
           "noviembre", "diciembre")  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
            "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
            "twentieth", "twenty-first", "twenty-second", "twenty-third", "twenty-fourth", "twenty-fifth",
            "twenty-sixth", "twenty-seventh", "twenty-eighth", "twenty-ninth", "thirtieth", "thirty-first")  # fmt: skip
PIECES = re.compile(r"\d+|[^\W\d_]+(?:-[^\W\d_]+)?|[\W_]+")
NO_YEAR = 2000
"""The year that stands in where none is written: a leap year, so that 29 February is a day."""


@dataclass(slots=True)
class Parts:
    """A date as it is written: its pieces, and which of them are year, month and day (None: not there)."""

    pieces: list[str]
    year: int | None = None
    month: int | None = None
    day: int | None = None


def shifted(text: str, days: int, *, order: Order = "mdy") -> str | None:
    """Return a written date moved by a number of days, in the same way of writing; None where it cannot be read.

    ``order`` says which of two numbers is the month where both could be. A month without a day moves with its middle.
    """
    if re.fullmatch(r"\d{8}", text):
        moved = _moved(int(text[:4]), int(text[4:6]), int(text[6:]), days)
        return moved.strftime("%Y%m%d") if moved else None
    parts = _parts(text, order)
    if parts is None or parts.month is None:
        return None
    pieces = parts.pieces
    year = _whole_year(pieces[parts.year]) if parts.year is not None else NO_YEAR
    month = _month(pieces[parts.month])
    day = 15 if parts.day is None else _day(pieces[parts.day])
    if month is None or day is None:
        return None
    moved = _moved(year, month, day, days)
    if moved is None:
        return None
    _write(parts, moved)
    return "".join(pieces)


def _moved(year: int, month: int, day: int, days: int) -> date | None:
    try:
        return date(year, month, day) + timedelta(days)
    except (ValueError, OverflowError):
        return None


def _parts(text: str, order: Order) -> Parts | None:
    """Return which pieces of a written date are its year, month and day; None where that is not clear."""
    pieces = PIECES.findall(text)
    words = [i for i, p in enumerate(pieces) if p[0].isalpha()]
    numbers = [i for i, p in enumerate(pieces) if p.isdigit()]
    found = Parts(pieces)
    named = [i for i in words if _month(pieces[i]) is not None]
    if named:
        found.month = named[0]
        for i in numbers:
            if len(pieces[i]) == 4 or int(pieces[i]) > 31 or (found.day is not None and len(pieces[i]) == 2):
                found.year = i
            elif found.day is None and 1 <= int(pieces[i]) <= 31:
                found.day = i
        spoken = [i for i in words if _day(pieces[i]) is not None and i not in named]
        if found.day is None and spoken:
            found.day = spoken[0]
        return found
    if len(numbers) == 3:
        if len(pieces[numbers[0]]) == 4:
            order = "ymd"
        first, second, third = numbers
        places = {"mdy": (third, first, second), "dmy": (third, second, first), "ymd": (first, second, third)}
        for each in (order, "mdy", "dmy"):
            y, m, d = places[each]
            if 1 <= int(pieces[m]) <= 12 and 1 <= int(pieces[d]) <= 31:
                found.year, found.month, found.day = y, m, d
                return found
        return None
    if len(numbers) == 2:
        first, second = numbers
        if len(pieces[second]) == 4:
            found.month, found.year = first, second
            return found if 1 <= int(pieces[first]) <= 12 else None
        a, b = (first, second) if order != "dmy" else (second, first)
        if 1 <= int(pieces[a]) <= 12 and 1 <= int(pieces[b]) <= 31:
            found.month, found.day = a, b
            return found
        if 1 <= int(pieces[b]) <= 12 and 1 <= int(pieces[a]) <= 31:
            found.month, found.day = b, a
            return found
    return None


def _whole_year(text: str) -> int:
    """Return the year that two or four digits stand for; of two, 30 and more are of the last century."""
    year = int(text)
    return year if year > 99 else year + (1900 if year >= 30 else 2000)


def _month(text: str) -> int | None:
    """Return the number of a month that is written as a number, a word or its first three letters."""
    if text.isdigit():
        return int(text) if 1 <= int(text) <= 12 else None
    low = text.lower()
    for names in (ENGLISH, SPANISH):
        for number, name in enumerate(names, 1):
            if len(low) >= 3 and (name.lower().startswith(low) or low == "sept" and number == 9):
                return number
    return 9 if low == "setiembre" else None


def _day(text: str) -> int | None:
    if text.isdigit():
        return int(text) if 1 <= int(text) <= 31 else None
    low = text.lower().replace(" ", "-")
    return ORDINALS.index(low) + 1 if low in ORDINALS else None


def _write(parts: Parts, moved: date) -> None:
    """Write the moved date into the pieces, each as the one that stood there."""
    pieces = parts.pieces
    if parts.year is not None:
        pieces[parts.year] = f"{moved.year:04d}" if len(pieces[parts.year]) > 2 else f"{moved.year % 100:02d}"
    assert parts.month is not None
    pieces[parts.month] = _as(pieces[parts.month], moved.month)
    if parts.day is None:
        return
    was = pieces[parts.day]
    if was.isdigit():
        pieces[parts.day] = f"{moved.day:0{len(was)}d}" if was[0] == "0" or len(was) == 1 else str(moved.day)
        behind = parts.day + 1
        if behind < len(pieces) and pieces[behind].lower() in ("st", "nd", "rd", "th"):
            pieces[behind] = _cased(pieces[behind], _nth(moved.day))
    else:
        pieces[parts.day] = _cased(was, ORDINALS[moved.day - 1])


def _as(was: str, month: int) -> str:
    """Return a month written as another was."""
    if was.isdigit():
        return f"{month:0{len(was)}d}" if was[0] == "0" else str(month)
    low = was.lower()
    names: Sequence[str] = ENGLISH
    if not any(name.lower().startswith(low) for name in ENGLISH) and low != "sept":
        names = SPANISH
    whole = any(name.lower() == low for name in (*ENGLISH, *SPANISH)) or low == "setiembre"
    return _cased(was, names[month - 1] if whole else names[month - 1][:3])


def _cased(was: str, now: str) -> str:
    """Return a word in the letters, capital or small, of another."""
    if was.isupper() and len(was) > 1:
        return now.upper()
    return now.capitalize() if was[0].isupper() else now.lower()


def _nth(day: int) -> str:
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")

