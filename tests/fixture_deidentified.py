"""Notes with planted names, a finder that misses what it is told to, and a receipt of them: for the gate's tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from residency.core.types import Document
from residency.corpus.deidentify.content import Content, content_of
from residency.corpus.deidentify.labels import Labels
from residency.corpus.deidentify.receipt import Receipt, Work, make
from residency.corpus.deidentify.score import Scored, score
from residency.corpus.deidentify.sheet import draw
from residency.corpus.identify.found import Found

PLANTED = "Quillfeather"
ENGINE = {"engine": "planted", "threshold": 0.5}


def note(number: int, kind: str = "Progress note") -> Document:
    """Return a note that holds two names and a date."""
    text = f"Seen by Dr {PLANTED}{number}. {PLANTED} came on 2024-03-0{number % 9 + 1} and left well."
    return Document(f"n{number:04d}", text, "ward", "own", meta={"kind": "note", "note_type": kind})


def notes(count: int) -> list[Document]:
    """Return so many notes of two types, one of them a quarter of all."""
    return [note(number, "Discharge note" if number % 4 == 0 else "Progress note") for number in range(count)]


def gold(document: Document) -> list[Found]:
    """Return what a note truly holds."""
    text, found = document.text, []
    for word, kind in ((f"{PLANTED}{int(document.id[1:])}.", "NAME"), (f"{PLANTED} ", "NAME"), ("2024-03-", "DATE")):
        start = text.index(word)
        end = start + (10 if kind == "DATE" else len(word) - 1)
        found.append(Found(start, end, kind, 1.0, "planted"))
    return found


def missing(*ids: str):
    """Return a finder that finds all but the date of some notes."""
    return lambda document: [f for f in gold(document) if f.entity_type != "DATE" or document.id not in ids]


def marked(labels: Labels, documents: Iterable[Document]) -> Labels:
    """Return a sheet that a faultless person has filled in."""
    texts = {document.id: document for document in documents}
    rows = (
        replace(row, checked=True, marks=tuple((f.start, f.end, f.entity_type) for f in gold(texts[row.id])))
        for row in labels.documents
    )
    return replace(labels, documents=tuple(rows))


def scored(documents: list[Document], find=gold, count: int = 80, **more) -> Scored:
    """Return the score of a finder on a filled-in sheet of the notes."""
    labels, drawn = draw(documents, count, seed=1)
    return score(marked(labels, drawn), documents, find, engine=ENGINE, **more)


def hidden(documents: Iterable[Document]) -> list[Document]:
    """Return the notes with a tag in the place of what they hold."""
    made = []
    for document in documents:
        text = document.text
        for found in sorted(gold(document), key=lambda f: -f.start):
            text = f"{text[: found.start]}[{found.entity_type}]{text[found.end :]}"
        made.append(replace(document, text=text))
    return made


def content(documents: Iterable[Document]) -> Content:
    """Return the content of notes."""
    return content_of((document.id, document.text) for document in documents)


def receipt(documents: list[Document], sample: Scored | None = None, **more) -> Receipt:
    """Return the receipt of hiding all that the notes hold."""
    counts = {"NAME": 2 * len(documents), "DATE": len(documents)}
    work = Work("ward", content(documents), content(hidden(documents)), ENGINE, {"operator": "tag"}, counts)
    return make(work, scored=sample, **more)
