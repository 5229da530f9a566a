"""Relations between the concepts of a text as classes of a text: both concepts are marked wherever they are named.

The marks are signs and the concept's type in words, so that an encoder needs no new token: the typed entity marker of
Zhou and Chen 2022, An Improved Baseline for Sentence-level Relation Extraction, section 3 ("punct"). Here a relation
holds for a whole text, so every mention is marked, and not one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NONE = "none"
"""The class of two concepts that do not stand in a relation."""
RELATED = "related"
"""The relation where a set has only one and gives it no name."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two concepts of a text, the text with their mentions marked, and the relation they stand in (or NONE)."""

    first: str
    second: str
    text: str
    relation: str = NONE


def kinds_of(texts: Iterable[tuple[Sequence[Mapping[str, Any]], Sequence[Sequence[str]]]]) -> list[tuple[str, str]]:
    """Return the pairs of types between which relations stand, from the entities and the relations of texts."""
    found = set()
    for entities, relations in texts:
        types = _types(entities)
        found |= {(types[a], types[b]) for a, b, *_ in relations if a in types and b in types}
    return sorted(found)


def pairs_of(
    text: str,
    entities: Sequence[Mapping[str, Any]],
    relations: Sequence[Sequence[str]],
    kinds: Sequence[tuple[str, str]],
) -> list[Pair]:
    """Return every pair of a text's concepts that a relation could hold between, in the order of their names.

    Entities are ``{"start", "end", "label", "concepts"}``, relations ``[first, second]`` or with a name behind.
    """
    types = _types(entities)
    known = {(a, b): (name[0] if name else RELATED) for a, b, *name in relations}
    return [
        Pair(a, b, marked(text, entities, a, b), known.get((a, b), NONE))
        for a in sorted(types)
        for b in sorted(types)
        if a != b and (types[a], types[b]) in kinds
    ]


def marked(text: str, entities: Sequence[Mapping[str, Any]], first: str, second: str) -> str:
    """Return a text with ``@ * type * … @`` around the mentions of one concept, ``# ^ type ^ … #`` of the other."""
    ends: list[tuple[int, int, int, str]] = []
    for concept, outer, inner in ((first, "@", "*"), (second, "#", "^")):
        for entity in entities:
            if concept in entity["concepts"]:
                start, end, kind = entity["start"], entity["end"], str(entity["label"]).lower()
                ends += [(end, 0, -start, f" {outer}"), (start, 1, -end, f"{outer} {inner} {kind} {inner} ")]
    pieces, last = [], 0
    for place, _, _, mark in sorted(ends):
        pieces += [text[last:place], mark]
        last = place
    return "".join([*pieces, text[last:]])


def _types(entities: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the type of each concept; one that no one could name ("-1") is none."""
    return {
        concept: str(e["label"]) for e in entities for concept in e.get("concepts", ()) if concept not in ("", "-1")
    }
