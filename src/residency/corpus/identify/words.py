"""A text as the tagger sees it: words by their places in the original, compiled, without a copy of any word.

A word is a run of letters or a run of digits; a capital behind a small letter begins a new one ("ptOkonjo" is two), and
every other sign stands alone. Accents that stand on a letter, and characters that take no room (zero width, marks of
direction), belong to the word and change nothing about it: what looks the same is the same word.
"""

from __future__ import annotations

import functools
import unicodedata

import numba
import numpy as np

SPACE, LINE, LOWER, UPPER, DIGIT, SIGN, ALONE, NONE = range(8)
"""What a character is. ALONE: a letter of a script without gaps. NONE: it takes no room, or stands on another."""
PLANE = 0x11000
"""Characters with an entry of their own; those beyond are letters that stand for themselves."""
FNV, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)
LOOKALIKES = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеѕіјкорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧονρ‐‑‒–—−’‘ʼ′“”«»",
        "ABESIJKMHOPCTYXaesijkopcyxABEZHIKMNOPTYXovp------''''\"\"\"\"",
        strict=True,
    )
)
"""Letters of other scripts that look like Latin ones (Unicode TR39), and the many dashes and quotes."""


@functools.cache
def tables() -> tuple[np.ndarray, np.ndarray]:
    """Return (what each character is [PLANE] uint8, what it is read as [PLANE] uint32: small, bare of its accent)."""
    kinds, folded = np.full(PLANE, SIGN, np.uint8), np.arange(PLANE, dtype=np.uint32)
    for code in range(PLANE):
        if 0xD800 <= code < 0xE000:
            continue
        char = LOOKALIKES.get(chr(code), chr(code))
        bare = unicodedata.normalize("NFKD", char)
        first = LOOKALIKES.get(bare[0], bare[0]) if bare else char
        kinds[code] = _kind(char, unicodedata.category(char))
        folded[code] = ord(first.lower()[0])
    return kinds, folded


def _kind(char: str, category: str) -> int:
    if char in "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029":
        return LINE
    if char.isspace() or category == "Zs":
        return SPACE
    if category in ("Mn", "Me", "Cf") or char in "\u00ad":
        return NONE
    if category == "Nd":
        return DIGIT
    if category[0] in "LMN":
        code = ord(char)
        if 0x3040 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7AF or 0xF900 <= code <= 0xFAFF:
            return ALONE
        return UPPER if category in ("Lu", "Lt") else LOWER
    return SIGN


def codes_of(text: str) -> np.ndarray:
    """Return the code points of a text [N] uint32; half of a broken pair stands for itself."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@numba.njit(cache=True, nogil=True)
def cut(codes, kinds):  # type: ignore[no-untyped-def]
    """Return [W, 2] int32: each word's first character and the one behind its last."""
    size = len(codes)
    spans = np.empty((size, 2), np.int32)
    count, at = 0, 0
    while at < size:
        kind = kinds[codes[at]] if codes[at] < PLANE else LOWER
        if kind in (SPACE, LINE, NONE):
            at += 1
            continue
        start, last = at, kind
        at += 1
        while at < size:
            new = kinds[codes[at]] if codes[at] < PLANE else LOWER
            if new == NONE:
                at += 1
                continue
            letters = last in (LOWER, UPPER) and (new == LOWER or (new == UPPER and last == UPPER))
            if not letters and not (last == DIGIT and new == DIGIT):
                break
            last = new
            at += 1
        end = at
        while end > start + 1 and codes[end - 1] < PLANE and kinds[codes[end - 1]] == NONE:
            end -= 1
        spans[count, 0], spans[count, 1] = start, end
        count += 1
    return spans[:count].copy()
