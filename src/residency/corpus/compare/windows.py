"""An index of every run of n units (characters or words) of some texts, small enough for all test sets at once, that
misses no run and needs few look-ups in the texts that are held against it.

Of the indexed texts only windows at every s-th place are kept, of the others only windows at every t-th place are
looked up; s and t have no common factor, so of any s times t places in a row one is on both grids, and a window of
n - s * t + 1 units there is inside every common run of n. A hit is a candidate: it is verified on the units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from residency.corpus.compare.hashing import Array, mixed, windows

_BITS_A_KEY = 16
_PAIRS = 50_000
_BLOCK = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True)
class Units:
    """Texts as one row of numbers: text i is ``values[starts[i] : starts[i + 1] - 1]``; around each is a mark that is
    no unit, and at both ends are enough of them that a run may be looked for beyond."""

    values: Array
    starts: Array

    def owners(self, places: Array) -> Array:
        """Return the text that each place is in."""
        return np.searchsorted(self.starts, places, "right") - 1


def characters(texts: list[str], *, mark: int, margin: int) -> Units:
    """Return the code points of texts."""
    joined = "\0" * margin + "\0".join(texts) + "\0" * margin
    values = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
    starts = margin + np.cumsum([0, *(len(text) + 1 for text in texts)])
    values[starts - 1] = values[:margin] = values[len(values) - margin :] = mark
    return Units(values, starts)


def spread(hashes: Array, first: Array, *, mark: int, margin: int) -> Units:
    """Return words, known by their hashes, with marks between texts; ``first`` [texts + 1] as in ``Words``."""
    texts = len(first) - 1
    values = np.full(len(hashes) + texts + 2 * margin, mark, np.uint64)
    values[margin + np.arange(len(hashes)) + np.repeat(np.arange(texts), np.diff(first))] = hashes
    return Units(values, margin + first + np.arange(texts + 1))


@dataclass(frozen=True, slots=True)
class Grid:
    """Windows of ``size`` units, kept at every ``kept``-th place of the index, asked for at every ``asked``-th."""

    size: int
    kept: int
    asked: int

    @classmethod
    def of(cls, run: int) -> Grid:
        """Return the grid for runs of that many units."""
        kept, asked = (3, 4) if run >= 32 else (max(1, run // 4), 1)
        size = run - kept * asked + 1
        return cls(size - size % asked, kept, asked)

    def hashes(self, values: Array) -> Array:
        """Return the number of the window at each ``asked``-th place."""
        values = values[: len(values) - len(values) % self.asked]
        blocks = values[:: self.asked].astype(np.uint64)
        for place in range(1, self.asked):
            blocks = blocks * _BLOCK + values[place :: self.asked]
        return mixed(windows(blocks, self.size // self.asked))

    def kept_places(self, units: Units, least: int) -> Array:
        """Return the places of the windows that are kept: those inside a text of at least that many units."""
        places = np.arange(0, len(units.values) - self.size + 1, self.kept)
        owners = units.owners(places)
        inside = (owners >= 0) & (owners < len(units.starts) - 1)
        places, owners = places[inside], owners[inside]
        ends = units.starts[owners + 1] - 1
        return places[(ends - units.starts[owners] >= least) & (places + self.size <= ends)]

    def kept_hashes(self, units: Units, places: Array) -> Array:
        """Return the number of the window at each of these places, the same as ``hashes`` gives it."""
        found = np.empty(len(places), np.uint64)
        for shift in range(self.asked):
            here = places % self.asked == shift
            found[here] = self.hashes(units.values[shift:])[places[here] // self.asked]
        return found


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers with the places they stand for, sorted; ``bits`` tells most numbers that are not here at once."""

    keys: Array
    places: Array
    bits: Array

    @classmethod
    def of(cls, keys: Array, places: Array) -> Table:
        """Return the table of these numbers."""
        order = np.lexsort((places, keys))
        width = max(10, int(_BITS_A_KEY * len(keys)).bit_length())
        bits = np.zeros(2**width, bool)
        bits[keys >> np.uint64(64 - width)] = True
        kind = np.uint32 if len(places) == 0 or int(places.max()) < 2**32 else np.uint64
        return cls(keys[order], places[order].astype(kind), np.packbits(bits, bitorder="little"))

    def pairs(self, hashes: Array) -> Iterator[tuple[Array, Array]]:
        """Yield (number of the hash, place in the index) of all that are equal, a bounded number at a time."""
        at = hashes >> np.uint64(64 - (len(self.bits).bit_length() + 2))
        maybe = np.flatnonzero(self.bits[at >> np.uint64(3)] >> (at & np.uint64(7)).astype(np.uint8) & 1)
        maybe = maybe[np.argsort(hashes[maybe])]  # in order, so that the search walks through memory once
        low = np.searchsorted(self.keys, hashes[maybe], "left")
        here = low < len(self.keys)
        here[here] = self.keys[low[here]] == hashes[maybe[here]]
        maybe, low = maybe[here], low[here]
        many = np.searchsorted(self.keys, hashes[maybe], "right") - low
        ends = np.cumsum(many)
        for begin in range(0, int(ends[-1]) if len(ends) else 0, _PAIRS):
            pair = np.arange(begin, min(begin + _PAIRS, int(ends[-1])))
            hit = np.searchsorted(ends, pair, "right")
            yield maybe[hit], self.places[low[hit] + pair - (ends[hit] - many[hit])].astype(np.int64)


def common_runs(mine: Array, theirs: Array, my: Array, their: Array, size: int, run: int) -> tuple[Array, Array]:
    """Return which pairs of places are inside a common run, and by how much each run begins before its place.

    ``size`` units at the places are to be equal; from there equality is followed up to ``run`` units to both sides.
    """
    reach = run - size
    columns = np.arange(-reach, run)
    equal = mine[my[:, None] + columns] == theirs[their[:, None] + columns]
    before = np.logical_and.accumulate(equal[:, :reach][:, ::-1], axis=1).sum(axis=1)
    after = np.logical_and.accumulate(equal[:, reach + size :], axis=1).sum(axis=1)
    found = equal[:, reach : reach + size].all(axis=1) & (before + size + after >= run)
    return found, before
