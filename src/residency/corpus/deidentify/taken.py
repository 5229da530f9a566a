"""Which words occur in a corpus, so that no surrogate is one of them: hashes of all words, sorted, and nothing else.

Kept are 64 bits of each word's SipHash-2-4 (Aumasson and Bernstein 2012) under a secret key. Without a key the hashes
would tell the words to whoever hashes a list of names and looks which are there; with it they tell nothing.

Hashed are the words of ``identify.words`` (runs of letters, runs of digits) and each run of signs between spaces, by
its letters and digits ("O'Brien", "(312)555-0123"). Letters count as they are compared: small, bare of accents, and
look-alikes as the same. A word that does not occur counts as one that does with a chance of its number in 2^64.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path

import numba
import numpy as np

from residency.core.errors import SourceError
from residency.core.store import atomic_path
from residency.corpus.deidentify.vault import private
from residency.corpus.identify.words import LINE, LOWER, NONE, PLANE, SIGN, SPACE, codes_of, cut, tables

BATCH = 4_000_000
"""How many hashes are gathered before they are sorted."""
U = np.uint64


@numba.njit(cache=True, nogil=True, inline="always")
def _rounds(v0, v1, v2, v3, times):  # type: ignore[no-untyped-def]
    for _ in range(times):
        v0 += v1
        v2 += v3
        v1 = ((v1 << U(13)) | (v1 >> U(51))) ^ v0
        v3 = ((v3 << U(16)) | (v3 >> U(48))) ^ v2
        v0 = (v0 << U(32)) | (v0 >> U(32))
        v2 += v1
        v0 += v3
        v1 = ((v1 << U(17)) | (v1 >> U(47))) ^ v2
        v3 = ((v3 << U(21)) | (v3 >> U(43))) ^ v0
        v2 = (v2 << U(32)) | (v2 >> U(32))
    return v0, v1, v2, v3


@numba.njit(cache=True, nogil=True)
def siphash(blocks, k0, k1):  # type: ignore[no-untyped-def]
    """Return SipHash-2-4 of blocks of 64 bits (the last of them with the length, as the paper pads)."""
    v0, v1 = k0 ^ U(0x736F6D6570736575), k1 ^ U(0x646F72616E646F6D)
    v2, v3 = k0 ^ U(0x6C7967656E657261), k1 ^ U(0x7465646279746573)
    for at in range(len(blocks)):
        v3 ^= blocks[at]
        v0, v1, v2, v3 = _rounds(v0, v1, v2, v3, 2)
        v0 ^= blocks[at]
    v2 ^= U(0xFF)
    v0, v1, v2, v3 = _rounds(v0, v1, v2, v3, 4)
    return v0 ^ v1 ^ v2 ^ v3


@numba.njit(cache=True, nogil=True)
def _hash(codes, start, end, kinds, folded, room, key):  # type: ignore[no-untyped-def]
    """Return the hash of the letters and digits from start to end; 0 where there are none."""
    count, block = 0, U(0)
    for at in range(start, end):
        code = codes[at]
        kind = kinds[code] if code < PLANE else LOWER
        if kind in (NONE, SIGN, SPACE, LINE):
            continue
        sign = U(folded[code] if code < PLANE else code)
        if count % 2:
            room[count // 2] = block | (sign << U(32))
        else:
            block = sign
        count += 1
    if not count:
        return U(0)
    last = U(4 * count) << U(56)
    room[count // 2] = (block | last) if count % 2 else last
    return siphash(room[: count // 2 + 1], key[0], key[1])


@numba.njit(cache=True, nogil=True)
def _hashes(codes, words, kinds, folded, key):  # type: ignore[no-untyped-def]
    """Return the hashes of the words, and of each run of signs that holds more than one of them."""
    made = np.empty(2 * len(words) + 1, np.uint64)
    room = np.empty(len(codes) // 2 + 2, np.uint64)
    count = 0
    for w in range(len(words)):
        value = _hash(codes, words[w, 0], words[w, 1], kinds, folded, room, key)
        if value:
            made[count] = value
            count += 1
    w = 0
    while w < len(words):
        first, last = w, w
        while last + 1 < len(words) and not _space(codes, words[last, 1], words[last + 1, 0], kinds):
            last += 1
        if last > first:
            value = _hash(codes, words[first, 0], words[last, 1], kinds, folded, room, key)
            if value:
                made[count] = value
                count += 1
        w = last + 1
    return made[:count].copy()


@numba.njit(cache=True, nogil=True)
def _space(codes, start, end, kinds):  # type: ignore[no-untyped-def]
    for at in range(start, end):
        kind = kinds[codes[at]] if codes[at] < PLANE else LOWER
        if kind in (SPACE, LINE):
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _holds(hashes, codes, kinds, folded, key):  # type: ignore[no-untyped-def]
    """Return whether the hash of a word is among sorted ones."""
    value = _hash(codes, 0, len(codes), kinds, folded, np.empty(len(codes) // 2 + 2, np.uint64), key)
    low, high = 0, len(hashes)
    while low < high:
        middle = (low + high) // 2
        if hashes[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low < len(hashes) and hashes[low] == value


def hashes_of(texts: Iterable[str], key: bytes) -> np.ndarray:
    """Return the hashes of all words of texts, sorted, each once [N] uint64."""
    kinds, folded = tables()
    half = _half(key)
    known, parts, gathered = np.zeros(0, np.uint64), [], 0
    for text in texts:
        codes = codes_of(text)
        parts.append(_hashes(codes, cut(codes, kinds), kinds, folded, half))
        gathered += len(parts[-1])
        if gathered > BATCH:
            known, parts, gathered = merged([known, *parts]), [], 0
    return merged([known, *parts])


def merged(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Return the hashes of several parts as one array, sorted, each once."""
    return np.unique(np.concatenate([np.zeros(0, np.uint64), *parts]))


def save_hashes(path: Path | str, hashes: np.ndarray) -> None:
    """Write hashes as a .npy file that only its owner may read."""
    with atomic_path(path) as temporary, private(temporary) as handle:
        np.save(handle, hashes, allow_pickle=False)


def load_hashes(path: Path | str) -> np.ndarray:
    """Return the hashes of a file, left on disk until they are looked at; raises ``SourceError`` for another file."""
    try:
        hashes = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):
        raise SourceError(f"{path}: no list of hashes; make it again") from None
    if hashes.dtype != np.uint64 or hashes.ndim != 1:
        raise SourceError(f"{path}: no list of hashes; make it again")
    return hashes


class Taken:
    """Says of a word whether it occurs in the texts whose hashes these are, under the key that they were made with."""

    def __init__(self, hashes: np.ndarray, key: bytes) -> None:
        self.hashes = np.asarray(hashes)
        self.half = _half(key)
        self.tables = tables()

    def __call__(self, word: str) -> bool:
        codes = codes_of(word)
        return bool(_holds(self.hashes, codes, *self.tables, self.half))


def _half(key: bytes) -> np.ndarray:
    """Return the key of the hashes [2] uint64, which tells nothing of the key it is made from."""
    return np.frombuffer(hmac.digest(key, b"words that are taken", "sha256")[:16], np.uint64)
