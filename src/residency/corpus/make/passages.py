"""Documents in pieces that a model can read: cut between paragraphs, else between sentences, else between words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from residency.core.legal import Range
from residency.core.types import Document

Words = Annotated[int, Range(least=1, most=20_000)]
_PARAGRAPH, _SENTENCE = re.compile(r"\n[ \t]*\n"), re.compile(r"(?<=[.!?])\s+|\n")


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document: where it is the n-th one, counted from 0."""

    document: Document
    number: int
    text: str

    def key(self, maker: str, at: int) -> str:
        """Return the id of the row that a maker makes of it as its ``at``-th."""
        return f"{self.document.id}:{maker}:{self.number}-{at}"


@dataclass(frozen=True, slots=True)
class Cut:
    """How documents are cut to passages."""

    # The most words of a passage.
    words: Words = 250
    # Passages of fewer words are left out.
    least: Words = 20


CUT = Cut()


def passages(document: Document, cut: Cut = CUT) -> Iterator[Passage]:
    """Yield a document's pieces, cut between paragraphs, else sentences, else words."""
    pieces = (part for paragraph in _PARAGRAPH.split(document.text) for part in _cut(paragraph.strip(), cut.words))
    found = (text for text in _joined(pieces, cut.words) if len(text.split()) >= cut.least)
    yield from (Passage(document, number, text) for number, text in enumerate(found))


def _cut(paragraph: str, words: int) -> Iterator[str]:
    """Yield a paragraph, or its sentences where it is too long, or stretches of words where a sentence is."""
    if len(paragraph.split()) <= words:
        yield paragraph
        return
    for sentence in _SENTENCE.split(paragraph):
        parts = sentence.split()
        yield from (" ".join(parts[at : at + words]) for at in range(0, len(parts), words))


def _joined(pieces: Iterable[str], words: int) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for piece in pieces:
        more = len(piece.split())
        if held and size + more > words:
            yield "\n".join(held)
            held, size = [], 0
        held, size = [*held, piece], size + more
    if held:
        yield "\n".join(held)
