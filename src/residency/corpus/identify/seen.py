"""What the tagger sees of a word, as numbers: places in a table of weights, by hashing (Weinberger et al. 2009).

Of the word itself: its letters, shape, beginning, end, and the lists it stands in; of its neighbours as far as two
away the same, coarser; of its place: what parts it from them, and the label of its line ("Name:", the words before
the last colon).
"""

from __future__ import annotations

import numba
import numpy as np

from residency.corpus.identify.words import DIGIT, FNV, LINE, LOWER, NONE, PLANE, PRIME, SIGN, UPPER

OWN, NEAR, AROUND = 15, 4, 9
"""How many numbers a word has of its own, for each of four neighbours, and for its place."""
ALL = OWN + 4 * NEAR + AROUND
FACTS = 8
"""Columns of ``facts``: letters, exact letters, shape, end of three, length, first kind, lists, line begins."""


@numba.njit(cache=True, nogil=True, inline="always")
def _mixed(value, kind, bits):  # type: ignore[no-untyped-def]
    """Return the place of a feature in a table of 2^bits rows (the last steps of MurmurHash3, 64 bits)."""
    x = np.uint64(value) ^ (np.uint64(kind) * np.uint64(0x9E3779B97F4A7C15))
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xFF51AFD7ED558CCD)
    x ^= x >> np.uint64(33)
    x *= np.uint64(0xC4CEB9FE1A85EC53)
    x ^= x >> np.uint64(33)
    return np.int64(x & ((np.uint64(1) << np.uint64(bits)) - np.uint64(1)))


@numba.njit(cache=True, nogil=True)
def found_in(keys, values, key):  # type: ignore[no-untyped-def]
    """Return a key's value in an open table (0 where it has none); keys 0 are free places."""
    mask = np.uint64(len(keys) - 1)
    at = (key ^ (key >> np.uint64(29))) & mask
    while keys[at] != np.uint64(0):
        if keys[at] == key:
            return values[at]
        at = (at + np.uint64(1)) & mask
    return values.dtype.type(0)


@numba.njit(cache=True, nogil=True)
def facts_of(codes, spans, kinds, folded, keys, values):  # type: ignore[no-untyped-def]
    """Return (facts [W, FACTS] uint64, gaps [W + 1] uint8: before each word 0 nothing, 1 space, 2 line, 3 outside)."""
    count = len(spans)
    facts = np.zeros((count, FACTS), np.uint64)
    gaps = np.full(count + 1, 3, np.uint8)
    for w in range(count):
        letters, exact, shape, end3 = FNV, FNV, FNV, FNV
        size, last_kind, first_kind = 0, 99, 0
        h1, h2, h3 = np.uint64(0), np.uint64(0), np.uint64(0)
        for at in range(spans[w, 0], spans[w, 1]):
            code = codes[at]
            kind = kinds[code] if code < PLANE else LOWER
            if kind == NONE:
                continue
            low = folded[code] if code < PLANE else code
            value = np.uint64(low)
            letters = (letters ^ value) * PRIME
            exact = (exact ^ (value * np.uint64(2) + np.uint64(kind == UPPER))) * PRIME
            sign = np.uint64(kind) if kind != SIGN else value + np.uint64(16)
            if kind != last_kind or kind == DIGIT:
                shape = (shape ^ sign) * PRIME
            h1, h2, h3 = h2, h3, value
            if size == 0:
                first_kind = kind
            last_kind = kind
            size += 1
        end3 = (((end3 ^ h1) * PRIME ^ h2) * PRIME ^ h3) * PRIME
        facts[w, 0], facts[w, 1], facts[w, 2], facts[w, 3] = letters, exact, shape, end3
        facts[w, 4], facts[w, 5] = np.uint64(min(size, 12)), np.uint64(first_kind)
        facts[w, 6] = np.uint64(found_in(keys, values, letters)) if first_kind != DIGIT and size > 1 else np.uint64(0)
        if w:
            gap = 0
            for at in range(spans[w - 1, 1], spans[w, 0]):
                code = codes[at]
                kind = kinds[code] if code < PLANE else LOWER
                if kind == LINE:
                    gap = 2
                elif kind != NONE and gap < 1:
                    gap = 1
            gaps[w] = gap
    # the label of a line: its words before the last colon so far
    label, words, in_line = np.uint64(0), FNV, 0
    for w in range(count):
        if gaps[w] >= 2:
            label, words, in_line = np.uint64(0), FNV, 0
        if spans[w, 1] - spans[w, 0] == 1 and codes[spans[w, 0]] == 58 and 0 < in_line <= 5:
            label, words, in_line = words, FNV, 0
        elif facts[w, 5] == np.uint64(LOWER) or facts[w, 5] == np.uint64(UPPER):
            words = (words ^ facts[w, 0]) * PRIME
            in_line += 1
        facts[w, 7] = label
    return facts, gaps


@numba.njit(cache=True, nogil=True)
def own(codes, start, end, facts, kinds, folded, bits, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` [OWN] with what a word is known by on its own."""
    letters, exact, shape, end3, size, first, lists = (
        facts[0],
        facts[1],
        facts[2],
        facts[3],
        facts[4],
        facts[5],
        facts[6],
    )
    out[0] = _mixed(letters, 1, bits)
    out[1] = _mixed(exact, 2, bits)
    out[2] = _mixed(shape, 3, bits)
    out[3] = _mixed(end3, 4, bits)
    out[4] = _mixed(size * np.uint64(8) + first, 5, bits)
    out[5] = _mixed(lists, 6, bits)
    out[6] = _mixed(shape * np.uint64(31) + size, 7, bits)
    running, n = FNV, 0
    for i in range(7, OWN):
        out[i] = -1
    for at in range(start, end):  # beginnings of one to four letters
        code = codes[at]
        if (kinds[code] if code < PLANE else LOWER) == NONE:
            continue
        running = (running ^ np.uint64(folded[code] if code < PLANE else code)) * PRIME
        n += 1
        if n <= 4 and np.uint64(n) < size:
            out[6 + n] = _mixed(running, 10 + n, bits)
        if n == 4:
            break
    running, n = FNV, 0
    for at in range(end - 1, start - 1, -1):  # and ends
        code = codes[at]
        if (kinds[code] if code < PLANE else LOWER) == NONE:
            continue
        running = (running ^ np.uint64(folded[code] if code < PLANE else code)) * PRIME
        n += 1
        if n <= 4 and np.uint64(n) < size:
            out[10 + n] = _mixed(running, 20 + n, bits)
        if n == 4:
            break


@numba.njit(cache=True, nogil=True)
def near(facts, where, bits, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` [NEAR] with what a word is known by to one ``where`` (0 to 3) away from it."""
    kind = 30 + 5 * where
    out[0] = _mixed(facts[0], kind, bits)
    out[1] = _mixed(facts[2], kind + 1, bits)
    out[2] = _mixed(facts[3], kind + 2, bits)
    out[3] = _mixed(facts[6] * np.uint64(8) + facts[5], kind + 3, bits)


@numba.njit(cache=True, nogil=True)
def around(facts, gaps, w, bits, out):  # type: ignore[no-untyped-def]
    """Fill ``out`` [AROUND] with what a word's place is known by."""
    count = len(facts)
    before, behind = np.uint64(gaps[w]), np.uint64(gaps[w + 1])
    left = facts[w - 1, 0] if w else np.uint64(1)
    right = facts[w + 1, 0] if w + 1 < count else np.uint64(2)
    two = facts[w - 2, 0] if w > 1 else np.uint64(3)
    form = facts[w, 2]
    out[0] = _mixed(before * np.uint64(4) + behind, 60, bits)
    out[1] = _mixed(left * np.uint64(31) + facts[w, 0], 61, bits)
    out[2] = _mixed(right * np.uint64(31) + facts[w, 0], 62, bits)
    out[3] = _mixed(facts[w, 7], 63, bits)
    out[4] = _mixed(facts[w, 7] * np.uint64(31) + form, 64, bits)
    out[5] = _mixed(left * np.uint64(31) + form * np.uint64(4) + before, 65, bits)
    out[6] = _mixed((two * np.uint64(31) + left) * np.uint64(31) + form, 66, bits)
    shape_left = facts[w - 1, 2] if w else np.uint64(5)
    shape_right = facts[w + 1, 2] if w + 1 < count else np.uint64(6)
    out[7] = _mixed((shape_left * np.uint64(31) + form) * np.uint64(31) + shape_right + before, 67, bits)
    out[8] = _mixed(right * np.uint64(31) + form * np.uint64(4) + behind, 68, bits)
