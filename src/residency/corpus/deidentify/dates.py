"""Dates moved by as many days as the patient's, written as they were written: what lies between two of them stays.

What cannot be read as a day, a month or a year is not moved: it gets a tag, as no date is safe by looking odd. Nor is
a year moved that tells of an age over 89 (45 CFR 164.514(b)(2)(i)(C)): it gets a tag as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from residency.corpus.deidentify.ages import OLD
from residency.corpus.deidentify.calendar import (
    FILLERS,
    MONTHS,
    ORDINALS,
    WEEKDAYS,
    ending_of,
    names_of,
    ordinal_of,
    renamed,
)
from residency.corpus.deidentify.plain import cased, plain

PIECES = re.compile(
    r"(?P<time>\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:[+-]\d\d:?\d\d)?)|(?P<number>\d+)"
    r"|(?P<word>(?:twenty|thirty)[ -][^\W\d_]+|[^\W\d_]+)|[\W_]+?",
    re.IGNORECASE,
)
BETWEEN = re.compile(r"( (?:-|–|—|to|through|until|and|hasta|al?|y) |[–—]|-)")
"""What parts the two ends of a span of time."""
PLACES = {"mdy": ((0, 1, 2), (1, 0, 2)), "dmy": ((1, 0, 2), (0, 1, 2)), "ymd": ((1, 2, 0),)}
"""Of three numbers, the places of month, day and year; in the second order where the first gives no date."""


@dataclass(slots=True)
class Read:
    """A date as it is written: its pieces, and which of them are month, day, year and weekdays (None: not there).

    ``padded``: its numbers of one digit have a zero before them.
    """

    pieces: list[str]
    weekdays: list[int]
    month: int | None = None
    day: int | None = None
    year: int | None = None
    padded: bool = False


@dataclass(frozen=True, slots=True)
class Dates:
    """Reads and writes dates of a language, in texts that were written up to the year ``latest``.

    Of two digits, the year is the one from ``latest`` - 89 on. ``order`` says which of two numbers is the month where
    both can be one.
    """

    language: str
    order: str
    latest: int

    def moved(self, text: str, days: int) -> str | None:
        """Return a written date moved by a number of days; None where it cannot be read.

        A month without a day moves with its 15th, a year with its 2nd of July, a weekday by itself with the days. A
        day without a year is taken as one of 2001 (29 February: of 2000).
        """
        return self._each(text, lambda part, year: self._moved(part, days, year))

    def year(self, text: str) -> str | None:
        """Return the year of a written date, in four digits; None where it holds none."""
        return self._each(text, self._only_year)

    def _each(self, text: str, change: Callable[[str, int | None], str | None]) -> str | None:
        """Return a date changed, or both ends of a span of time; None where it cannot be read."""
        clean = plain(text)
        if clean is None or len(clean) > 80:
            return None
        whole = change(clean, None)
        if whole is not None:
            return whole
        for between in BETWEEN.finditer(clean):
            first, second = clean[: between.start()], clean[between.end() :]
            ends = change(first, self._year_of(second)), change(second, self._year_of(first))
            if ends[0] is not None and ends[1] is not None:
                return ends[0] + between[0] + ends[1]
        return None

    def _year_of(self, text: str) -> int | None:
        read = self.read(text)
        return self._whole_year(read.pieces[read.year]) if read is not None and read.year is not None else None

    def _only_year(self, text: str, year: int | None = None) -> str | None:
        read = self.read(text)
        if read is None:
            return None
        year = self._whole_year(read.pieces[read.year]) if read.year is not None else year
        return f"{year:04d}" if year else None

    def _moved(self, text: str, days: int, year: int | None = None) -> str | None:
        read = self.read(text)
        if read is None:
            return None
        was = self._date(read, year)
        if was is None:
            return None
        try:
            now = was + timedelta(days)
        except OverflowError:
            return None
        if read.year is not None and now.year < self.latest - OLD:
            return None
        self._write(read, now, days)
        return "".join(read.pieces)

    def _date(self, read: Read, year: int | None = None) -> date | None:
        """Return the day that a date stands for; ``year`` is the one to take where none is written."""
        pieces, month, day = read.pieces, 7, 2
        if read.month is not None:
            month, day = self._month(pieces[read.month]) or 0, 15
        if read.day is not None:
            day = _day(pieces[read.day]) or 0
        if read.year is not None:
            year = self._whole_year(pieces[read.year])
            if year is None:
                return None
        elif year is None:
            year = 2000 if (month, day) == (2, 29) else 2001
        try:
            return date(year, month, day)
        except ValueError:
            return None

    def _whole_year(self, text: str) -> int | None:
        """Return the year that two or four digits stand for; None where it tells of an age over 89, or is far ahead."""
        year, first = int(text), self.latest - OLD
        if len(text) == 2:
            year += first // 100 * 100
            year += 100 if year < first else 0
        return year if first <= year <= self.latest + 5 else None

    def _month(self, text: str) -> int | None:
        if text.isdecimal():
            return int(text) if 1 <= int(text) <= 12 else None
        found = names_of(text, MONTHS, self.language)
        return found[0] + 1 if found else None

    # --- reading ---------------------------------------------------------------------------------------------------

    def read(self, text: str) -> Read | None:
        """Return which pieces of a written date are what; None where that is not clear."""
        if len(text) == 8 and text.isdecimal():
            return self._compact(text)
        found = list(PIECES.finditer(text))
        read = Read([match[0] for match in found], [])
        numbers, months, days = [], [], []
        for at, match in enumerate(found):
            if match["number"]:
                if len(match[0]) not in (1, 2, 4):
                    return None
                numbers.append(at)
            elif match["word"]:
                word = match[0].replace(" ", "-")
                if names_of(word, MONTHS, self.language):
                    months.append(at)
                elif names_of(word, WEEKDAYS, self.language):
                    read.weekdays.append(at)
                elif ordinal_of(word):
                    days.append(at)
                elif word.lower() not in FILLERS:
                    return None
        if len(months) > 1 or len(days) > 1 or (days and not months):
            return None
        return self._named(read, months[0], numbers, days) if months else self._numbers(read, numbers)

    def _compact(self, text: str) -> Read | None:
        for sizes in ((4, 2, 2), (2, 2, 4)):
            first, second = sizes[0], sizes[0] + sizes[1]
            pieces = [text[:first], text[first:second], text[second:]]
            places = PLACES["ymd"] if sizes[0] == 4 else PLACES[self.order]
            for month, day, year in places:
                read = Read(pieces, [], month, day, year, padded=True)
                if self._date(read):
                    return read
        return None

    def _named(self, read: Read, month: int, numbers: list[int], days: list[int]) -> Read | None:
        """Return a date whose month is a word: of its numbers one may be the day and one the year."""
        read.month = month
        pieces = read.pieces
        if days:
            read.day = days[0]
        years = [i for i in numbers if len(pieces[i]) == 4 or int(pieces[i]) > 31 or (i and pieces[i - 1] in "'’")]
        rest = [i for i in numbers if i not in years]
        if read.day is None and rest:
            read.day = rest.pop(0)
        if not years and rest:
            years.append(rest.pop(0))
        if rest or len(years) > 1:
            return None
        read.year = years[0] if years else None
        return read

    def _numbers(self, read: Read, numbers: list[int]) -> Read | None:
        """Return a date of numbers alone: three, or two of them, or a year; or one of weekdays alone."""
        pieces, count = read.pieces, len(numbers)
        sizes = [len(pieces[i]) for i in numbers]
        tried: list[list[int | None]]
        if count == 3:
            tried = [[numbers[p] for p in places] for places in PLACES["ymd" if sizes[0] == 4 else self.order]]
        elif count == 2 and 4 in sizes:
            tried = [[numbers[sizes.index(4) ^ 1], None, numbers[sizes.index(4)]]]
        elif count == 2:
            a, b = numbers
            either: list[list[int | None]] = [[a, b, None], [b, a, None]]
            tried = [*(either if self.order == "mdy" else either[::-1]), [a, None, b]]
        elif count == 1 and sizes[0] == 4:
            tried = [[None, None, numbers[0]]]
        elif count == 0 and read.weekdays:
            return read
        else:
            return None
        padded = sizes[0] == 4 or (count > 1 and min(sizes) > 1)
        for month, day, year in tried:
            made = Read(pieces, read.weekdays, month, day, year, padded)
            if (month is None or self._month(pieces[month])) and self._date(made):
                return made
        return None

    # --- writing ---------------------------------------------------------------------------------------------------

    def _write(self, read: Read, now: date, days: int) -> None:
        """Write a moved date into the pieces, each as the one that stood there."""
        pieces = read.pieces
        for at in read.weekdays:
            place = names_of(pieces[at], WEEKDAYS, self.language)
            assert place is not None
            pieces[at] = renamed(pieces[at], (place[0] + days) % 7, WEEKDAYS, self.language)
        if read.year is not None:
            pieces[read.year] = f"{now.year:04d}" if len(pieces[read.year]) == 4 else f"{now.year % 100:02d}"
        zero = read.padded or any(at is not None and pieces[at][0] == "0" for at in (read.month, read.day))
        if read.month is not None:
            was = pieces[read.month]
            word = not was.isdecimal()
            pieces[read.month] = renamed(was, now.month - 1, MONTHS, self.language) if word else _two(now.month, zero)
        if read.day is None:
            return
        was = pieces[read.day]
        if not was.isdecimal():
            spoken = ORDINALS[now.day - 1]
            pieces[read.day] = cased(was, spoken.replace("-", " ") if " " in was else spoken)
            return
        pieces[read.day] = _two(now.day, zero)
        behind = read.day + 1
        if behind < len(pieces) and pieces[behind].lower() in ("st", "nd", "rd", "th"):
            pieces[behind] = cased(pieces[behind], ending_of(now.day))


def _day(text: str) -> int | None:
    if text.isdecimal():
        return int(text) if 1 <= int(text) <= 31 else None
    return ordinal_of(text.replace(" ", "-"))


def _two(number: int, zero: bool) -> str:
    """Return a number of one or two digits, with a zero before it where asked."""
    return f"{number:02d}" if zero else str(number)
