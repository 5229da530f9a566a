"""How alike two texts are: ROUGE-L by a longest common subsequence that is counted in the bits of one integer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Return the lower-case words of a text."""
    return _WORD.findall(text.lower())


def common(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence (Hyyrö 2004, Bit-parallel LCS-length computation revisited).

    A zero bit of ``row`` stands for a place of ``a`` where the length grows by one.
    """
    places: dict[str, int] = {}
    for at, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << at
    full = (1 << len(a)) - 1
    row = full
    for word in b:
        hit = row & places.get(word, 0)
        row = ((row + hit) | (row - hit)) & full
    return len(a) - row.bit_count()


def rouge_l(one: str, other: str) -> float:
    """Return the ROUGE-L F1 of two texts, from 0 to 1 (Lin 2004); 0 where one has no words."""
    return _f1(words_of(one), words_of(other))


def _f1(a: Sequence[str], b: Sequence[str]) -> float:
    return 2 * common(a, b) / (len(a) + len(b)) if a and b else 0.0


class Pool:
    """Texts that a new one may not be too like: of each its words, so that most are passed over by counting."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.texts: list[tuple[list[str], Counter[str]]] = []
        for text in texts:
            self.add(text)

    def add(self, text: str) -> None:
        """Add a text to the pool."""
        words = words_of(text)
        self.texts.append((words, Counter(words)))

    def holds(self, text: str, most: float) -> bool:
        """Return whether some text of the pool has a ROUGE-L of ``most`` or more with this one.

        No subsequence is longer than the words in common, so that few pairs need the whole count.
        """
        words = words_of(text)
        counts = Counter(words)
        return any(
            2 * (counts & other).total() >= most * (len(words) + len(there)) and _f1(words, there) >= most
            for there, other in self.texts
        )
