"""Search by words, and by name: what says every word is found, and a name counts more than a note."""

from __future__ import annotations

import re

from residency.catalog.entries import Catalog, Entry, Result
from residency.catalog.wanted import ASKED, key, legal
from residency.core.errors import UserError


def search(catalog: Catalog, words: str) -> list[Entry]:
    """Return the entries of all kinds that say every word, those whose name says it first."""
    wanted = words_of(words)
    every = [entry for kind in ASKED if kind != "results" for entry in catalog.entries[kind].values()]
    found = [entry for entry in every if score(entry, wanted)]
    return sorted(found, key=lambda entry: (-score(entry, wanted), entry.name.casefold()))


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, in small letters."""
    return tuple(re.findall(r"[^\W_]+", text.casefold()))


def score(entry: Entry, words: tuple[str, ...]) -> float:
    """Return how well an entry fits: 0 where it lacks a word; a name counts 8, a line about it 3, a note 1.

    The beginning of a word counts half. What is called just so comes before everything.
    """
    notes = [cell.note for cell in (*entry.cells.values(), *entry.named)]
    notes += [part for result in entry.results for part in (result.note, result.protocol)]
    texts = [(8.0, name) for name in entry.names] + [(8.0, entry.id), (3.0, entry.about)]
    whole = "".join(words) in {key(name) for name in (*entry.names, entry.id)}
    return _fit(words, [*texts, *((1.0, note) for note in notes if note)]) + (100.0 if whole and words else 0.0)


def score_result(catalog: Catalog, result: Result, words: tuple[str, ...]) -> float:
    """Return how well a result fits: by what was measured, on what, with what, and how."""
    sets = catalog.entries["datasets"]
    names = [*catalog.of(result).names, result.of, result.model, result.set, result.part, result.metric]
    names += sets[result.set].names if result.set in sets else ()
    return _fit(words, [*((8.0, name) for name in names), (3.0, result.protocol), (1.0, result.note)])


def _fit(words: tuple[str, ...], texts: list[tuple[float, str]]) -> float:
    total = 0.0
    said = [(weight, {*words_of(text), key(text)}) for weight, text in texts if text]
    for word in words:
        best = max((_weight(word, weight, tokens) for weight, tokens in said), default=0.0)
        if not best:
            return 0.0
        total += best
    return total


def _weight(word: str, weight: float, tokens: set[str]) -> float:
    if word in tokens:
        return weight
    return weight / 2 if any(token.startswith(word) for token in tokens) else 0.0


def called(catalog: Catalog, name: str) -> list[Entry]:
    """Return the entries of any kind that are called so; UserError names those that are called nearly so."""
    every = [entry for kind in catalog.entries for entry in catalog.entries[kind].values()]
    found = [entry for entry in every if key(name) in {key(one) for one in (entry.id, *entry.names)}]
    if not found:
        names = [one for entry in every for one in entry.names if entry.kind != "sources"]
        said = search(catalog, name)
        hint = f"; named in {len(said)} entries, see: residency catalog models --text '{name}'" if said else ""
        raise UserError(f"there is no entry {name}{hint}; {legal(name, [*ASKED, *names])}")
    return found
