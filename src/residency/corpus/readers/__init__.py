"""Files of any format as documents: what each is goes by its content, and none is lost.

A reader is a function from one ``Given`` file to documents, bad records and records left out. It may raise: what it
raises becomes a bad record that names the file, and reading goes on with the next one. ``read_file`` holds that, and
the limits on time; ``parts`` cuts a folder into pieces of bounded size that may be read beside each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from residency.core.errors import SourceError
from residency.core.legal import nearest
from residency.core.settings import load
from residency.core.types import Document
from residency.corpus.readers.detect import detect
from residency.corpus.readers.folder import files_under
from residency.corpus.readers.guard import Given, Limits, OutOfTime, reason, time_limit
from residency.corpus.readers.heads import columns_in
from residency.corpus.readers.shapes import columns_of, plain_name
from residency.corpus.records import Bad, Left, Part

Record = Document | Bad | Left
PART_BYTES = 32_000_000
PART_FILES = 2000


@dataclass(frozen=True, slots=True)
class Format:
    """A format's reader; ``whole``: a file is in memory at once and has one time limit; ``cut``: it is made of lines
    that stand alone, so that a large file may be read in byte ranges.
    """

    read: str
    whole: bool = True
    cut: bool = False


_HERE = "residency.corpus.readers"
FORMATS: dict[str, Format] = {
    "text": Format(f"{_HERE}.text:read_text"),
    "markdown": Format(f"{_HERE}.text:read_markdown"),
    "html": Format(f"{_HERE}.html:read_html"),
    "pdf": Format(f"{_HERE}.pdf:read_pdf"),
    "docx": Format(f"{_HERE}.docx:read_docx"),
    "jsonl": Format(f"{_HERE}.rows:read_jsonl", whole=False, cut=True),
    "json": Format(f"{_HERE}.rows:read_json"),
    "csv": Format(f"{_HERE}.tables:read_csv", whole=False),
    "parquet": Format(f"{_HERE}.tables:read_parquet", whole=False),
    "medline": Format(f"{_HERE}.medline:read_medline", whole=False),
    "jats": Format(f"{_HERE}.jats:read_jats", whole=False),
    "cda": Format(f"{_HERE}.cda:read_cda"),
    "fhir": Format(f"{_HERE}.fhir:read_fhir_file", whole=False),
    "obo": Format(f"{_HERE}.obo:read_obo", whole=False),
    "rdf": Format(f"{_HERE}.rdf:read_rdf", whole=False),
    "brat": Format(f"{_HERE}.annotated:read_brat"),
    "conll": Format(f"{_HERE}.conll:read_conll", whole=False),
}
"""What is read, by the name that ``detect`` gives it."""


def read_file(given: Given, form: str) -> Iterator[Record]:
    """Yield what a file holds; whatever goes wrong is yielded as a bad record, never raised.

    A file that holds no record is said to be one: only a byte range may be empty in silence.
    """
    about = FORMATS[form]
    found = given.span is not None
    try:
        with time_limit(given.limits.seconds):
            records: Iterable[Record] = load(about.read)(given)
            if about.whole:
                records = list(records)
        for record in _in_time(iter(records), given):
            found = True
            yield _sound(record, given)
    except OutOfTime as error:
        yield given.bad(f"{error}; what follows in this file was not read")
    except Exception as error:
        yield given.bad(reason(error))
    else:
        if not found:
            yield Left(f"a file of {form} without a record")


def _in_time(rest: Iterator[Record], given: Given) -> Iterator[Record]:
    """Yield records that take no longer than the limit; the alarm is set for a handful, since setting it costs more
    than a small record does. What was read before it rings is not lost.
    """
    more, failed = True, None
    while more:
        handful: list[Record] = []
        try:
            with time_limit(given.limits.seconds):
                more = _take(rest, handful, given.limits.seconds / 10)
        except Exception as error:
            more, failed = False, error
        yield from handful
    if failed:
        raise failed


def _take(rest: Iterator[Record], handful: list[Record], seconds: float) -> bool:
    """Add records to the handful until it is large or late; return False at the end."""
    late, size = monotonic() + seconds, 0
    for record in rest:
        handful.append(record)
        size += len(record.text) if isinstance(record, Document) else 0
        if len(handful) == 100 or size > 1_000_000 or monotonic() > late:
            return True
    return False


def _sound(record: Record, given: Given) -> Record:
    """Return a record, or what is bad about a document that has no word, or that no file could keep."""
    if not isinstance(record, Document):
        return record
    line = record.place[1]
    if not record.text.strip():
        return given.bad("a text without a word", line)
    if "\0" in record.text:
        return given.bad("a NUL character in the text", line)
    try:
        if not record.text.isascii():
            record.text.encode()
    except UnicodeEncodeError as error:
        return given.bad(f"half a character (a lone surrogate) at character {error.start} of the text", line)
    return record


def read_part(files: Sequence[Given], passed: Sequence[Left] = ()) -> Iterator[Record]:
    """Yield what some files hold, one after another, and what of their folder was passed over; a file of no known
    format is left out by its ending.
    """
    for given in files:
        try:
            form = given.options.get("format") or detect(given.path, columns_of(given))
        except Exception as error:
            yield given.bad(reason(error))
            continue
        if form in FORMATS:
            yield from read_file(_with_columns(given, form), form)
        elif form != "annotations":  # those are read with their text
            yield Left(f"no format that is read here ({given.path.suffix.lower() or 'no ending'})")
    yield from passed


def _with_columns(given: Given, form: str) -> Given:
    """Return a file without the ``columns`` of its source where it begins with none of them: it has its own shape."""
    columns = columns_of(given)
    have = {plain_name(name) for name in columns_in(given.path, columns, given.encoding, form)} if columns else set()
    if not have or any(plain_name(column) in have for _, column in columns):
        return given
    return replace(given, options={**given.options, "columns": {}})


def parts(
    path: Path | str,
    *,
    source: str,
    licence: str,
    language: str = "en",
    encoding: str = "utf-8",
    form: str = "",
    limits: Limits | None = None,
    options: dict[str, Any] | None = None,
    endings: tuple[str, ...] = (),
) -> tuple[tuple[Path, ...], tuple[Part, ...]]:
    """Return the files of a folder (or the one file), sorted, and the parts that they are read in.

    ``form`` names the format of all of them; without it each is looked at. ``endings`` keeps only the files of a folder
    whose names end so. Raises SourceError where there is none.
    """
    if form and form not in FORMATS:
        raise SourceError(f"no such format as {form}; {nearest(form, FORMATS)}")
    root, files, passed = files_under(path, endings)
    given = Given(root, "", source, licence, language, encoding, limits or Limits())
    settings = {**(options or {}), **({"format": form} if form else {})}
    pieces: list[Given] = []
    for file in files:
        name = file.name if file == root else file.relative_to(root).as_posix()
        pieces += _cut(replace(given, path=file, name=name, options=settings))
    *groups, last = _grouped(pieces)
    return files, (
        *(partial(read_part, group) for group in groups),
        partial(read_part, last, passed),
    )


def _cut(given: Given) -> list[Given]:
    """Return a file as it is, or in byte ranges where it is large and made of lines that stand alone."""
    size = given.path.stat().st_size
    if size <= 2 * PART_BYTES:
        return [given]
    try:
        form = given.options.get("format") or detect(given.path, columns_of(given))
        with given.path.open("rb") as handle:
            start = handle.read(2)
    except OSError:
        return [given]  # reading it will say why
    packed, two_bytes = start == b"\x1f\x8b", start in (b"\xff\xfe", b"\xfe\xff")
    if packed or two_bytes or form not in FORMATS or not FORMATS[form].cut:
        return [given]
    edges = [*range(0, size, PART_BYTES), size]
    return [replace(given, span=pair) for pair in zip(edges, edges[1:], strict=False)]


def _grouped(pieces: list[Given]) -> Iterator[list[Given]]:
    group: list[Given] = []
    held = 0
    for given in pieces:
        cost = given.span[1] - given.span[0] if given.span else given.path.stat().st_size
        if group and (held + cost > PART_BYTES or len(group) == PART_FILES):
            yield group
            group, held = [], 0
        group.append(given)
        held += cost
    if group:
        yield group
