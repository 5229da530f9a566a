"""A text as the rules see it: one byte a character, bare of accents, dashes of one kind, nothing that takes no room.

Places in it lead back to the original, so that what is found is said in characters of the text as it was given. A
pattern is written once, for plain letters, and also finds what was typed with other dashes, spaces or look-alikes.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import numpy as np

from residency.corpus.identify.words import DIGIT, LINE, LOWER, NONE, PLANE, SIGN, SPACE, UPPER, codes_of, tables

OTHER_SMALL, OTHER_CAPITAL, OTHER_SIGN = ord("x"), ord("X"), ord("?")
"""What stands for a letter or sign that has no plain form."""


MISREAD = bytes.maketrans(b"lIiOoQDSsBbZzgq", b"111000055862299")
"""Letters that a scanner reads where a digit stands, and the digits."""
NUMBER = re.compile(
    rb"(?<![A-Za-z])[lIiOoQDSsBbZzgq]{0,3}\d[\dlIiOoQDSsBbZzgq]*(?:[-/.: ()]{1,2}[\dlIiOoQDSsBbZzgq]+)*(?![A-Za-z])"
)
"""A number in which some digits may be misread: signs part its groups."""

MIXED = re.compile(rb"\d[-/.]?[lIiOoQDSsBbZzgq][-/.\d]|[-/.\d][lIiOoQDSsBbZzgq][-/.]?\d|\b[lIiOoQDSsBbZzgq]\d")
"""What such a number holds somewhere."""


@dataclass(frozen=True, slots=True)
class View:
    """The bytes that rules read, and the place of each in the text; None where every byte is one character of it."""

    data: bytes
    places: np.ndarray | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return where the bytes ``start`` to ``end`` (at least one) stand in the text."""
        if self.places is None:
            return start, end
        return int(self.places[start]), int(self.places[end - 1]) + 1

    def misread(self) -> View | None:
        """Return the view with letters in numbers read as the digits that they look like; None where there are none."""
        if not MIXED.search(self.data):
            return None
        data = NUMBER.sub(_digits, self.data)
        return None if data == self.data else View(data, self.places)


def _digits(found: re.Match[bytes]) -> bytes:
    run = found[0]
    return run.translate(MISREAD) if 2 * sum(48 <= c < 58 for c in run) >= sum(c > 47 for c in run) else run


@functools.cache
def _plain() -> np.ndarray:
    """Return [PLANE + 1] uint8: each character's plain form (0: none, it is left out); the last is of all beyond."""
    kinds, folded = tables()
    small = np.where(folded < 128, folded, OTHER_SMALL).astype(np.uint8)
    made = np.full(PLANE + 1, OTHER_SMALL, np.uint8)
    capital = np.where((small >= 97) & (small <= 122), small - 32, OTHER_CAPITAL)
    here = made[:PLANE]
    here[:] = small
    here[kinds == UPPER] = capital[kinds == UPPER]
    here[kinds == SIGN] = np.where(folded < 128, folded, OTHER_SIGN)[kinds == SIGN]
    here[kinds == DIGIT] = np.where((folded >= 48) & (folded < 58), folded, ord("0"))[kinds == DIGIT]
    here[kinds == SPACE], here[kinds == LINE], here[kinds == NONE] = 32, 10, 0
    here[(kinds == LOWER) & (here == 0)] = OTHER_SMALL
    here[9] = 9
    return made


def view_of(text: str) -> View:
    """Return what the rules see of a text."""
    if text.isascii() and text.isprintable():
        return View(text.encode("ascii"))
    plain = _plain()[np.minimum(codes_of(text), PLANE)]
    if plain.all():
        return View(plain.tobytes())
    places = plain.nonzero()[0]
    return View(plain[places].tobytes(), places)
