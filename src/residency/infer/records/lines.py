"""A patient's record as lines: each sentence of each note with its place, in the order of time.

A line is evidence of the chart: whatever is said of a record later names the note and the characters it stands on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from residency.core.errors import UserError
from residency.core.types import Document
from residency.infer.evidence import CHART, Evidence

_END = re.compile(r"\n+|(?<=[.!?])[ \t]+(?=[^\s\da-z])|(?<=[.!?])[ \t]+(?=\d+[^\d.,])|(?<=[。！？])")
_SHORT = re.compile(r"(?:^|[\s(])(?:dr|mr|mrs|ms|prof|st|vs|no|approx|ca|fig|e\.g|i\.e|pt|hx|dx|rx)\.$", re.IGNORECASE)
_HEADING = re.compile(r"^(?:#{1,6}\s+.{1,80}|[^\W\d_][^.!?:]{0,60}:)$")
_NAMED = re.compile(r"(?<!\d)((?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))(?!\d)")
UNDATED = "9999"


@dataclass(frozen=True, slots=True)
class Record:
    """One patient's notes, the oldest first and those without a date last; ``unnamed`` notes are left out."""

    patient: str
    documents: tuple[Document, ...]
    unnamed: int = 0

    @property
    def lines(self) -> list[Evidence]:
        """Return the lines of all notes in their order."""
        return [line for document in self.documents for line in lines_of(document)]

    @property
    def undated(self) -> int:
        """Return how many notes have no date."""
        return sum(document.date is None for document in self.documents)


def record_of(documents: Iterable[Document], patient: str | None = None) -> Record:
    """Return one patient's record. Documents that name no patient are taken only where none of them names one.

    A note without a date of its own has that of its name (``2024-05-11-visit.txt``), where there is one. Raises
    UserError where the documents are of several patients and none is chosen, or nothing is there of the chosen one.
    """
    found = list(documents)
    known = sorted({document.patient for document in found if document.patient})
    if patient is None and len(known) > 1:
        raise UserError(f"the notes are of {len(known)} patients; choose one of {_some(known)} with --patient")
    if patient is not None and patient not in known:
        raise UserError(f"there is no note of the patient asked for; there are: {_some(known) or 'notes of nobody'}")
    chosen = patient or (known[0] if known else "")
    mine = [_dated(document) for document in found if (document.patient or "") == chosen and document.text.strip()]
    if not mine:
        raise UserError("there is no note to read: give a folder of notes, or a FHIR export")
    unnamed = sum(not document.patient for document in found) if chosen else 0
    return Record(chosen, tuple(sorted(mine, key=lambda one: (one.date or UNDATED, one.id))), unnamed)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _dated(document: Document) -> Document:
    found = None if document.date else _NAMED.search(document.id)
    return replace(document, date=found[1]) if found else document


def lines_of(document: Document) -> list[Evidence]:
    """Return the sentences of a note, each verbatim with its characters in the text; headings become their section."""
    found: list[Evidence] = []
    section = ""
    for start, end in _pieces(document.text):
        text = document.text[start:end]
        if _HEADING.match(text):
            section = text.strip("#: ")
            continue
        found.append(_line(document, start, end, section, len(found)))
    return found


def _line(document: Document, start: int, end: int, section: str, number: int) -> Evidence:
    return Evidence(
        f"{document.id}#{number}",
        document.id,
        document.text[start:end],
        start,
        end,
        title=(document.date or "")[:10],
        section=section,
        source=document.source,
        licence=document.licence,
        language=document.language,
        date=document.date,
        patient=document.patient,
        shelf=CHART,
    )


def _pieces(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of sentences without the white space and bullets around them."""
    edges, begin = list[tuple[int, int]](), 0
    for cut in _END.finditer(text):
        if "\n" not in cut[0] and _SHORT.search(text[max(0, cut.start() - 12) : cut.start()]):
            continue
        edges.append((begin, cut.start()))
        begin = cut.end()
    edges.append((begin, len(text)))
    return [trimmed for start, end in edges if (trimmed := _trimmed(text, start, end))]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int] | None:
    piece = text[start:end]
    left = re.match(r"[\s\-*•·–]*", piece)
    start += left.end() if left else 0
    end -= len(piece) - len(piece.rstrip())
    return (start, end) if end > start and any(map(str.isalnum, text[start:end])) else None


def distinct(lines: Iterable[Evidence]) -> list[tuple[Evidence, ...]]:
    """Return lines with what repeats them: notes are copied forward, and what is said twice is read once.

    The first of each is the oldest. Lines that differ in more than white space and case are not the same.
    """
    groups: dict[str, list[Evidence]] = {}
    for line in lines:
        groups.setdefault(" ".join(line.text.lower().split()), []).append(line)
    return [tuple(group) for group in groups.values()]
