"""Files of any format as documents: what each is goes by its content, and none is lost.

A reader is a function from one ``Given`` file to documents, bad records and records left out. It may raise: what it
raises becomes a bad record that names the file, and reading goes on with the next one. ``read_file`` holds that, and
the limits on time; ``parts`` cuts a folder into pieces of bounded size that may be read beside each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.legal import nearest
from residency.core.settings import load
from residency.core.types import Document
from residency.corpus.readers.detect import detect
from residency.corpus.readers.guard import Given, Limits, OutOfTime, reason, time_limit
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
    "csv": Format(f"{_HERE}.rows:read_csv", whole=False),
    "parquet": Format(f"{_HERE}.rows:read_parquet", whole=False),
    "medline": Format(f"{_HERE}.medline:read_medline", whole=False),
    "jats": Format(f"{_HERE}.jats:read_jats", whole=False),
    "cda": Format(f"{_HERE}.cda:read_cda"),
    "fhir": Format(f"{_HERE}.fhir:read_fhir_file", whole=False),
    "obo": Format(f"{_HERE}.obo:read_obo", whole=False),
    "rdf": Format(f"{_HERE}.rdf:read_rdf", whole=False),
    "brat": Format(f"{_HERE}.annotated:read_brat"),
    "conll": Format(f"{_HERE}.annotated:read_conll", whole=False),
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
        rest = iter(records)
        while (record := _next(rest, given)) is not None:
            found = True
            yield _sound(record, given)
    except OutOfTime as error:
        yield given.bad(f"{error}; what follows in this file was not read")
    except Exception as error:
        yield given.bad(reason(error))
    else:
        if not found:
            yield Left(f"a file of {form} without a record")


def _next(rest: Iterator[Record], given: Given) -> Record | None:
    with time_limit(given.limits.seconds):
        return next(rest, None)


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
        record.text.encode()
    except UnicodeEncodeError as error:
        return given.bad(f"half a character (a lone surrogate) at character {error.start} of the text", line)
    return record


def read_part(files: Sequence[Given]) -> Iterator[Record]:
    """Yield what some files hold, one after another; a file of no known format is left out by its ending."""
    for given in files:
        try:
            form = given.options.get("format") or detect(given.path)
        except Exception as error:
            yield given.bad(reason(error))
            continue
        if form in FORMATS:
            yield from read_file(given, form)
        elif form != "annotations":  # those are read with their text
            yield Left(f"no format that is read here ({given.path.suffix.lower() or 'no ending'})")


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
) -> tuple[tuple[Path, ...], tuple[Part, ...]]:
    """Return the files of a folder (or the one file), sorted, and the parts that they are read in.

    ``form`` names the format of all of them; without it each is looked at. Raises SourceError where there is none.
    """
    if form and form not in FORMATS:
        raise SourceError(f"no such format as {form}; {nearest(form, FORMATS)}")
    root, files = files_under(path)
    given = Given(root, "", source, licence, language, encoding, limits or Limits())
    settings = {**(options or {}), **({"format": form} if form else {})}
    pieces: list[Given] = []
    for file in files:
        name = file.name if file == root else file.relative_to(root).as_posix()
        pieces += _cut(replace(given, path=file, name=name, options=settings))
    return files, tuple(partial(read_part, group) for group in _grouped(pieces))


def files_under(path: Path | str) -> tuple[Path, tuple[Path, ...]]:
    """Return a folder and all files under it, sorted by name; hidden ones and links out of it are passed over."""
    path = Path(path).expanduser()
    if path.is_file():
        return path, (path,)
    if not path.is_dir():
        raise SourceError(f"{path} does not exist; give a file or a folder")
    inside = path.resolve()
    found = []
    for folder, below, names in os.walk(path):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [Path(folder) / name for name in names if not name.startswith(".")]
    kept = (file for file in found if file.is_file() and _is_inside(file, inside))
    files = tuple(sorted(kept, key=lambda file: file.relative_to(path).as_posix()))
    if not files:
        raise SourceError(f"{path} holds no file")
    return path, files


def _is_inside(file: Path, folder: Path) -> bool:
    return not file.is_symlink() or file.resolve().is_relative_to(folder)


def _cut(given: Given) -> list[Given]:
    """Return a file as it is, or in byte ranges where it is large and made of lines that stand alone."""
    size = given.path.stat().st_size
    if size <= 2 * PART_BYTES:
        return [given]
    try:
        form = given.options.get("format") or detect(given.path)
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
