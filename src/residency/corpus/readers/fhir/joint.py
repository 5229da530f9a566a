"""The one table of coded rows that all parts of a FHIR folder share: built by the first, removed by the last.

In bulk data the rows of one file belong to the notes of another; parts run in processes of their own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from residency.corpus.readers import PART_BYTES
from residency.corpus.readers.fhir.files import Entry, entries
from residency.corpus.readers.fhir.rows import Rows, left
from residency.corpus.readers.guard import Given, opened
from residency.corpus.records import Bad, Left

_CHUNK = 1 << 20
_REPORT = b'"DiagnosticReport"'


@dataclass(frozen=True, slots=True)
class Joint:
    """What every part knows: the whole files, their pieces with a span, the table's folder, and how many share it."""

    files: tuple[Given, ...]
    folder: Path
    shares: int
    buckets: int = 1
    record: bool = False
    validate: bool = False


@contextmanager
def shared_rows(joint: Joint, share: int) -> Iterator[Rows]:
    """Give the table for reading, built where it is not there yet; the last share to end well removes it."""
    joint.folder.mkdir(parents=True, exist_ok=True)
    path = joint.folder / "rows.sqlite"
    with (joint.folder / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # released by the system when the process dies
        if not path.exists():
            building = joint.folder / "building.sqlite"
            building.unlink(missing_ok=True)
            with closing(
                Rows(str(building), record=joint.record, validate=joint.validate, buckets=joint.buckets)
            ) as rows:
                _fill(rows, joint.files)
            os.replace(building, path)
    address = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    with closing(Rows(address, record=joint.record, validate=joint.validate, buckets=joint.buckets)) as rows:
        yield rows
    with suppress(OSError):
        (joint.folder / f"done-{share}").touch()
        if sum(1 for _ in joint.folder.glob("done-*")) == joint.shares:
            shutil.rmtree(joint.folder, ignore_errors=True)


def _fill(rows: Rows, files: Sequence[Given]) -> None:
    rows.want(reports=any(has_reports(given) for given in files))
    for given in files:
        for entry, record in take_up(rows, given):
            if record != left(entry.kind):
                rows.note_trouble(given, record, entry.line, entry.entry)
        rows.note_edges(given.name, _line_numbers(given, edges(given)[1:-1]))
    rows.ready()


def take_up(rows: Rows, given: Given) -> Iterator[tuple[Entry, Left | Bad]]:
    """Take up the coded rows of a file; yield each with what became of it. What is no JSON is kept as a trouble."""
    for entry in entries(given, rows.kinds):
        if isinstance(entry, Bad):
            rows.note_trouble(given, entry, entry.line, None)
        elif entry.resource is not None:
            yield entry, rows.add(entry, given)


def has_reports(given: Given) -> bool:
    """Return whether a file may hold a DiagnosticReport, whose results are Observations."""
    before = b""
    with suppress(Exception), opened(given) as handle:
        while piece := handle.read(_CHUNK):
            if _REPORT in before + piece:
                return True
            before = piece[-len(_REPORT) :]
    return False


def edges(given: Given) -> list[int]:
    """Return the places at which a file of lines is cut into pieces, with its begin and end."""
    size = given.path.stat().st_size
    with given.path.open("rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    lined = given.name.lower().endswith((".ndjson", ".jsonl"))
    return [0, size] if packed or not lined or size <= 2 * PART_BYTES else [*range(0, size, PART_BYTES), size]


def _line_numbers(given: Given, places: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield (place, number of the first line that begins at or after it)."""
    if not places:
        return
    number, at = 1, 0
    with given.path.open("rb") as handle:
        for place in places:
            handle.seek(at)
            while at < place - 1 and (piece := handle.read(min(_CHUNK, place - 1 - at))):
                number += piece.count(b"\n")
                at += len(piece)
            yield place, number + 1
