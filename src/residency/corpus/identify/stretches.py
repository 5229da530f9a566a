"""The stretches that a tagger's odds make of a text, compiled: what is read, what is named again, what may be.

Each is a row of characters [first, behind the last) and the number of its kind; how sure it is stands beside it.
"""

from __future__ import annotations

import numba
import numpy as np

from residency.corpus.identify.words import LOWER, SIGN, UPPER


@numba.njit(cache=True, nogil=True)
def read_off(spans, tags, some, kinds, heads):  # type: ignore[no-untyped-def]
    """Return ([N, 3] int64 stretches, [N] fp64) of a row of tags, each as probable as its words are in the mean.

    ``kinds`` [T] are the kinds of tags; from ``heads`` on they are insides, which go on what is of their kind.
    """
    rows, odds = np.empty((len(tags), 3), np.int64), np.empty(len(tags), np.float64)
    made, begun, total = 0, 0, 0.0
    for w in range(len(tags)):
        if tags[w] == 0:
            continue
        kind = kinds[tags[w]]
        total += some[w]
        if w + 1 < len(tags) and tags[w + 1] >= heads and kinds[tags[w + 1]] == kind:
            begun += 1
            continue
        rows[made, 0], rows[made, 1], rows[made, 2] = spans[w - begun, 0], spans[w, 1], kind
        odds[made] = total / (begun + 1)
        made, begun, total = made + 1, 0, 0.0
    return rows[:made], odds[:made]


@numba.njit(cache=True, nogil=True)
def named_again(spans, facts, tags, names, letters, common):  # type: ignore[no-untyped-def]
    """Return [N] int64: the words that no tag marks and that stand in one of the stretches ``names`` [M, 2].

    They have so many ``letters``; an ordinary word counts only where both are written the same, with a capital.
    """
    count = len(spans)
    told = np.zeros(count, np.bool_)
    for i in range(len(names)):
        w = np.searchsorted(spans[:, 0], names[i, 0])
        while w < count and spans[w, 0] < names[i, 1]:
            told[w] = (facts[w, 5] == UPPER or facts[w, 5] == LOWER) and facts[w, 4] >= letters
            w += 1
    size = 0
    for w in range(count):
        size += told[w]
    words, exact, at = np.empty(size, np.uint64), np.empty(size, np.uint64), 0
    for w in range(count):
        if told[w]:
            words[at], exact[at] = facts[w, 0], facts[w, 1]
            at += 1
    words.sort()
    exact.sort()
    again, made = np.empty(count, np.int64), 0
    for w in range(count):
        if size == 0 or tags[w] > 0 or facts[w, 4] < letters or not (facts[w, 5] == UPPER or facts[w, 5] == LOWER):
            continue
        place = np.searchsorted(words, facts[w, 0])
        if place == size or words[place] != facts[w, 0]:
            continue
        if facts[w, 6] & common:
            place = np.searchsorted(exact, facts[w, 1])
            if facts[w, 5] != UPPER or place == size or exact[place] != facts[w, 1]:
                continue
        again[made] = w
        made += 1
    return again[:made]


@numba.njit(cache=True, nogil=True)
def perhaps(spans, facts, gaps, tags, some, other, kinds, hot):  # type: ignore[no-untyped-def]
    """Return ([N, 3] int64 stretches, [N] fp64): the ``hot`` words, those of one kind that stand together as one.

    A stretch begins with no sign, and is as sure as the surest of its words; ``other`` are their likeliest tags.
    """
    rows, odds = np.empty((len(spans), 3), np.int64), np.empty(len(spans), np.float64)
    made, last = 0, -2
    for w in range(len(spans)):
        if not hot[w]:
            continue
        kind = kinds[other[w]]
        if w == last + 1 and rows[made - 1, 2] == kind and gaps[w] < 2:
            rows[made - 1, 1] = spans[w, 1]
            odds[made - 1] = max(odds[made - 1], some[w])
        elif facts[w, 5] != SIGN:
            rows[made, 0], rows[made, 1], rows[made, 2] = spans[w, 0], spans[w, 1], kind
            odds[made] = some[w]
            made += 1
        else:
            continue
        last = w
    return rows[:made], odds[:made]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def picked(some, tags, gaps, facts, threshold, strong_from, weak_from, rarer, medical, names, common):  # type: ignore[no-untyped-def]
    """Return [W] bool: words above the threshold, and weaker ones beside strong ones; none that a tag marks.

    A word that is listed as ``medical`` and in none of ``names`` is as if impossible below ``rarer``.
    """
    count = len(some)
    odds = some.copy()
    for w in range(count):
        if facts[w, 6] & medical and not facts[w, 6] & names and odds[w] < rarer:
            odds[w] = 0
    hot = odds > threshold
    for _ in range(2):
        last = hot.copy()
        for w in range(count):
            if last[w] or facts[w, 5] == SIGN or odds[w] <= weak_from or facts[w, 6] & common:
                continue
            for step in (-1, 1):
                other = w + step
                if other < 0 or other >= count or facts[other, 5] == SIGN or gaps[max(w, other)] >= 2:
                    continue
                if odds[other] > strong_from or (last[other] and odds[other] <= threshold):
                    hot[w] = True
    for w in range(count):
        if tags[w] > 0:
            hot[w] = False
    return hot
