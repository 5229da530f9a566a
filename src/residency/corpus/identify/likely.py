"""What a chain finds in a text, compiled: the likeliest row of tags, how probable each word is, and which to take.

Tags are "O", then every beginning, then every inside; an inside follows its own beginning or itself and nothing else.
In most of a text few tags are more than next to nothing, and only those are gone through.
"""

from __future__ import annotations

import numba
import numpy as np

LITTLE = np.float32(1e-9)
"""A share of a word's probability that changes nothing in what is reported of it."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def likeliest(scores, moves, labels):  # type: ignore[no-untyped-def]
    """Return [W] int16: the likeliest row of tags (Viterbi 1967). ``moves`` [T, T] to-from, -1e9 where barred.

    Tags are "O", ``labels`` beginnings, and as many insides, which follow only their own. A tag that cannot be the best
    one before any beginning, by a bound over all of them, is passed over; the row is the same.
    """
    count, tags = scores.shape
    found = np.empty(count, np.int16)
    if not count:
        return found
    heads = labels + 1
    onward = np.ascontiguousarray(moves[:heads].T)  # [from, to]: the inner walk is over what is made
    gain = np.empty(tags, np.float32)
    for f in range(tags):
        gain[f] = (onward[f] - onward[0]).max()
    back = np.empty((count, tags), np.int16)
    best, new = scores[0].copy(), np.full(tags, np.float32(-1e9))
    for w in range(1, count):
        came = back[w]
        for t in range(heads):
            new[t] = best[0] + onward[0, t]
            came[t] = 0
        for f in range(1, heads + labels):
            value = best[f]
            if value + gain[f] <= best[0]:
                continue
            row = onward[f]
            for t in range(heads):
                other = value + row[t]
                better = other > new[t]
                new[t] = other if better else new[t]
                came[t] = np.int16(f) if better else came[t]
        for label in range(labels):
            begin, inside = label + 1, heads + label
            first, second = best[begin] + moves[inside, begin], best[inside] + moves[inside, inside]
            new[inside] = max(first, second)
            came[inside] = np.int16(begin) if first >= second else np.int16(inside)
        for t in range(heads + labels):
            new[t] += scores[w, t]
        best, new = new, best
    found[count - 1] = np.argmax(best)
    for w in range(count - 1, 0, -1):
        found[w - 1] = back[w, found[w]]
    return found


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _forward(local, steps, onward, heads, labels, ahead):  # type: ignore[no-untyped-def]
    """Fill ``ahead`` [W, T]: the probability of each tag by the words up to its own."""
    count = len(local)
    for w in range(count):
        row, total = ahead[w], np.float32(0)
        if w == 0:
            row[:] = local[0]
        else:
            last = ahead[w - 1]
            row[:] = 0
            for f in range(heads + labels):
                if last[f] > LITTLE:
                    for t in range(heads):
                        row[t] += last[f] * onward[f, t]
            for label in range(labels):
                inside = heads + label
                own = last[label + 1] * steps[inside, label + 1] + last[inside] * steps[inside, inside]
                row[inside] = own * local[w, inside]
            for t in range(heads):
                row[t] *= local[w, t]
        for t in range(heads + labels):
            total += row[t]
        for t in range(heads + labels):
            row[t] /= total


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def chances(scores, steps, onward, labels):  # type: ignore[no-untyped-def]
    """Return ([W] fp32 probability of any tag but "O", [W] int16 likeliest tag, [W] int16 likeliest one but "O").

    ``steps`` are the moves' exponentials, ``onward`` those to "O" and beginnings, [from, to].
    As ``odds``, without what is next to nothing: in most of a text few tags are more than that.
    """
    count, heads = len(scores), labels + 1
    tags = heads + labels
    local, ahead = np.empty((count, tags), np.float32), np.empty((count, tags), np.float32)
    for w in range(count):
        top = scores[w, :tags].max()
        for t in range(tags):
            below = scores[w, t] - top
            local[w, t] = np.exp(below) if below > np.float32(-27.6) else np.float32(1e-12)
    _forward(local, steps, onward, heads, labels, ahead)
    some, likely, other = np.empty(count, np.float32), np.empty(count, np.int16), np.empty(count, np.int16)
    behind, weighed, both = np.ones(tags, np.float32), np.empty(tags, np.float32), np.empty(tags, np.float32)
    for w in range(count - 1, -1, -1):
        if w < count - 1:
            most = np.float32(0)
            for t in range(tags):
                weighed[t] = behind[t] * local[w + 1, t]
                most = max(most, weighed[t])
            behind[:] = 0
            for t in range(heads):
                if weighed[t] > LITTLE * most:
                    for f in range(tags):
                        behind[f] += weighed[t] * steps[t, f]
            for label in range(labels):
                inside = heads + label
                behind[label + 1] += weighed[inside] * steps[inside, label + 1]
                behind[inside] += weighed[inside] * steps[inside, inside]
            for f in range(tags):
                behind[f] /= most
        total, best = np.float32(0), 1
        for t in range(tags):
            both[t] = ahead[w, t] * behind[t]
            total += both[t]
            if t > 1 and both[t] > both[best]:
                best = t
        some[w] = np.float32(1) - both[0] / total
        other[w] = best
        likely[w] = best if both[best] > both[0] else 0
    return some, likely, other


@numba.njit(cache=True, nogil=True, error_model="numpy")
def alone(scores, tags):  # type: ignore[no-untyped-def]
    """Return [W] fp32: the probability of any tag but "O" by a word's own scores."""
    count = len(scores)
    some = np.empty(count, np.float32)
    for w in range(count):
        top, total = scores[w, :tags].max(), np.float32(0)
        for t in range(tags):
            total += np.exp(scores[w, t] - top)
        some[w] = np.float32(1) - np.exp(scores[w, 0] - top) / total
    return some


@numba.njit(cache=True, nogil=True, error_model="numpy")
def picked(some, known, gaps, facts, threshold, strong_from, weak_from, sign, common):  # type: ignore[no-untyped-def]
    """Return [W] bool: words above the threshold, and weaker ones beside strong ones; none that is ``known``."""
    count = len(some)
    hot = some > threshold
    for _ in range(2):
        last = hot.copy()
        for w in range(count):
            if last[w] or facts[w, 5] == sign or some[w] <= weak_from or facts[w, 6] & common:
                continue
            for step in (-1, 1):
                other = w + step
                if other < 0 or other >= count or facts[other, 5] == sign or gaps[max(w, other)] >= 2:
                    continue
                if some[other] > strong_from or (last[other] and some[other] <= threshold):
                    hot[w] = True
    for w in range(count):
        if known[w]:
            hot[w] = False
    return hot
