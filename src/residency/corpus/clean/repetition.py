"""How much of a text was there before: repeated runs of words, the most frequent pair, repeated lines.

Rae et al. 2021, arXiv 2112.11446, table A1, with one change: shares are of words, not of characters, so that runs
can be compared as sums of hashes in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FACTOR = np.int64(0x5851F42D4C957F2D)


def hashed(words: Sequence[bytes] | str) -> np.ndarray:
    """Return a number a word (of a text without spaces: a character), equal where the words are equal."""
    if isinstance(words, str):
        return np.frombuffer(words.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64) * _FACTOR
    return np.fromiter(map(hash, words), np.int64, len(words))


def runs(ids: np.ndarray, length: int) -> np.ndarray:
    """Return a number for each run of ``length`` words, in order; empty where there are fewer words."""
    many = len(ids) - length + 1
    if many < 1:
        return ids[:0]
    found = ids[:many].copy()
    for step in range(1, length):
        found *= _FACTOR
        found += ids[step : step + many]
    return found


def is_frequent(ids: np.ndarray, length: int, share: float, least: int) -> bool:
    """Return whether one run takes more than ``share`` of the words, and stands at least ``least`` times."""
    found = np.sort(runs(ids, length))
    more = max(least - 1, int(share * len(ids) / length))  # it has to stand once more than this
    return len(found) > more and bool((found[more:] == found[: len(found) - more]).any())


def repeated_share(ids: np.ndarray, length: int, limit: float) -> float:
    """Return the share of the words that stand in a run of ``length`` that was there before.

    Where a bound shows it to be at most ``limit``, 0 is returned without looking further.
    """
    found = runs(ids, length)
    ordered = np.sort(found)
    repeats = np.count_nonzero(ordered[1:] == ordered[:-1])
    if repeats * length <= limit * len(ids):
        return 0.0
    order = np.argsort(found, kind="stable")
    ordered = found[order]
    again = order[1:][ordered[1:] == ordered[:-1]]
    edges = np.zeros(len(ids) + 1, np.int64)
    edges[again] += 1
    edges[again + length] -= 1
    return float(np.count_nonzero(np.cumsum(edges)) / len(ids))


def repeated_text(parts: Sequence[str]) -> float:
    """Return the share of the characters that stand in parts (lines, paragraphs) that were there before."""
    whole = sum(map(len, parts))
    return 1 - sum(map(len, set(parts))) / whole if whole else 0.0
