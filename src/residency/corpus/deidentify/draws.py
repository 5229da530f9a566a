"""Choices that follow from a secret key and from what is asked, and from nothing else.

The same question gives the same choice on every machine and in any order; without the key no choice can be foreseen,
nor can it be told from a choice which question was asked.
"""

from __future__ import annotations

import functools
import hmac
import string
import struct
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
NUMBERS = struct.Struct(">8Q")


class Draw:
    """Choices in a row, out of HMAC-SHA512 (RFC 2104) of the key, the question and a counter."""

    __slots__ = ("_count", "_key", "_left", "_question")

    def __init__(self, key: bytes, *question: str) -> None:
        self._key = key
        self._question = "".join([f"{len(part)}:{part}" for part in question]).encode("utf-8", "surrogatepass")
        self._left: list[int] = []
        self._count = 0

    def below(self, size: int) -> int:
        """Return a number from 0 up to, and without, ``size`` (which is far below 2^64)."""
        if not self._left:
            block = hmac.digest(self._key, self._question + self._count.to_bytes(4, "big"), "sha512")
            self._left.extend(NUMBERS.unpack(block))
            self._count += 1
        return self._left.pop() % size

    def of(self, choices: Sequence[T]) -> T:
        """Return one of them."""
        return choices[self.below(len(choices))]


@functools.lru_cache(maxsize=4096)
def letters_of(key: bytes, patient: str) -> str:
    """Return the letters a to z in an order of the patient's own, none at its place (Sattolo 1986)."""
    draw, letters = Draw(key, patient, "letters"), list(string.ascii_lowercase)
    for last in range(len(letters) - 1, 0, -1):
        other = draw.below(last)
        letters[last], letters[other] = letters[other], letters[last]
    return "".join(letters)
