"""FHIR as documents: the notes with the coded rows behind them and, where asked for, the rows as records in words.

Bundles, single resources and bulk data, of R4 and, where the meaning is plain, of STU3 and R5. Two passes: the first
puts the coded rows into a table on disk, the second reads the notes; memory holds neither.
"""

from __future__ import annotations

import hashlib
import importlib.util
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.types import Document
from residency.corpus.formats import OWN
from residency.corpus.readers import PART_BYTES, PART_FILES, Record, files_under, read_file
from residency.corpus.readers.fhir.check import wrong_field
from residency.corpus.readers.fhir.files import Entry, entries
from residency.corpus.readers.fhir.joint import Joint, edges, has_reports, shared_rows, take_up
from residency.corpus.readers.fhir.record import record_text, untrue
from residency.corpus.readers.fhir.rows import NOTES, Rows, left
from residency.corpus.readers.fhir.text import Unread, note_text
from residency.corpus.readers.fhir.values import MISSHAPEN, Resource, coding, encounter_of, patient_of, since
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Left, Part, Receipt, Source, SourceName

LIMITS = Limits()
_ENDINGS = (".json", ".ndjson", ".jsonl")


def _some(path: str) -> str | None:
    try:
        _split(Path(path))
    except SourceError as error:
        return str(error)
    return None


def read_fhir(
    *,
    # The folder of the export, or one file; rows of all its files are joined.
    path: Annotated[Path, Rule("a file, or a folder of .json or .ndjson files, packed with gzip or not", _some)],
    # The licence of what is read, as the data card states it; a document that states its own keeps it.
    licence: str = OWN,
    # The language of documents that do not state theirs.
    language: str = "en",
    # Whether the rows of each patient and encounter (problems, results, prescriptions) become documents too.
    record: bool = False,
    # Whether resources that are not valid R4 are put aside as malformed (a quarter of a millisecond each).
    validate: bool = False,
    limits: Limits = LIMITS,
    # What the source is called in the card, in the mixture and by makers; empty: its kind, numbered if there are
    # several.
    name: SourceName = "",
    # Why the texts identify nobody, where they are notes and no receipt says so: recorded, and shown with the model.
    waiver: str = "",
    # The receipt of the de-identification that the texts come from; empty: the receipt.json beside them, if any.
    receipt: Receipt = "",
    scratch: Path | None = None,
) -> Source:
    """Return FHIR files (a file or a folder) as a source of notes, whose ``meta`` has the coded rows behind them.

    The table of rows is built in ``scratch`` by the first part that is read, and removed after the last.
    """
    if validate and importlib.util.find_spec("fhir.resources") is None:
        raise SourceError("validate: true needs fhir.resources; install it with: pip install fhir.resources")
    root, files, left = _split(Path(path))
    given = Given(root, "", name or "fhir", licence, language, limits=limits)
    wholes = [replace(given, path=file, name=_name(file, root)) for file in files]
    parts = joint_parts(wholes, table_folder(scratch, files), record=record, validate=validate)
    if left:
        parts += (partial(iter, left),)
    return Source(name or "fhir", "R4", licence, "", files, parts, waiver, receipt, own=True)


def read_fhir_file(given: Given) -> Iterator[Record]:
    """Yield what one file holds, its notes with the rows of the same file; options: record, validate.

    With the option ``rows`` it is a piece of a folder whose rows are joined already.
    """
    joined = given.options.get("rows")
    if joined is not None:
        yield from _notes(given, joined, joined=True)
        return
    settings = {name: bool(given.options.get(name)) for name in ("record", "validate")}
    with closing(Rows("", **settings)) as rows:
        rows.want(reports=has_reports(given))
        for _, record in take_up(rows, given):
            yield record
        rows.ready()
        yield from _notes(given, rows, joined=False)
        if rows.record:
            yield from _records(given, rows, 0)


# --- a folder --------------------------------------------------------------------------------------------------------


def joint_parts(
    wholes: Sequence[Given], folder: Path, *, record: bool = False, validate: bool = False
) -> tuple[Part, ...]:
    """Return the parts of some files whose rows belong together: their notes in pieces, then records in buckets."""
    groups = list(_grouped(wholes))
    buckets = 1 + sum(given.path.stat().st_size for given in wholes) // PART_BYTES if record else 0
    joint = Joint(tuple(wholes), folder, len(groups) + buckets, max(buckets, 1), record, validate)
    notes = tuple(partial(_read_notes, joint, share, tuple(group)) for share, group in enumerate(groups))
    return notes + tuple(partial(_read_records, joint, len(groups) + bucket, bucket) for bucket in range(buckets))


def table_folder(scratch: Path | None, files: Sequence[Path]) -> Path:
    """Return where the table of some files stands: under ``scratch`` by what they are, else a place of its own."""
    if scratch is None:
        return Path(gettempdir()) / f".fhir-{uuid.uuid4().hex}"
    stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return Path(scratch) / f".fhir-{hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]}"


def _split(path: Path) -> tuple[Path, tuple[Path, ...], tuple[Left, ...]]:
    """Return the root, the files that may be FHIR by their ending (or the one named), and what others there are."""
    root, found, passed = files_under(path)
    files = found if root.is_file() else tuple(file for file in found if _ending(file))
    if not files:
        raise SourceError(f"{path} holds no file that ends in .json, .ndjson or .jsonl, packed with .gz or not")
    others = len(found) - len(files)
    return root, files, (*passed, *([Left("file that is no .json or .ndjson", count=others)] if others else []))


def _ending(file: Path) -> bool:
    return file.name.lower().removesuffix(".gz").endswith(_ENDINGS)


def _name(file: Path, root: Path) -> str:
    return file.name if file == root else file.relative_to(root).as_posix()


def _grouped(wholes: Sequence[Given]) -> Iterator[list[Given]]:
    """Yield pieces of files in groups of bounded size."""
    group: list[Given] = []
    held = 0
    for given in wholes:
        places = edges(given)
        for start, end in zip(places, places[1:], strict=False):
            if group and (held + end - start > PART_BYTES or len(group) == PART_FILES):
                yield group
                group, held = [], 0
            group.append(replace(given, span=(start, end)) if len(places) > 2 else given)
            held += end - start
    if group:
        yield group


def _read_notes(joint: Joint, share: int, pieces: Sequence[Given]) -> Iterator[Record]:
    with shared_rows(joint, share) as rows:
        for given in pieces:
            yield from read_file(replace(given, options={"rows": rows}), "fhir")


def _read_records(joint: Joint, share: int, bucket: int) -> Iterator[Record]:
    with shared_rows(joint, share) as rows:
        yield from _records(joint.files[0], rows, bucket)


# --- notes and records -----------------------------------------------------------------------------------------------


def _notes(given: Given, rows: Rows, *, joined: bool) -> Iterator[Record]:
    """Yield the notes of a file or piece, and how each other resource counts."""
    first = rows.first_line(given.name, given.span[0]) if given.span else 1
    for entry in entries(given, NOTES, first):
        if not isinstance(entry, Entry):
            yield entry
        elif entry.resource is not None:
            yield _note(given, entry, entry.resource, rows)
        elif entry.kind not in rows.kinds:
            yield left(entry.kind)
        else:
            trouble = rows.trouble(entry, given)
            if joined or trouble:  # else it was counted when it was taken up
                yield trouble or left(entry.kind)


def _note(given: Given, entry: Entry, resource: Resource, rows: Rows) -> Record:
    try:
        if rows.validate and (wrong := wrong_field(resource)):
            return entry.bad(given, wrong)
        if why := untrue({"status": resource.get("docStatus")}) or untrue(resource):
            return Left(f"{entry.kind}: {why}")
        text = note_text(entry, given, rows)
        if not text.strip() or not (resource.get("id") or entry.key):
            return entry.bad(given, f"a {entry.kind} without text or id")
        return _document(given, entry, resource, text, rows)
    except Unread as error:
        return Left(str(error)) if error.left else entry.bad(given, str(error))
    except MISSHAPEN:
        return entry.bad(given, f"a {entry.kind} that is not as FHIR has it")


def _document(given: Given, entry: Entry, resource: Resource, text: str, rows: Rows) -> Document:
    patient, encounter = patient_of(resource), encounter_of(resource)
    date = since(resource, "date", "effective", "issued", "indexed", "created")
    kind = resource.get("type") or resource.get("code") or {}
    meta = {"kind": "note", "note_type": kind.get("text") or coding(kind)["display"], "encounter": encounter}
    for name in ("conditions", "medications"):
        meta[name] = rows.of(name, encounter, patient, date[:10] or "9999")
    fields = {"language": str(resource.get("language") or given.language), "patient": patient or None}
    key = str(resource.get("id") or entry.key)
    found = given.document(key, text, entry.line, date=date or None, meta=meta, **fields)
    found.person = rows.person(patient) if patient else None
    return found


def _records(given: Given, rows: Rows, bucket: int) -> Iterator[Document]:
    """Yield one document a patient and encounter; its date is that of the last thing in it."""
    for patient, encounter, lines in rows.groups(bucket):
        key = f"record:{patient}/{encounter}" if encounter else f"record:{patient}"
        days = [day for _, day, _ in lines if day]
        meta = {"kind": "record", "encounter": encounter}
        date = max(days, default=None)
        yield given.document(key, record_text(lines), patient=patient, date=date, meta=meta)
