"""The user's own notes as running text for continued pretraining, in pieces that fit a training row.

Nothing is made of them but text: the test families stay those of the ontology, so what reading the notes changed is
measured on items that they do not hold. A note that the test shows is dropped by the decontamination like any other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

from residency.core.types import Document
from residency.corpus.concepts import shuffled
from residency.corpus.records import built_in

SIMULATED = "simulated_hospital"
LONGEST = 2000
"""Characters of a piece: some 600 tokens of clinical English, well under a row of 1,024."""


def own_text(notes: Iterable[Document], rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield the user's own notes in random order as rows ``{"id", "text", "source", "group", "fact"}``.

    ``group`` is the patient, or the note where no patient is named. Notes of the simulated hospital are left out.
    """
    for note in shuffled((note for note in notes if built_in(note.source) != SIMULATED), rng):
        for number, text in enumerate(pieces(note.text)):
            group = note.patient or note.id
            yield {"id": f"text-{note.id}-{number}", "text": text, "source": note.source, "group": group, "fact": text}


def pieces(text: str, longest: int = LONGEST) -> Iterator[str]:
    """Yield a text in pieces of at most ``longest`` characters, cut at the last line end that fits, or else space."""
    rest = text.strip()
    while len(rest) > longest:
        head = rest[: longest + 1]
        found = (head.rfind(sign, longest // 2) for sign in ("\n", " "))
        at = next((place for place in found if place > 0), longest)
        yield rest[:at].rstrip()
        rest = rest[at:].lstrip()
    if rest:
        yield rest


def in_turn(*streams: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield from the streams one after another, each until it is used up."""
    left = [iter(stream) for stream in streams]
    while left:
        for stream in list(left):
            row = next(stream, None)
            if row is None:
                left.remove(stream)
            else:
                yield row
