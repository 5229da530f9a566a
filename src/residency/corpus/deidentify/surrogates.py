"""What stands in place of an identifier, by its kind: made up, the same in every note of a patient, and nobody's.

A surrogate follows from the key, the patient, the kind and the text that it replaces (with ``taken``, which says what
occurs in the texts), and from nothing else: no order of the notes and no number of processes changes it. Names, places
and numbers that occur in the texts are passed over, in the order of the draws; dates, ages and postal codes are changed
by their rules, and may occur. Where nothing safe can be made up there is none, and a tag goes in its place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from residency.corpus.deidentify.ages import aged
from residency.corpus.deidentify.dates import Dates
from residency.corpus.deidentify.draws import Draw
from residency.corpus.deidentify.lists import lists_of
from residency.corpus.deidentify.names import Names
from residency.corpus.deidentify.numbers import Numbers
from residency.corpus.deidentify.places import Places
from residency.corpus.deidentify.settings import Hiding

NEAR = 7
"""Days within which a moved day is about where it was."""
PLACES = frozenset(("LOCATION", "HOSPITAL", "ORGANIZATION"))
NUMBERS = frozenset("PHONE FAX EMAIL SSN MRN HEALTH_PLAN ACCOUNT LICENSE VEHICLE DEVICE URL IP OTHER_ID".split())
"""Kinds whose surrogates are numbers and codes. Of those in neither set, and not told below, there are none."""


LONG = 300
"""No identifier has more characters: what does gets a tag."""


class Surrogates:
    """Makes surrogates in a language, out of a key, as the settings say."""

    def __init__(self, settings: Hiding, key: bytes, language: str, taken: Callable[[str], bool]) -> None:
        self.settings, self.key, self.language = settings, key, language
        lists = lists_of(language)
        self.names = Names(
            key, lists, taken, language, initials=settings.initials, gender=settings.gender, sign=settings.sign
        )
        self.places = Places(key, lists, taken, language)
        self.numbers = Numbers(key, taken, language)
        order = {"en": "mdy", "es": "dmy"}[language] if settings.order == "language" else settings.order
        self.dates = Dates(language, order, settings.latest)
        self.shift = functools.lru_cache(maxsize=1 << 14)(self._shift)

    def of(self, patient: str, kind: str, text: str) -> str | None:
        """Return what stands for an identifier of a kind in a patient's text; None where only a tag is safe."""
        if len(text) > LONG:
            return None
        if kind == "NAME":
            return self.names.of(patient, text)
        if kind == "DATE":
            return self._date(patient, text)
        if kind == "AGE":
            return aged(text, self.language)
        if kind in PLACES:
            return self.places.of(patient, text)
        return self.numbers.of(patient, kind, text) if kind in NUMBERS else None

    def _date(self, patient: str, text: str) -> str | None:
        if self.settings.dates == "shift":
            return self.dates.moved(text, self.shift(patient))
        return self.dates.year(text) if self.settings.dates == "year" else None

    def _shift(self, patient: str) -> int:
        """Return by how many days a patient's dates move, back or ahead."""
        draw = Draw(self.key, patient, "shift")
        return draw.of(shifts(self.settings.days)) * (1 if draw.below(2) else -1)


@functools.cache
def shifts(most: int) -> tuple[int, ...]:
    """Return the numbers of days, 1 to ``most``, that dates may move by.

    Not so few, and not so nearly whole years, that a day without its year stays about where it was; all of them where
    ``most`` leaves no other.
    """
    far = (days for days in range(1, most + 1) if min(days % 365.25, 365.25 - days % 365.25) > NEAR)
    return tuple(far) or tuple(range(1, most + 1))
