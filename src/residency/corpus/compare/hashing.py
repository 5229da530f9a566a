"""Words as 64-bit numbers, a batch of texts at a time: one buffer of bytes, split and hashed by numpy without a loop
over words. The numbers are the same on every machine and in every run.
"""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_BASE = 0x9E3779B97F4A7C15
_MIX = (np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53))
_WORD_BYTES = 8
_LONG = 256
"""Bytes from which a word is hashed by itself: a line of a million letters must not cost a million steps."""

_TABLE = b"".join(bytes([b]).lower() if b >= 128 or chr(b).isalnum() or b == ord("_") else b" " for b in range(256))
_NOT_WORD = re.compile(r"[^\w\x00-\x7f]")
# Scripts that write words without spaces between them: every character is a word of its own.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
                       "\uf900-\ufaff\U00020000-\U0003ffff]")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a batch: ``hashes`` [words], their bytes ``starts`` to ``ends`` of ``data`` [bytes], half open.

    ``first`` [texts + 1] is the number of the first word of each text. Eight bytes of ``data`` follow the last word.
    """

    data: Any
    starts: Array
    ends: Array
    hashes: Array
    first: Array

    @property
    def counts(self) -> Array:
        """How many words each text has."""
        return np.diff(self.first)


def folded(text: str) -> str:
    """Return a text without its case and compatibility forms (Unicode NFKC, then full case folding)."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def normal(text: str) -> str:
    """Return a text as runs of characters are compared: folded, with every run of white space as one space."""
    return " ".join(folded(text).split())


def words(texts: Sequence[str], *, unspaced: bool = False, fold: bool = True) -> Words:
    r"""Return the words of texts: what ``\w+`` finds in the folded text, so neither case nor punctuation counts.

    ``unspaced`` makes each character of a script without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) a word;
    ``fold`` False takes texts that are folded already.
    """
    parts = [_spaced(text, unspaced, fold).encode("utf-8", "surrogatepass") for text in texts]
    joined = b" ".join([b"", *parts, bytes(_WORD_BYTES)]).translate(_TABLE)
    bounds = np.cumsum([1, *(len(part) + 1 for part in parts)])
    data = np.frombuffer(joined, np.uint8)
    inside = data > 32
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, ends = edges[::2], edges[1::2]
    return Words(data, starts, ends, _word_hashes(data, starts, ends), np.searchsorted(starts, bounds))


def _spaced(text: str, unspaced: bool, fold: bool) -> str:
    if text.isascii():
        return text  # the table folds it, byte by byte
    text = _NOT_WORD.sub(" ", folded(text) if fold else text)
    return _UNSPACED.sub(r" \g<0> ", text) if unspaced else text


_MASKS = np.array([2 ** (8 * size) - 1 for size in range(_WORD_BYTES + 1)], np.uint64)


def _eights(data: Array, places: Array, left: Array) -> Array:
    """Return the (at most) eight bytes at each place as one number, zero behind the end of its word."""
    every = np.lib.stride_tricks.as_strided(data[:_WORD_BYTES].view("<u8"), (len(data) - _WORD_BYTES + 1,), (1,))
    return every[places] & _MASKS[np.minimum(left, _WORD_BYTES)]


def _word_hashes(data: Array, starts: Array, ends: Array) -> Array:
    """Return the hash of each word, eight bytes a step for all words at once; the few very long ones one by one."""
    sizes = ends - starts
    hashes = mixed(sizes.astype(np.uint64) * np.uint64(_BASE) ^ _eights(data, starts, sizes))
    todo = np.flatnonzero(sizes > _WORD_BYTES)
    for word in todo[sizes[todo] > _LONG]:
        hashes[word] = _digest(data[starts[word] : ends[word]].tobytes())
    todo = todo[sizes[todo] <= _LONG]
    place, left = starts[todo] + _WORD_BYTES, sizes[todo] - _WORD_BYTES
    while len(todo):
        hashes[todo] = mixed(hashes[todo] ^ _eights(data, place, left))
        more = left > _WORD_BYTES
        todo, place, left = todo[more], place[more] + _WORD_BYTES, left[more] - _WORD_BYTES
    return hashes


def same_words(mine: Words, theirs: Words, my: Array, their: Array) -> Array:
    """Return whether the words of these numbers are spelt the same, pair by pair: on the bytes, not the hashes."""
    sizes = mine.ends[my] - mine.starts[my]
    same = sizes == theirs.ends[their] - theirs.starts[their]
    todo, place = np.flatnonzero(same), 0
    while len(todo):
        left = sizes[todo] - place
        one = _eights(mine.data, mine.starts[my[todo]] + place, left)
        same[todo] = one == _eights(theirs.data, theirs.starts[their[todo]] + place, left)
        place += _WORD_BYTES
        todo = todo[same[todo] & (left > _WORD_BYTES)]
    return same


def mixed(values: Array) -> Array:
    """Return 64-bit numbers stirred so that every bit hangs on every bit (the finaliser of MurmurHash3), one to one."""
    values = values ^ (values >> np.uint64(33))
    values *= _MIX[0]
    values ^= values >> np.uint64(33)
    values *= _MIX[1]
    values ^= values >> np.uint64(33)
    return values


def windows(values: Array, size: int) -> Array:
    """Return a number for each ``size`` values in a row [values - size + 1]: a polynomial modulo 2**64.

    Built by doubling: two windows side by side make one of twice the size (Karp and Rabin 1987, Efficient Randomized
    Pattern-Matching Algorithms). Not stirred; see ``mixed``.
    """
    if len(values) < size:
        return np.zeros(0, np.uint64)
    found, length = values.astype(np.uint64, copy=False), 1
    for bit in f"{size:b}"[1:]:
        found = found[:-length] * _power(length) + found[length:]
        length *= 2
        if bit == "1":
            found = found[:-1] * _power(1) + values[length:]
            length += 1
    return found


def _power(exponent: int) -> np.uint64:
    return np.uint64(pow(_BASE, exponent, 2**64))


def shingles(found: Words, size: int) -> tuple[Array, Array]:
    """Return the hashes of each ``size`` words in a row, text by text, and how many each text has [texts].

    A text with fewer words is hashed whole; one without words has none.
    """
    counts = found.counts
    many = np.where(counts >= size, counts - size + 1, np.minimum(counts, 1))
    runs = windows(found.hashes, size)
    starts = np.repeat(found.first[:-1] - np.concatenate([[0], np.cumsum(many)[:-1]]), many) + np.arange(many.sum())
    short = np.flatnonzero((counts > 0) & (counts < size))
    hashes = runs[np.minimum(starts, max(len(runs) - 1, 0))] if len(runs) else np.zeros(len(starts), np.uint64)
    hashes[(np.cumsum(many) - many)[short]] = _whole(found, short, size)
    return mixed(hashes), many


def _whole(found: Words, texts: Array, size: int) -> Array:
    """Return one hash for each of these texts of fewer than ``size`` words."""
    first, counts = found.first[texts], found.counts[texts]
    whole = counts.astype(np.uint64)
    for place in range(size - 1):
        at = np.minimum(first + place, len(found.hashes) - 1)
        whole = np.where(place < counts, whole * _power(1) + found.hashes[at], whole)
    return whole


def digests(texts: Sequence[str], found: Words) -> list[bytes]:
    """Return 16 bytes for each text that are equal for equal words; a text without words is taken as it is."""
    hashes = found.hashes if sys.byteorder == "little" else found.hashes.byteswap()
    raw, first = memoryview(hashes.tobytes()), (found.first * _WORD_BYTES).tolist()
    contents = (
        raw[low:high] if high > low else b"\0" + text.encode("utf-8", "surrogatepass")
        for text, low, high in zip(texts, first, first[1:], strict=False)
    )
    return [hashlib.blake2b(content, digest_size=16).digest() for content in contents]


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def number(text: str) -> int:
    """Return 64 bits for a name, exact to the character."""
    return _digest(text.encode("utf-8", "surrogatepass"))
