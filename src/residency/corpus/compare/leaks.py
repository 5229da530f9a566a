"""Held-out items in training text, found at the speed of a corpus: a run of characters or of words in common, or a
short item that stands there whole. Exact: no run is missed, and every hit is verified on the text.

``build`` writes a folder that all worker processes map into memory; the larger part of it is read only at a hit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from residency.core.legal import Count, agree
from residency.core.store import atomic_path, read_json, write_json
from residency.corpus.benchmarks import SetHere
from residency.corpus.compare.hashing import Array, Words, mixed, normal, same_words, windows, words
from residency.corpus.compare.own_items import HeldOutFile
from residency.corpus.compare.windows import Grid, Table, Units, characters, common_runs, spread

_MINE, _THEIRS = 2**32 - 1, 2**32 - 2
_ENDINGS = (1, 2, 3, 5, 8)
"""Short items are looked up by so many of their last words, the most that they have."""
_BATCH = 1 << 20
_MAPPED = 1 << 16


@dataclass(frozen=True, slots=True)
class Decontaminate:
    """What counts as a leak, and of which held-out items."""

    # So many characters in a row in common with a held-out item are a leak (case and white space are not compared); 0:
    # not looked for.
    characters: Count = 64
    # So many words in a row in common are a leak (punctuation is not compared either); 0: not looked for.
    words: Count = 13
    # An item of too few words for that rule is a leak where it stands whole, from so many characters on; 0: not looked
    # for.
    whole: Count = 25
    # What stands in more held-out items than this is wording that they share, and no leak; 0: all is looked for.
    common: Count = 10
    # The public sets whose test and validation items are held out; null: every one that is here.
    sets: list[SetHere] | None = None
    # Your own held-out items: objects with question, context, text, answer, reference or prompt, and an id.
    files: list[HeldOutFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Hold the settings against each other."""
        if not (self.characters or self.words or self.whole):
            text = "characters, words and whole are all 0: nothing is looked for; give one of them, or leave it all out"
            agree([(("characters", "words", "whole"), text)])


@dataclass(frozen=True, slots=True)
class Leak:
    """A held-out item and the rule by which a text shares it: "64 characters", "13 words" or "whole item"."""

    item: str
    rule: str


# --- building --------------------------------------------------------------------------------------------------------


def build(items: Iterable[tuple[str, str]], out: Path, settings: Decontaminate) -> Path:
    """Return the folder ``out`` after writing the index of (id, text) to it; an id may come with several texts."""
    pairs = [(key, text) for key, text in items if text.strip()]
    spelt = [normal(text) for _, text in pairs]
    found = words(spelt, fold=False)
    arrays: dict[str, Array] = {f"text_{name}": getattr(found, name) for name in ("data", "starts", "ends", "first")}
    if settings.characters:
        units = characters(spelt, mark=_THEIRS, margin=settings.characters)
        arrays |= _indexed("characters", units, settings.characters, settings.common)
    worded = spread(found.hashes, found.first, mark=_THEIRS, margin=max(settings.words, 1))
    found_words = _indexed("words", worded, settings.words, settings.common) if settings.words else None
    arrays |= found_words or _laid("words", worded)
    if settings.whole:
        sizes = np.array([len(text) for text in spelt], np.int64)
        arrays |= _endings(worded, found.counts, sizes >= settings.whole, settings.words or 2**31)
    with atomic_path(out) as temporary:
        temporary.mkdir(parents=True)
        for name, values in arrays.items():
            np.save(temporary / f"{name}.npy", values, allow_pickle=False)
        about = {"settings": _plain(settings), "items": [key for key, _ in pairs]}
        write_json(temporary / "index.json", {**about, "short": _short(pairs, spelt, found.counts, settings)})
    return out


def _short(pairs: Sequence[tuple[str, str]], spelt: Sequence[str], counts: Array, settings: Decontaminate) -> list[str]:
    """Return the items of which no text is long enough for any rule: nobody looks for them."""
    sizes = np.array([len(text) for text in spelt], np.int64)
    by_words = (counts >= settings.words) & (settings.words > 0)
    by_whole = (sizes >= settings.whole) & (settings.whole > 0) & (counts > 0)
    sought = by_words | by_whole | ((sizes >= settings.characters) & (settings.characters > 0))
    long_enough = {key for (key, _), good in zip(pairs, sought, strict=True) if good}
    return sorted({key for key, _ in pairs} - long_enough)


def _plain(settings: Decontaminate) -> dict[str, Any]:
    return {
        name: value for name, value in asdict(settings).items() if name in ("characters", "words", "whole", "common")
    }


def _laid(name: str, units: Units) -> dict[str, Array]:
    return {f"{name}_values": units.values, f"{name}_starts": units.starts}


def _indexed(name: str, units: Units, run: int, common: int) -> dict[str, Array]:
    """Return the units of one kind, and the table of their windows that not too many texts share."""
    grid = Grid.of(run)
    places = grid.kept_places(units, run)
    keys = grid.kept_hashes(units, places)
    if common:
        own = ~shared(keys, units.owners(places), most=max(1, common // grid.kept))  # a run has one of those phases
        keys, places = keys[own], places[own]
    return _laid(name, units) | _parts(name, Table.of(keys, places))


def shared(keys: Array, owners: Array, most: int) -> Array:
    """Return which places have a key that more than ``most`` owners have."""
    order = np.lexsort((owners, keys))
    key, owner = keys[order], owners[order]
    first = np.ones(len(key), bool)
    first[1:] = (key[1:] != key[:-1]) | (owner[1:] != owner[:-1])
    _, group, count = np.unique(key, return_inverse=True, return_counts=True)
    held = np.bincount(group[first], minlength=len(count))
    found = np.empty(len(key), bool)
    found[order] = held[group] > most
    return found


def _parts(name: str, table: Table) -> dict[str, Array]:
    return {f"{name}_{part}": getattr(table, part) for part in ("keys", "places", "bits")}


def _endings(units: Units, counts: Array, long_enough: Array, most: int) -> dict[str, Array]:
    """Return a table for each number of last words that items are looked up by; places are numbers of items."""
    arrays: dict[str, Array] = {}
    for size, larger in zip(_ENDINGS, (*_ENDINGS[1:], most), strict=True):
        chosen = np.flatnonzero(long_enough & (counts >= size) & (counts < min(larger, most)))
        if len(chosen):
            ends = units.starts[chosen + 1] - 1
            keys = mixed(windows(units.values, size)[ends - size])
            arrays |= _parts(f"whole{size}", Table.of(keys, chosen))
    return arrays


# --- looking up ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leaks:
    """An index of held-out items, opened."""

    settings: Decontaminate
    items: list[str]
    arrays: dict[str, Array]
    text: Words

    @classmethod
    def load(cls, path: Path) -> Leaks:
        """Return the index of a folder; its arrays are mapped, not read."""
        about = read_json(path / "index.json")
        arrays = {file.stem: _opened(file) for file in sorted(path.glob("*.npy"))}
        data, starts, ends, first = (arrays.pop(f"text_{name}") for name in ("data", "starts", "ends", "first"))
        text = Words(data, starts, ends, np.zeros(0, np.uint64), first)
        return cls(Decontaminate(**about["settings"]), about["items"], arrays, text)

    def find(self, texts: Sequence[str]) -> list[Leak | None]:
        """Return for each text the leak of the first rule that finds one, and of the first such item; None if none."""
        found: list[Leak | None] = [None] * len(texts)
        for text, leak in self._each(texts):
            found[text] = found[text] or leak
        return found

    def all(self, texts: Sequence[str]) -> Counter[Leak]:
        """Return every item and rule that any text was found by, with the number of those texts."""
        return Counter(leak for _, leak in self._each(texts))

    def _each(self, texts: Sequence[str]) -> Iterator[tuple[int, Leak]]:
        """Yield (text, leak), each once: texts in order, in each the rules in order, then the items as built."""
        for begin, part in _batches(texts):
            spelt = [normal(text) for text in part]
            found = words(spelt, fold=False)
            hits = [(0, *pair) for pair in self._characters(spelt)]
            hits += [(1, *pair) for pair in self._words(found)]
            hits += [(2, *pair) for pair in self._whole(found)]
            rules = (f"{self.settings.characters} characters", f"{self.settings.words} words", "whole item")
            once = dict.fromkeys(
                (text, rule, self.items[item]) for text, rule, item in sorted((t, rule, i) for rule, t, i in hits)
            )
            for text, rule, item in once:
                yield begin + text, Leak(item, rules[rule])

    def _table(self, name: str) -> Table:
        return Table(*(self.arrays[f"{name}_{part}"] for part in ("keys", "places", "bits")))

    def _units(self, name: str) -> Units:
        return Units(self.arrays[f"{name}_values"], self.arrays[f"{name}_starts"])

    def _characters(self, spelt: list[str]) -> Iterator[tuple[int, int]]:
        """Yield (text, item) with that many characters in a row in common."""
        run = self.settings.characters
        if not run:
            return
        mine, theirs, grid = characters(spelt, mark=_MINE, margin=run), self._units("characters"), Grid.of(run)
        for hit, their in self._table("characters").pairs(grid.hashes(mine.values)):
            my = hit * grid.asked
            good, _ = common_runs(mine.values, theirs.values, my, their, grid.size, run)
            yield from _once(mine.owners(my[good]), theirs.owners(their[good]))

    def _words(self, found: Words) -> Iterator[tuple[int, int]]:
        """Yield (text, item) with that many words in a row in common."""
        run = self.settings.words
        if not run:
            return
        mine, theirs = spread(found.hashes, found.first, mark=_MINE, margin=run), self._units("words")
        grid = Grid.of(run)
        for hit, their in self._table("words").pairs(grid.hashes(mine.values)):
            my = hit * grid.asked
            good, before = common_runs(mine.values, theirs.values, my, their, grid.size, run)
            yield from self._spelt(found, mine, my[good] - before[good], their[good] - before[good], run, run)

    def _whole(self, found: Words) -> Iterator[tuple[int, int]]:
        """Yield (text, item) where the whole of the item stands in the text."""
        margin = max(self.settings.words, 1)
        mine, theirs = spread(found.hashes, found.first, mark=_MINE, margin=margin), self._units("words")
        for size in (size for size in _ENDINGS if f"whole{size}_keys" in self.arrays):
            for hit, item in self._table(f"whole{size}").pairs(mixed(windows(mine.values, size))):
                count = theirs.starts[item + 1] - 1 - theirs.starts[item]
                for length in np.unique(count):
                    of = count == length
                    my, owner = hit[of] + size - length, np.clip(mine.owners(hit[of]), 0, len(mine.starts) - 2)
                    inside = (my >= mine.starts[owner]) & (my + length < mine.starts[owner + 1])
                    yield from self._spelt(found, mine, my[inside], theirs.starts[item[of][inside]], length, margin)

    def _spelt(
        self, found: Words, mine: Units, my: Array, their: Array, run: int, margin: int
    ) -> Iterator[tuple[int, int]]:
        """Yield (text, item) of the places from which ``run`` words are spelt the same."""
        theirs = self._units("words")
        texts, items = mine.owners(my), theirs.owners(their)
        columns = np.arange(run)
        same = same_words(
            found,
            self.text,
            ((my - margin - texts)[:, None] + columns).reshape(-1),
            ((their - margin - items)[:, None] + columns).reshape(-1),
        )
        good = same.reshape(-1, run).all(axis=1)
        yield from _once(texts[good], items[good])


def _once(texts: Array, items: Array) -> Iterator[tuple[int, int]]:
    yield from dict.fromkeys(zip(texts.tolist(), items.tolist(), strict=True))


def _opened(file: Path) -> Array:
    """Return an array, mapped where it is large."""
    mapped = file.stat().st_size > _MAPPED
    return np.asarray(np.load(file, mmap_mode="r" if mapped else None, allow_pickle=False))


def _batches(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield the texts in parts that fit the processor's cache, each with the number of its first."""
    begin = held = 0
    for number, text in enumerate(texts):
        held += len(text)
        if held >= _BATCH or number == len(texts) - 1:
            yield begin, texts[begin : number + 1]
            begin, held = number + 1, 0
