"""Choices that follow from a secret key and from what is asked, and from nothing else.

The same question gives the same choice on every machine and in any order; without the key no choice can be foreseen,
nor can it be told from a choice which question was asked.
"""

from __future__ import annotations

import functools
import hmac
import string
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """Choices in a row, out of HMAC-SHA256 (RFC 2104) of the key, the question and a counter."""

    __slots__ = ("_block", "_count", "_key", "_question")

    def __init__(self, key: bytes, *question: str) -> None:
        parts = [part.encode("utf-8", "surrogatepass") for part in question]
        self._key = key
        self._question = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        self._block = b""
        self._count = 0

    def below(self, size: int) -> int:
        """Return a number from 0 up to, and without, ``size`` (which is far below 2^64)."""
        if not self._block:
            self._block = hmac.digest(self._key, self._question + self._count.to_bytes(4, "big"), "sha256")
            self._count += 1
        number, self._block = int.from_bytes(self._block[:8], "big"), self._block[8:]
        return number % size

    def of(self, choices: Sequence[T]) -> T:
        """Return one of them."""
        return choices[self.below(len(choices))]


@functools.lru_cache(maxsize=4096)
def letters_of(key: bytes, patient: str) -> str:
    """Return the letters a to z in an order of the patient's own (Fisher and Yates' shuffle)."""
    draw, letters = Draw(key, patient, "letters"), list(string.ascii_lowercase)
    for last in range(len(letters) - 1, 0, -1):
        other = draw.below(last + 1)
        letters[last], letters[other] = letters[other], letters[last]
    return "".join(letters)
