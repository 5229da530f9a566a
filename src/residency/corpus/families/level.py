"""How much an option gives itself away by looking like the question, and how to choose options that do so alike."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from residency.corpus.concepts import normal, stems, words

T = TypeVar("T")


def overlap(option: str, text: str) -> float:
    """Return how much an option looks like a text: a mean over shares of common stems and letter triples."""
    own, other = stems(option), stems(text)
    small, large = triples(option), triples(text)
    if not own or not small:
        return 0.0
    common = len(own & other)
    shares = common / len(own), common / len(own | other), common / 4
    return (sum(shares) + 3 * len(small & large) / len(small)) / 6


@lru_cache(maxsize=200_000)
def triples(text: str) -> frozenset[str]:
    """Return the letter triples inside the words of a text."""
    return frozenset(word[i : i + 3] for word in words(text) for i in range(len(word) - 2))


def match(answer: str, text: str, pool: Iterable[str], count: int, rng: random.Random) -> list[str]:
    """Return ``count`` wrong options that are as much like the text as the answer is; see ``level``."""
    seen, fresh = {normal(answer)}, []
    for name in pool:
        if normal(name) not in seen:
            seen.add(normal(name))
            fresh.append((overlap(name, text), name))
    return level(overlap(answer, text), fresh, count, rng)


def level(target: float, scored: Sequence[tuple[float, T]], count: int, rng: random.Random) -> list[T]:
    """Return ``count`` of the scored candidates, so many of them above the target as chance decides.

    The place of the answer in the order of scores is drawn, as far as there are candidates above and below it; of
    those, the nearest are taken, and among near ones the earlier. First place is never drawn, because the answers
    that nothing exceeds take it anyway: a third to a quarter of all.
    """
    sides: tuple[list, list] = ([], [])
    for rank, (score, item) in enumerate(scored):
        gap = score - target
        sides[gap < 0].append((round(abs(gap), 1) + rank // 8 / 20, rank, item))
    above, below = (sorted(side, key=lambda row: row[:2]) for side in sides)
    more = min(len(above), max(rng.randint(1, count), count - len(below)))
    return [item for *_, item in [*above[:more], *below[: count - more]]]


def likest(index: dict[str, list[str]], text: str, count: int) -> list[str]:
    """Return the ids that share most stems with the text, the most alike first."""
    sharing = Counter(key for stem in sorted(stems(text)) for key in index.get(stem, ()))
    return heapq.nsmallest(count, sharing, key=lambda key: (-sharing[key], key))
