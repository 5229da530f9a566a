"""One patient's record out of a folder of any files: notes of every format, and a FHIR export with its coded rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from residency.core.types import Document
from residency.corpus.formats import OWN
from residency.corpus.readers import FORMATS, files_under, read_file
from residency.corpus.readers import Record as Read
from residency.corpus.readers.detect import detect
from residency.corpus.readers.fhir import joint_parts, table_folder
from residency.corpus.readers.guard import Given
from residency.corpus.records import Bad
from residency.infer.records.lines import Record, record_of
from residency.infer.retrieve.said import BESIDE, read_beside, with_more

FHIR = "fhir"


def read_record(path: Path | str, patient: str | None = None) -> tuple[Record, list[Bad]]:
    """Return the record of one patient from a file or folder, and what could not be read (files and lines, no text).

    Rows of a FHIR export (problems, results, prescriptions) are told in words beside its notes. A file beside a note
    (``visit.txt.meta.yaml``) says more of it, as in an index. Raises SourceError where there is no file, and UserError
    where there are several patients and none is chosen, or no note.
    """
    documents: dict[str, Document] = {}
    bad: list[Bad] = []
    for one in _all(path):
        if isinstance(one, Document):
            own = documents.setdefault(one.id, one)
            if own.text != one.text:  # another file of that name: told by its ending, or by a number
                number = sum(key.startswith(f"{one.id}#") for key in documents)
                documents[f"{one.id}#{number}"] = replace(one, id=one.place[0] or f"{one.id}#{number}")
        elif isinstance(one, Bad):
            bad.append(one)
    return record_of(documents.values(), patient), bad


def _all(path: Path | str) -> Iterator[Read]:
    """Yield what the files hold: those of FHIR together, since their rows belong to each other, then each other one."""
    root, files, _ = files_under(path)
    given = [Given(file, _name(file, root), "record", OWN) for file in files if not file.name.endswith(BESIDE)]
    more = {one.name: read_beside(one.path) for one in given}
    forms = [_form(one.path) for one in given]
    of_fhir = [one for one, form in zip(given, forms, strict=True) if form == FHIR]
    if of_fhir:
        for part in joint_parts(of_fhir, table_folder(None, [one.path for one in of_fhir]), record=True):
            yield from (_with(one, more.get(one.place[0], {}) if isinstance(one, Document) else {}) for one in part())
    for one, form in zip(given, forms, strict=True):
        if form in FORMATS and form != FHIR:
            yield from (_with(record, more[one.name]) for record in read_file(one, form))


def _with(record: Read, more: Mapping[str, str]) -> Read:
    """Return a record with what the file beside its own says of it, as an index reads it."""
    return with_more(record, more) if isinstance(record, Document) else record


def _name(file: Path, root: Path) -> str:
    return file.name if file == root else file.relative_to(root).as_posix()


def _form(path: Path) -> str:
    try:
        return detect(path) or ""
    except Exception:  # of a file that cannot be opened there is nothing to read
        return ""
