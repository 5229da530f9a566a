"""A row of JSON, CSV or Parquet as a document: its keys say what it is, from a plain text to a preference pair.

Names of columns are matched without regard to capitals (Note Text, NOTE_TEXT and NoteText are note_text), and
``columns: {text: NOTE_BODY}`` names the unusual ones.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from residency.core.types import Document
from residency.corpus.readers.chats import Wrong
from residency.corpus.readers.columns import told
from residency.corpus.readers.guard import Given, TooMuch
from residency.corpus.readers.text import iso_date, iso_language
from residency.corpus.readers.training_sets import SHAPES
from residency.corpus.records import Bad

SMALL = 10_000
"""The characters up to which a value that no shape knows is kept in ``meta``; ``meta["left_out"]`` names the others."""
NAMES = {
    "id": ("id", "_id", "doc_id", "document_id", "note_id", "row_id", "text_id", "uid", "uuid", "pmid"),
    "patient": ("patient", "patient_id", "patientid", "subject_id", "person_id", "mrn"),
    "date": ("date", "note_date", "chartdate", "charttime", "note_datetime", "created_at", "created", "published"),
    "language": ("language", "lang"),
    "licence": ("licence", "license"),
    "title": ("title", "note_title", "headline"),
    "url": ("url", "link", "source_url"),
    "votes": ("votes", "upvotes", "up_votes", "vote"),
}
"""What every shape may have, and the names that it is known by, the likeliest first."""
WORDS = ("id", "patient", "language", "licence", "title", "url")

COLUMNS = (*NAMES, *dict.fromkeys(name for shape in SHAPES.values() for name in (*shape.needs, *shape.may)))
"""The fields whose columns may be named."""


_INSIDE = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Place(NamedTuple):
    """Where a row stands: the id it gets where it has none, and the file and line that messages name."""

    key: str
    file: str
    line: int | None


def row_record(row: Mapping[str, Any], given: Given, place: Place) -> Document | Bad:
    """Return the document that a row holds, or why it holds none."""
    try:
        return _document(row, given, place)
    except (Wrong, TooMuch) as error:
        return Bad(place.file, place.line, str(error))


def _document(row: Mapping[str, Any], given: Given, place: Place) -> Document:
    keys = tuple(row)
    if None in row.values():
        keys = tuple(key for key in keys if row[key] is not None)
    shape, found, others = plan(keys, columns_of(given))
    if shape is None:
        raise Wrong(fits_none(row, columns_of(given)))
    known = {name: row[key] for name, key in found.items()}
    text, built = SHAPES[shape].build(known, given.limits)
    words = {name: _word(known[name], name) for name in WORDS if name in known}
    meta = {"kind": given.options.get("kind", "note"), **_rest(row, others), "shape": shape, **built}
    meta |= _described(words, known.get("votes"))
    language = words.get("language")
    document = given.document(
        words.get("id") or place.key,
        text,
        licence=words.get("licence") or given.licence,
        language=(iso_language(language) if language else None) or given.language,
        patient=words.get("patient"),
        date=_dated(known["date"], meta) if "date" in known else None,
        meta=meta,
    )
    document.place = (place.file, place.line)
    return document


def columns_of(given: Given) -> tuple[tuple[str, str], ...]:
    """Return the reader's options that name columns, as (field, column): ``columns``, and ``text`` for short."""
    named, text = given.options.get("columns"), given.options.get("text")
    if not named and not text:
        return ()
    return tuple({**(named or {}), **({"text": text} if text else {})}.items())


class Plan(NamedTuple):
    """The shape of rows with certain keys (None: no known one), the key of each field that it uses, and the others."""

    shape: str | None
    found: dict[str, str]
    others: tuple[str, ...]


@lru_cache(maxsize=1024)
def plan(keys: tuple[str, ...], columns: tuple[tuple[str, str], ...]) -> Plan:
    """Return how rows with these keys are read; ``columns`` are (field, key) that go before the names of the fields."""
    plain = {made(key): key for made in (_spaced, plain_name) for key in reversed(keys)}
    named = {name: column if column in keys else plain.get(plain_name(column)) for name, column in columns}
    free = {name: key for name, key in plain.items() if key not in named.values()}
    found = {name: free[name] for name in COLUMNS if name in free}
    found |= {name: free[hit] for name, words in NAMES.items() if (hit := next((w for w in words if w in free), None))}
    found |= {name: key for name, key in named.items() if key is not None}
    order = ["text", *SHAPES] if "text" in named else list(SHAPES)
    shape = next((name for name in order if all(field in found for field in SHAPES[name].needs)), None)
    if shape is None or None in named.values():
        return Plan(None, {}, keys)
    uses = {*SHAPES[shape].needs, *SHAPES[shape].may, *NAMES, *named}
    found = {name: key for name, key in found.items() if name in uses}
    return Plan(shape, found, tuple(key for key in keys if key not in found.values()))


def fits_none(row: Iterable[str], columns: tuple[tuple[str, str], ...] = (), *, sure: bool = False) -> str:
    """Return why a row has no known shape: the column that is asked for and absent, those it has, and what is legal.

    Columns are named as ``told`` does it: ``sure`` where they cannot be values, such as a patient's name.
    """
    keys = list(row)
    have = {plain_name(key) for key in keys}
    absent = [f"no column {column} (columns: {name})" for name, column in columns if plain_name(column) not in have]
    return f"{', '.join(absent) or 'no known shape'}; its columns: {told(keys, sure=sure)}; {legal_shapes()}"


def legal_shapes() -> str:
    """Return the columns that rows may have, in words, and how to name others."""
    legal = "; ".join(" + ".join(shape.needs) for shape in SHAPES.values())
    return f"known shapes: {legal}; say which column is the text with columns: {{text: COLUMN}}"


# --- what every shape may have ---------------------------------------------------------------------------------------


def plain_name(name: str) -> str:
    """Return a column's name as names are compared: without capitals, with _ for spaces and dashes."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _spaced(name: str) -> str:
    """Return a column's name as names are compared, with _ where a capital begins a word inside it."""
    return plain_name(_INSIDE.sub("_", name))


def _word(value: Any, name: str) -> str | None:
    """Return an id or another short name, also where it was written as a number; None where it is not given."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a whole column becomes floats where one of its cells is empty
    elif isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or len(word := str(value)) > SMALL:
        raise Wrong(f"{name} is neither a short text nor a number")
    return word.strip() or None


def _dated(value: Any, meta: dict[str, Any]) -> str | None:
    """Return the date as ISO 8601; one whose order of day and month is a guess goes to ``meta`` as it is written."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    written = _word(value, "date") or ""
    day = iso_date(f"{written[:4]}-{written[4:6]}-{written[6:]}" if re.fullmatch(r"\d{8}", written) else written)
    if day is None and written:
        meta["date_as_written"] = written
    return day


def _described(words: Mapping[str, str | None], votes: Any) -> dict[str, Any]:
    said: dict[str, Any] = {name: word for name in ("title", "url") if (word := words.get(name))}
    if isinstance(votes, str) and re.fullmatch(r"[+-]?\d{1,15}(?:\.\d{1,9})?", votes.strip()):
        votes = float(votes)
    if isinstance(votes, int | float) and math.isfinite(votes):
        said["votes"] = int(votes) if float(votes).is_integer() else votes
    return said


def _rest(row: Mapping[str, Any], others: Iterable[str]) -> dict[str, Any]:
    """Return what no shape knows of a row where it is small, and the names of what is not; ``meta`` in it is opened."""
    meta: dict[str, Any] = {}
    left: list[str] = []
    for name in others:
        value = row[name]
        if name == "meta" and isinstance(value, dict):
            meta |= _rest(value, value)
        elif (kept := _small(value)) is not None:
            meta[name] = kept
        elif value is not None:
            left.append(name[:100])
    return {**meta, "left_out": [*meta.get("left_out", []), *left]} if left else meta


def _small(value: Any) -> Any:
    """Return a value as JSON can keep it; None where it is long, binary or no number."""
    if isinstance(value, str):
        return value if len(value) <= SMALL else None
    if isinstance(value, int):
        return value if value.bit_length() < 64 else str(value)[:SMALL]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list | tuple | dict):
        try:
            written = json.dumps(value, default=_small, allow_nan=False)
        except (ValueError, TypeError, RecursionError):
            return None
        return json.loads(written) if len(written) <= SMALL else None
    return None
