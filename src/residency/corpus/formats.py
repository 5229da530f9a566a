"""The user's own data: a folder of any files read by what they hold, a folder of text files, and JSONL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from residency.core.errors import SourceError
from residency.core.legal import Encoding, Rule, nearest
from residency.corpus.readers import FORMATS, files_under, parts
from residency.corpus.readers.columns import told
from residency.corpus.readers.guard import Limits
from residency.corpus.readers.heads import columns_in
from residency.corpus.readers.shapes import COLUMNS, plain_name
from residency.corpus.records import Receipt, Source, SourceName

OWN = "not stated (your own data)"
LIMITS = Limits()
_NONE: Mapping[str, str] = MappingProxyType({})
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_TEXT, _LINES = (".txt",), (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")


def files_of(path: Path | str, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """Return ``path`` itself, or the files under it with one of the suffixes, sorted; SourceError for none."""
    return files_under(path, suffixes)[1]


def check_columns(
    path: Path, files: Sequence[Path], columns: Mapping[str, str], encoding: str = "utf-8", form: str = ""
) -> None:
    """Raise SourceError for a column that is named and that no file begins with; the first table mostly has all."""
    absent = {plain_name(column): name for name, column in columns.items()}
    seen: dict[str, None] = {}
    tables = sorted(files, key=lambda file: not file.name.lower().removesuffix(".gz").endswith(_TABLES))
    for file in tables if absent else ():
        names = columns_in(file, tuple(columns.items()), encoding, form)
        seen |= dict.fromkeys(names)
        for name in map(plain_name, names):
            absent.pop(name, None)
        if not absent:
            return
    if absent:
        missing = ", ".join(f"{columns[name]} (columns: {name})" for name in absent.values())
        raise SourceError(f"no file under {path} has a column {missing}; their columns: {told(seen)}")


def there_are(*suffixes: str) -> Rule:
    """Return the rule that a path leads to a file, or to a folder that holds such files (without suffixes: any)."""

    def find(path: str) -> str | None:
        try:
            files_of(path, suffixes)
        except SourceError as error:
            return str(error)
        return None

    return Rule(f"a file, or a folder of {' or '.join(suffixes) or 'such'} files", find)


def _no_format(name: str) -> str | None:
    return None if not name or name in FORMATS else f"no such format as {name}; {nearest(name, FORMATS)}"


def _no_field(columns: Mapping[str, str]) -> str | None:
    wrong = next((str(name) for name in columns if name not in COLUMNS), None)
    return wrong and f"no such field as {wrong}; {nearest(wrong, COLUMNS)}"


Format = Annotated[str, Rule(f"empty (by content), or one of {', '.join(FORMATS)}", _no_format)]
Columns = Annotated[Mapping[str, str], Rule(f"names of columns under {', '.join(COLUMNS)}", _no_field)]


def read_files(
    *,
    # The folder that is read, with all below it, or one file.
    path: Annotated[Path, there_are()],
    # The format of all files; empty: each is read as what its content says that it is.
    format: Format = "",
    # The licence of what is read, as the data card states it; a document that states its own keeps it.
    licence: str = OWN,
    # The language of documents that do not state theirs; und is not known, and the cleaning finds it.
    language: str = "und",
    # How text files are encoded that are not UTF-8.
    encoding: Encoding = "utf-8",
    # Names of unusual columns, as in {text: note_body, patient: mrn}; files that have none of them are read by their
    # own.
    columns: Columns = _NONE,
    limits: Limits = LIMITS,
    # What the source is called in the card, in the mixture and by makers; empty: its kind, numbered if there are
    # several.
    name: SourceName = "",
    # Why the texts identify nobody, where they are notes and no receipt says so: recorded, and shown with the model.
    waiver: str = "",
    # The receipt of the de-identification that the texts come from; empty: the receipt.json beside them, if any.
    receipt: Receipt = "",
) -> Source:
    """Return a folder of any files (or one file) as a source: each is read as what its content says that it is."""
    check_columns(path, files_of(path, ()), columns, encoding, form=format)
    files, pieces = parts(
        path,
        source=name or "files",
        licence=licence,
        language=language,
        encoding=encoding,
        form=format,
        limits=limits,
        options={"columns": dict(columns)},
    )
    return Source(name or "files", "", licence, "", files, pieces, waiver, receipt, own=True)


def read_notes(
    *,
    # The folder of text files, or one file.
    path: Annotated[Path, there_are(*_TEXT)],
    # The licence of what is read, as the data card states it; a document that states its own keeps it.
    licence: str = OWN,
    # The language of documents that do not state theirs.
    language: str = "en",
    # What the source is called in the card, in the mixture and by makers; empty: its kind, numbered if there are
    # several.
    name: SourceName = "",
    # Why the texts identify nobody, where they are notes and no receipt says so: recorded, and shown with the model.
    waiver: str = "",
    # The receipt of the de-identification that the texts come from; empty: the receipt.json beside them, if any.
    receipt: Receipt = "",
) -> Source:
    """Return a folder of ``.txt`` files (or one file) as a source; a document's id is its path in the folder."""
    called = name or "notes"
    files, pieces = parts(path, source=called, licence=licence, language=language, form="text", endings=_TEXT)
    return Source(called, "", licence, "", files, pieces, waiver, receipt, own=True)


def read_jsonl_source(
    *,
    # The file, or a folder of such files.
    path: Annotated[Path, there_are(*_LINES)],
    # The licence of what is read, as the data card states it; a document that states its own keeps it.
    licence: str = OWN,
    # The language of documents that do not state theirs.
    language: str = "en",
    # Names of unusual keys, as in text: note_body.
    columns: Columns = _NONE,
    # What the source is called in the card, in the mixture and by makers; empty: its kind, numbered if there are
    # several.
    name: SourceName = "",
    # Why the texts identify nobody, where they are notes and no receipt says so: recorded, and shown with the model.
    waiver: str = "",
    # The receipt of the de-identification that the texts come from; empty: the receipt.json beside them, if any.
    receipt: Receipt = "",
) -> Source:
    """Return JSONL (a file or a folder of them) as a source of texts, chats or preference pairs, known by their keys;
    what no shape knows goes to ``meta``.
    """
    check_columns(path, files_of(path, _LINES), columns, form="jsonl")
    files, pieces = parts(
        path,
        source=name or "jsonl",
        licence=licence,
        language=language,
        form="jsonl",
        options={"columns": dict(columns)},
        endings=_LINES,
    )
    return Source(name or "jsonl", "", licence, "", files, pieces, waiver, receipt, own=True)
