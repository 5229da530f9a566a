"""What a chain finds in a text, compiled: the likeliest row of tags, how probable each word is, and which to take.

Tags are "O", then every beginning, then every inside; an inside follows its own beginning or itself and nothing else.
"""

from __future__ import annotations

import numba
import numpy as np

LOG2E = np.float32(1.4426950408889634)


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
def raised(scores, tags):  # type: ignore[no-untyped-def]
    """Return [W, tags] fp32: each score's exponential over that of its row's largest, at least 2^-60.

    2^x is a whole power, written into the exponent's bits, times a polynomial of the rest (Taylor of degree 6; relative
    error below 2e-6): plain arithmetic, which the compiler does for eight tags at once.
    """
    count = len(scores)
    local, bits = np.empty((count, tags), np.float32), np.empty(tags, np.int32)
    powers = bits.view(np.float32)
    for w in range(count):
        top = scores[w, 0]
        for t in range(1, tags):
            top = max(top, scores[w, t])
        row = local[w]
        for t in range(tags):
            x = max((scores[w, t] - top) * LOG2E, np.float32(-60))
            whole = np.int32(x) - np.int32(1)  # x is not above 0: the rest is above 0 and at most 1
            y = (x - np.float32(whole)) * np.float32(0.6931471805599453) - np.float32(0.34657359)
            value = np.float32(1 / 720) * y + np.float32(1 / 120)
            value = value * y + np.float32(1 / 24)
            value = value * y + np.float32(1 / 6)
            value = value * y + np.float32(0.5)
            value = value * y + np.float32(1)
            row[t] = (value * y + np.float32(1)) * np.float32(1.4142135623730951)
            bits[t] = (whole + np.int32(127)) << np.int32(23)
        for t in range(tags):
            row[t] *= powers[t]
    return local


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy", inline="always")
def _product(weights, table, made):  # type: ignore[no-untyped-def]
    """Fill ``made`` [N] with ``weights`` [M] times ``table`` [M, N], four rows at a time; M is a multiple of four."""
    made[:] = 0
    for f in range(0, len(weights), 4):
        w0, w1, w2, w3 = weights[f], weights[f + 1], weights[f + 2], weights[f + 3]
        r0, r1, r2, r3 = table[f], table[f + 1], table[f + 2], table[f + 3]
        for t in range(len(made)):
            made[t] += w0 * r0[t] + w1 * r1[t] + w2 * r2[t] + w3 * r3[t]


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def _forward(local, entering, staying, onward, labels, ahead):  # type: ignore[no-untyped-def]
    """Fill ``ahead`` [W, T]: the probability of each tag by the words up to its own."""
    heads, tags = labels + 1, 2 * labels + 1
    came = np.empty(onward.shape[1], np.float32)
    for w in range(len(local)):
        row, here, total = ahead[w], local[w], np.float32(0)
        if w == 0:
            row[:tags] = here[:tags]
            row[tags:] = 0
        else:
            last = ahead[w - 1]
            _product(last, onward, came)
            row[:heads] = came[:heads]
            for label in range(labels):
                row[heads + label] = last[label + 1] * entering[label] + last[heads + label] * staying[label]
            for t in range(len(row)):
                row[t] *= here[t]
        for t in range(len(row)):
            total += row[t]
        total = np.float32(1) / total
        for t in range(len(row)):
            row[t] *= total


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def chances(scores, onward, homeward, entering, staying):  # type: ignore[no-untyped-def]
    """Return ([W] fp32 probability of any tag but "O", [W] int16 likeliest tag, [W] int16 likeliest one but "O").

    Of the moves' exponentials ``onward`` [T, H] are those to "O" and beginnings, from-to, ``homeward`` [H, T] the same
    to-from (T and H filled up with zeros to multiples of eight), ``entering`` and ``staying`` [labels] those from a
    beginning, and from an inside, to its inside. As ``odds``.
    """
    count, labels, width = len(scores), len(entering), len(onward)
    heads, tags = labels + 1, 2 * labels + 1
    local, ahead = raised(scores, width), np.zeros((count, width), np.float32)
    _forward(local, entering, staying, onward, labels, ahead)
    some, likely, other = np.empty(count, np.float32), np.empty(count, np.int16), np.empty(count, np.int16)
    behind, both = np.ones(width, np.float32), np.empty(width, np.float32)
    weighed, first = np.empty(width, np.float32), np.empty(len(homeward), np.float32)
    for w in range(count - 1, -1, -1):
        if w < count - 1:
            most, here = np.float32(0), local[w + 1]
            for t in range(tags):
                weighed[t] = behind[t] * here[t]
                most = max(most, weighed[t])
            most = np.float32(1) / most
            for t in range(tags):
                weighed[t] *= most
            first[:] = weighed[: len(first)]
            _product(first, homeward, behind)
            for label in range(labels):
                behind[label + 1] += weighed[heads + label] * entering[label]
                behind[heads + label] += weighed[heads + label] * staying[label]
        total, best = np.float32(0), 1
        for t in range(tags):
            both[t] = ahead[w, t] * behind[t]
            total += both[t]
        for t in range(2, tags):
            if both[t] > both[best]:
                best = t
        some[w] = np.float32(1) - both[0] / total
        other[w] = best
        likely[w] = best if both[best] > both[0] else 0
    return some, likely, other


def steps_of(moves: np.ndarray, labels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (onward, homeward, entering, staying) of ``moves`` [T, T], to-from, as ``chances`` takes them."""
    steps, heads = np.exp(moves), labels + 1
    homeward = np.zeros((-(-heads // 8) * 8, len(moves)), np.float32)
    homeward[:heads] = steps[:heads]
    begin, inside = np.arange(1, heads), np.arange(heads, heads + labels)
    return np.ascontiguousarray(homeward.T), homeward, steps[inside, begin], steps[inside, inside]


@numba.njit(cache=True, nogil=True, fastmath=True, error_model="numpy")
def alone(scores, tags):  # type: ignore[no-untyped-def]
    """Return [W] fp32: the probability of any tag but "O" by a word's own scores."""
    local = raised(scores, tags)
    some = np.empty(len(scores), np.float32)
    for w in range(len(scores)):
        total = np.float32(0)
        for t in range(tags):
            total += local[w, t]
        some[w] = np.float32(1) - local[w, 0] / total
    return some
