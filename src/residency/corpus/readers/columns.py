"""The names of columns: how a line of a table is cut, and which names a message may say.

A name that stands in a first line can be a value (a table without a head, a mapping by patients): it is only said where
it reads as a column's name, or where most beside it do.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

DELIMITERS = (",", ";", "\t", "|")
_NAME = re.compile(r"[^\W\d][\w .()/%#-]{0,39}")
_PIECES = re.compile(r"[^\W\d_][^\W\d_A-Z]*|[A-Z]+")
_WORDS = frozenset(
    """
    id nr no num number key index row date datum datetime day time year fecha data hora timestamp created updated
    written text texto texte note notes notiz nota body content inhalt comment kommentar comments remark remarks
    description beschreibung summary findings finding befund befunde impression history anamnese report bericht
    document dokument doc file title titel titulo heading section abstract message messages email answer antwort
    question frage prompt completion response instruction input output label labels class category patient patients
    pat patientid paciente subject person mrn case fall visit encounter admission stay ward station unit department
    dept clinic hospital author provider physician doctor name vorname nachname surname code icd diagnosis diagnose
    diagnosen dx procedure medication medikament drug dose result wert value units lab test sex gender geschlecht age
    alter birth dob type typ kind status source language lang sprache url score rating votes chosen rejected
    conversations tools system completions published link licence license headline
    """.split()
)
"""What columns are called, in pieces: note_body and NoteBody have "note"."""
_MOST, _LONGEST = 12, 40


def delimiter_of(lines: Sequence[str]) -> str:
    """Return the delimiter under which the most rows have as many columns as the first; a comma where none has two."""

    def score(delimiter: str) -> tuple[float, int]:
        rows = cells_of(lines, delimiter)
        width = len(rows[0]) if rows else 0
        return (share_as_wide(rows), width) if width > 1 else (0.0, 0)

    return max(DELIMITERS, key=score)


def cells_of(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    """Return the rows that some lines of CSV hold, up to a field above the limit; empty ones are none."""
    rows: list[list[str]] = []
    with suppress(csv.Error):
        rows.extend(row for row in csv.reader(lines, delimiter=delimiter) if row)
    return rows


def share_as_wide(rows: Sequence[Sequence[str]]) -> float:
    """Return the share of rows that have as many cells as the first; the last may be cut and does not count."""
    whole = rows[1:-1] or rows[1:]
    return sum(len(row) == len(rows[0]) for row in whole) / len(whole) if whole else 1.0


def names_of(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns, every one its own: a nameless one is column_3, a second text is text_2."""
    names: dict[str, None] = {}
    for at, cell in enumerate(cells, 1):
        name = base = cell.strip() or f"column_{at}"
        again = 1
        while name in names:
            again += 1
            name = f"{base}_{again}"
        names[name] = None
    return list(names)


def could_be_names(cells: Sequence[str]) -> bool:
    """Return whether all cells could be names of columns: short, different, of letters and few signs, no numbers."""
    return len(set(cells)) == len(cells) and all(_NAME.fullmatch(cell.strip()) for cell in cells)


def told(names: Iterable[str], *, sure: bool = False) -> str:
    """Return names of columns in words, the first dozen, cut; ``sure``: they come from a schema and are no values."""
    names = [str(name).strip() for name in names]
    plain = [name for name in names if _NAME.fullmatch(name)]
    known = [name for name in plain if _WORDS.intersection(piece.lower() for piece in _PIECES.findall(name))]
    said = plain if sure or 2 * len(known) > len(names) else known
    first = ", ".join(name[:_LONGEST] for name in said[:_MOST])
    others = len(names) - min(len(said), _MOST)
    if not others:
        return first or "none"
    return f"{first} and {others} more" if first else f"{others} whose names may be values and are not said"
