"""Which documents are nearly the same, from small signatures: the share of equal places estimates the Jaccard
similarity of two documents' sets of words in a row, and equal bands of places bring candidates together.

The construction is Fast Similarity Sketching: each round throws every shingle into one place, a later round never
beats an earlier one, and a last round fills the places still empty. A long document needs two or three rounds where
classic MinHash takes a round for every place; the estimate is unbiased and as sharp, for short documents too.
Dahlgaard, Knudsen and Thorup 2017, Fast Similarity Sketching, arXiv 1704.04370.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from residency.corpus.compare.hashing import Array, Words, mixed, shingles

_EMPTY = np.uint64(2**64 - 1)
_ROUNDS = 4
_LOW = 40
_BLOCK = 1 << 18
"""Shingles at a time: what is made of them stays in the processor's cache."""
_RECALL, _FAR = 0.98, 0.02


def sketch(found: Words, *, ngram: int = 5, permutations: int = 256) -> Array:
    """Return uint32 signatures [texts, permutations] of texts whose words are known."""
    hashes, counts = shingles(found, ngram)
    ends = np.cumsum(counts)
    out = np.full((len(counts), permutations), _EMPTY, np.uint64)
    begin = text = 0
    while text < len(counts):
        after = max(text + 1, int(np.searchsorted(ends, begin + _BLOCK, "right")))
        _sketch(out[text:after], hashes[begin : ends[after - 1]], counts[text:after])
        begin, text = int(ends[after - 1]), after
    return (mixed(out) >> np.uint64(32)).astype(np.uint32)


def _sketch(out: Array, hashes: Array, counts: Array) -> None:
    owner = np.repeat(np.arange(len(counts)), counts)
    for number in range(_ROUNDS):
        _throw(out, hashes, owner, number)
        still = (out == _EMPTY).any(axis=1)
        if not still.all():
            hashes, owner = hashes[still[owner]], owner[still[owner]]
        if not len(owner):
            return
    _fill(out, hashes, owner)


def _throw(out: Array, hashes: Array, owner: Array, number: int) -> None:
    """Put each hash into one place of its owner, where it stays if nothing smaller or of an earlier round is there."""
    size = out.shape[1]
    drawn = mixed(hashes ^ np.uint64(_seed(number)))
    places = ((drawn >> np.uint64(_LOW)) * np.uint64(size) >> np.uint64(64 - _LOW)).view(np.int64)
    places += owner * size
    values = (drawn & np.uint64(2**_LOW - 1)) | np.uint64(number << _LOW)
    np.minimum.at(out.reshape(-1), places, values)


def _fill(out: Array, hashes: Array, owner: Array) -> None:
    """Fill the places still empty with the least of all the owner's hashes, drawn anew for each place.

    The drawing is that of datasketch (a * h + b modulo 2**32, a odd, h stirred). Where few places are empty only those
    are drawn, else all.
    """
    begins = np.flatnonzero(np.diff(owner, prepend=-1))
    rows, counts = owner[begins], np.diff(begins, append=len(owner))
    short = (mixed(hashes ^ np.uint64(_seed(_ROUNDS))) >> np.uint64(32)).astype(np.uint32)
    empty = out[rows] == _EMPTY
    many = empty.sum(axis=1) > out.shape[1] // 32
    if many.any():
        out[rows[many]] = np.minimum(out[rows[many]], _all_places(short[np.repeat(many, counts)], counts[many], out))
    texts, places = np.nonzero(empty & ~many[:, None])
    if len(texts):
        sizes = counts[texts]
        ends = np.cumsum(sizes)
        which = np.repeat(begins[texts] - ends + sizes, sizes) + np.arange(ends[-1])
        factor, term = (np.repeat(part[places], sizes) for part in _draws(out.shape[1]))
        least = np.minimum.reduceat(short[which] * factor + term, ends - sizes)
        out[rows[texts], places] = least | np.uint64(_ROUNDS << _LOW)


def _all_places(short: Array, counts: Array, out: Array) -> Array:
    """Return the least drawing of each text at each place [texts, places]."""
    least = np.empty((out.shape[1], len(counts)), np.uint32)
    begins, drawn = np.cumsum(counts) - counts, np.empty_like(short)
    for place, (factor, term) in enumerate(zip(*_draws(out.shape[1]), strict=True)):
        np.multiply(short, factor, out=drawn)
        drawn += term
        np.minimum.reduceat(drawn, begins, out=least[place])
    return least.T | np.uint64(_ROUNDS << _LOW)


@cache
def _draws(size: int) -> tuple[Array, Array]:
    """Return the odd factor and the term of each place [places]."""
    drawn = mixed(np.array([_seed(_ROUNDS + 1 + number) for number in range(2 * size)], np.uint64)) >> np.uint64(32)
    return (drawn[::2] | np.uint64(1)).astype(np.uint32), drawn[1::2].astype(np.uint32)


def _seed(number: int) -> int:
    return (number + 1) * 0xD1342543DE82EF95 % 2**64


# --- candidates ------------------------------------------------------------------------------------------------------


def band_shape(threshold: float, permutations: int) -> tuple[int, int]:
    """Return (bands, rows): the fewest bands that bring 98% of pairs at the threshold together, and 2% at half of it.

    A pair of similarity s shares a band with probability 1 - (1 - s**rows)**bands. What comes together is checked on
    the whole signature, so a needless candidate costs time only. Where no shape does both, that nearest to the 98%.
    """
    best, least = (1, 1), (False, -1.0, 0)
    for rows in range(1, permutations + 1):
        for bands in range(1, permutations // rows + 1):
            near = chance(threshold, bands, rows)
            good = near >= _RECALL and chance(threshold / 2, bands, rows) <= _FAR
            rank = (good, min(near, _RECALL), -bands)
            if rank > least:
                best, least = (bands, rows), rank
            if near >= _RECALL:
                break
    return best


def chance(similarity: float, bands: int, rows: int) -> float:
    """Return the probability that two documents share a band."""
    return float(1 - (1 - similarity**rows) ** bands)


def band_keys(signed: Array, bands: int, rows: int) -> Array:
    """Return a uint64 key for each band [documents, bands]; the same values in another band give another key."""
    keys = np.empty((len(signed), bands), np.uint64)
    for band in range(bands):
        key = np.full(len(signed), band + 1, np.uint64)
        for column in range(band * rows, (band + 1) * rows):
            key = mixed(key ^ signed[:, column].astype(np.uint64)) + np.uint64(column)
        keys[:, band] = key
    return keys


def packed(signed: Array) -> Array:
    """Return the lowest byte of each place [documents, permutations]: a quarter of the size, still enough to check.

    Li and König 2010, b-Bit Minwise Hashing, WWW (arXiv 0910.3349).
    """
    return signed.astype(np.uint8)


def similarity(left: Array, right: Array) -> Array:
    """Return the estimated Jaccard similarity of each pair of packed signatures [pairs, permutations].

    Of places that differ, one in 256 has the same lowest byte by chance; that share is taken off.
    """
    equal = (left == right).mean(axis=1)
    return (equal - 1 / 256) / (1 - 1 / 256)
