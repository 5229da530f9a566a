"""What people have marked on a labelling sheet, as CSV that a spreadsheet may open and save, or as JSON; never a text.

The first cell of the CSV holds the sheet's facts as JSON; below the heads, a document has a row of its own whose
entity_type says whether it was checked, and a row for each mark. ``CHECKED`` without a mark: it holds nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.store import atomic_path, dumps, sha256_json
from residency.corpus.identify.kinds import KINDS

VERSION = 1
HEADS = ("id", "start", "end", "entity_type", "text_sha256", "stratum")
CHECKED, UNCHECKED, SHOWN = "CHECKED", "UNCHECKED", "CHECKED_AFTER_SHOWN"
"""Of a document: checked; not yet; checked, and marked again after the page had shown what the engine found."""
Mark = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """What was drawn: from which texts (their content hash and number), with which seed, and of each stratum how many.

    ``strata`` maps a stratum to ``(documents in the source, documents in the sheet)``.
    """

    seed: int
    content: str
    documents: int
    strata: Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A document of the sheet: its id, the SHA-256 of its text, what was marked, and whether it was checked."""

    id: str
    text_sha256: str
    stratum: str
    checked: bool = False
    shown: bool = False
    marks: tuple[Mark, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Labels:
    """A labelling sheet as it was filled in."""

    sheet: Sheet
    documents: tuple[Labelled, ...]

    @property
    def hash(self) -> str:
        """The SHA-256 of what was drawn and marked, in hex; the same for the CSV and the JSON."""
        return sha256_json(_as_json(self))


def write_labels(path: Path | str, labels: Labels) -> None:
    """Write labels as CSV, or as JSON where the path ends so; whole or not at all."""
    with atomic_path(path) as temporary:
        text = dumps(_as_json(labels), indent=1) + "\n" if Path(path).suffix == ".json" else _as_csv(labels)
        temporary.write_text(text, encoding="utf-8", newline="")


def read_labels(path: Path | str) -> Labels:
    """Return the labels of a file, CSV or JSON; UserError says what is wrong in which row, never its text."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"there is no file {path}; `residency deidentify PATH --sample 100` writes a sheet") from None
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path} cannot be read as UTF-8 text; save it as CSV in UTF-8, or use the JSON") from None
    return _from_json(path, text) if text.lstrip().startswith("{") else _from_csv(path, text)


def _facts(sheet: Sheet) -> dict[str, Any]:
    return {"residency_sheet": VERSION, **asdict(replace(sheet, strata=_strata(sheet.strata)))}


def _strata(strata: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(pair) for name, pair in sorted(strata.items())}


def _as_json(labels: Labels) -> dict[str, Any]:
    rows = sorted(labels.documents, key=lambda document: document.id)
    return {
        **_facts(labels.sheet),
        "labels": [
            {
                "id": row.id,
                "text_sha256": row.text_sha256,
                "stratum": row.stratum,
                "checked": row.checked,
                "shown": row.shown,
                "spans": [{"start": a, "end": b, "entity_type": kind} for a, b, kind in sorted(set(row.marks))],
            }
            for row in rows
        ],
    }


def _as_csv(labels: Labels) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([dumps(_facts(labels.sheet))])
    writer.writerow(HEADS)
    for row in labels.documents:
        state = (SHOWN if row.shown else CHECKED) if row.checked else UNCHECKED
        writer.writerow([row.id, "", "", state, row.text_sha256, row.stratum])
        writer.writerows([row.id, a, b, kind, row.text_sha256, row.stratum] for a, b, kind in row.marks)
    return text.getvalue()


def _from_json(path: Path, text: str) -> Labels:
    try:
        found = json.loads(text)
        rows = [
            Labelled(
                _text(row["id"]),
                _text(row["text_sha256"]),
                _text(row["stratum"]),
                row["checked"] is True,
                row.get("shown") is True,
                tuple(_mark(s["start"], s["end"], s["entity_type"], f"{path}, document {n}") for s in row["spans"]),
            )
            for n, row in enumerate(found["labels"], 1)
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{path} is no labelling sheet; save it again from sheet.html") from None
    return _sound(path, _sheet(path, found), rows)


def _from_csv(path: Path, text: str) -> Labels:
    second = text.split("\n", 2)[1] if "\n" in text else ""
    mark = max(",;\t", key=second.count)  # spreadsheets of some languages write semicolons
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
    except csv.Error:
        raise UserError(f"{path} cannot be read as CSV; save it again from sheet.html") from None
    if len(table) < 2 or not set(HEADS) <= set(table[1]) or not table[0]:
        raise UserError(
            f"{path} is no labelling sheet: its second row must hold {', '.join(HEADS)}, and its first the sheet's "
            "facts as sheet.html wrote them; save it again from there"
        )
    try:
        facts = json.loads(table[0][0])
    except ValueError:
        raise UserError(f"{path}: the facts of the sheet in its first cell are damaged; save it again") from None
    found: dict[str, Labelled] = {}
    states: set[str] = set()
    for number, cells in enumerate(table[2:], 3):
        if any(cell.strip() for cell in cells):
            _add(found, states, dict(zip(table[1], cells, strict=False)), f"{path}, row {number}")
    if lacking := [key for key in found if key not in states]:
        raise UserError(f"{path}: no row says whether {', '.join(lacking[:5])} was checked ({CHECKED} or {UNCHECKED})")
    return _sound(path, _sheet(path, facts), list(found.values()))


def _add(found: dict[str, Labelled], states: set[str], row: Mapping[str, str], place: str) -> None:
    """Add a row of the CSV to the document that it is of."""
    key, kind = row.get("id", ""), row.get("entity_type", "").strip()
    known = found.setdefault(key, Labelled(key, row.get("text_sha256", "").strip(), row.get("stratum", "")))
    if known.text_sha256 != row.get("text_sha256", "").strip():
        raise UserError(f"{place}: its text_sha256 is not that of the other rows of the same document")
    if kind in (CHECKED, UNCHECKED, SHOWN):
        states.add(key)
        found[key] = replace(known, checked=kind != UNCHECKED, shown=kind == SHOWN)
    else:
        mark = _mark(row.get("start", ""), row.get("end", ""), kind, place)
        found[key] = replace(known, marks=(*known.marks, mark))


def _mark(start: Any, end: Any, kind: Any, place: str) -> Mark:
    if kind not in KINDS:
        raise UserError(f"{place}: an entity_type that is not known; legal: {', '.join(KINDS)}")
    try:
        first, last = int(start), int(end)
    except (TypeError, ValueError):
        raise UserError(f"{place}: start and end must be whole numbers, counted in characters of the text") from None
    if not 0 <= first < last:
        raise UserError(f"{place}: a mark from {first} to {last} is none; start must be below end, and at least 0")
    return first, last, str(kind)


def _sheet(path: Path, facts: Any) -> Sheet:
    """Return what was drawn; UserError where a newer version wrote it, or it is no such thing."""
    version = facts.get("residency_sheet") if isinstance(facts, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UserError(f"{path} was written by a newer Residency (sheet {version}, here {VERSION}); update this one")
    try:
        strata = {_text(name): (int(of), int(n)) for name, (of, n) in facts["strata"].items()}
        return Sheet(int(facts["seed"]), _text(facts["content"]), int(facts["documents"]), strata)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(f"{path}: the facts of the sheet are damaged; save it again from sheet.html") from None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _sound(path: Path, sheet: Sheet, rows: list[Labelled]) -> Labels:
    """Return labels whose documents are those that were drawn, as many of each stratum as the sheet says."""
    drawn: dict[str, int] = {}
    for row in rows:
        drawn[row.stratum] = drawn.get(row.stratum, 0) + 1
    whole = sum(of for of, _ in sheet.strata.values()) == sheet.documents
    if len({row.id for row in rows}) < len(rows) or drawn != {k: n for k, (_, n) in sheet.strata.items()} or not whole:
        raise UserError(
            f"{path} does not hold the documents that its sheet drew, each once; rows may be added for marks, but a "
            "document may not be taken out or added: a sample that was chosen by hand measures nothing"
        )
    return Labels(sheet, tuple(rows))
