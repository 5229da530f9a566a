"""An index on disk: a LanceDB table in its own folder, and ``index.json``, which says which of its versions counts.

``index.json`` is replaced in one step when all else is written, so readers see the old state or the new one and never
one between them, and a killed update leaves the old one. What is taken out of an index is taken out by writing the
table anew: then no file holds it any more. Additions go to the table that is there.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import SourceError, UserError
from residency.core.store import dumps, read_json, storage_errors, write_json

if TYPE_CHECKING:
    import pyarrow as pa

STATE, LOCK, TABLE, FORMAT = "index.json", ".lock", "passages", 1
EXACT = 200_000
"""Passages up to which vectors are compared with all others; above it with those of the nearest groups."""
STEMMED = {
    "ar": "Arabic", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish", "fi": "Finnish",
    "fr": "French", "hu": "Hungarian", "it": "Italian", "nl": "Dutch", "no": "Norwegian", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "ta": "Tamil", "tr": "Turkish",
}  # fmt: skip
"""The languages whose words are brought to their stems."""
_NOT_WHOLE = ("LanceError(IO)", "Not found", "NotFound", "orrupt", "CleanedUp")
"""What stands in LanceDB's words where a file is not whole."""
UNSPACED = frozenset(("zh", "ja", "ko", "th"))


def connect(folder: Path) -> Any:
    """Return LanceDB's connection to a folder; its threads are no more than this process may use."""
    cores = str(len(os.sched_getaffinity(0)))
    for name in ("LANCE_CPU_THREADS", "LANCE_IO_THREADS", "TOKIO_WORKER_THREADS"):
        os.environ.setdefault(name, cores)
    import lancedb

    return lancedb.connect(str(folder))


def schema(width: int) -> pa.Schema:
    """Return the columns of a passage; ``width`` 0: without a vector.

    ``words`` is what is searched: title and section, then from character ``lead`` on the passage itself.
    """
    import pyarrow as pa

    text, small, large = pa.string(), pa.int32(), pa.int64()
    columns = {
        "id": text, "document": text, "number": small, "unit": text, "digest": text, "words": text, "lead": small,
        "start": large, "end": large, "title": text, "section": text, "page": small, "source": text, "licence": text,
        "language": text, "date": text, "first": text, "last": text, "edition": text, "valid_until": text,
        "study": text, "patient": text, "shelf": text,
    }  # fmt: skip
    vector = {"vector": pa.list_(pa.float32(), width)} if width else {}
    return pa.schema(list({**columns, **vector}.items()))


# --- the state -------------------------------------------------------------------------------------------------------


def read_state(path: Path) -> dict[str, Any]:
    """Return what ``index.json`` says; SourceError where there is no index, or one that another version made."""
    try:
        state = read_json(path / STATE)
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"{path} is no index; make one with: residency index build {path} FOLDER…") from None
    except ValueError:
        raise _damaged(path, f"{STATE} cannot be read") from None
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise SourceError(f"{path} is an index of another format; build it again with this version of Residency")
    return state


def stamp(path: Path) -> tuple[int, int]:
    """Return what changes whenever another state is published; SourceError where the index is gone."""
    try:
        found = (path / STATE).stat()
    except OSError:
        raise SourceError(f"{path} is no index any more") from None
    return found.st_mtime_ns, found.st_ino


def publish(path: Path, state: dict[str, Any]) -> None:
    """Make a state the one that counts, and remove the tables of others."""
    write_json(path / STATE, state)
    sweep(path, state["folder"])


def sweep(path: Path, kept: str | None = None) -> None:
    """Remove the tables that no state names, such as those of killed builds."""
    for folder in path.glob("table-*"):
        if folder.name != kept:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing an index meanwhile; UserError where one does. Reading needs no lock."""
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        with open(path / LOCK, "a", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UserError(f"another process changes {path} at this moment; try again when it is done") from None
            yield


# --- the table -------------------------------------------------------------------------------------------------------


def write_table(folder: Path, batches: Iterable[pa.RecordBatch], width: int, language: str) -> Any:
    """Return a new table of these rows, with its indices."""
    import pyarrow as pa

    columns = schema(width)
    with storage_errors(folder):
        reader = pa.RecordBatchReader.from_batches(columns, batches)
        table = connect(folder).create_table(TABLE, data=reader, schema=columns)
        _index_words(table, language)
        _index_vectors(table, width)
    return table


def add_rows(folder: Path, batches: Iterable[pa.RecordBatch], width: int, version: int) -> Any:
    """Return the table of a version with more rows; its indices hold them. What a killed update added is left out."""
    import pyarrow as pa

    columns = schema(width)
    with storage_errors(folder):
        table = connect(folder).open_table(TABLE)
        if table.version != version:
            table.checkout(version)
            table.restore()
        table.add(pa.RecordBatchReader.from_batches(columns, batches))
        table.optimize()
        if not any(index.columns == ["vector"] for index in table.list_indices()):
            _index_vectors(table, width)
    return table


class Damaged(SourceError):
    """Files of an index are cut short, or gone."""


def open_table(folder: Path, version: int) -> Any:
    """Return a table as it was at a version; Damaged where its files are not whole."""
    with whole(folder.parent):
        try:
            table = connect(folder).open_table(TABLE)
            table.checkout(version)
        except ValueError:  # there is no such table, or no such version
            raise _damaged(folder.parent, "its table is gone") from None
    return table


def rows_of(table: Any, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield all rows of a table, in batches; Damaged where its files are not whole."""
    query = table.search()
    with whole(_index_of(table)):
        yield from (query.select(columns) if columns else query).limit(None).to_batches()


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Turn what LanceDB says of files that are cut short or gone, inside the block, into Damaged."""
    try:
        yield
    except RuntimeError as error:
        if str(error).startswith("lance error") and any(sign in str(error) for sign in _NOT_WHOLE):
            raise _damaged(path, "files of its table are cut short or gone") from None
        raise


def _damaged(path: Path, what: str) -> Damaged:
    return Damaged(
        f"the index at {path} is damaged ({what}): build it again with residency index build {path} … --fresh"
    )


def _index_of(table: Any) -> Path:
    """Return the folder of the index that a table is of."""
    return Path(str(table.uri).removeprefix("file://")).parent.parent


def _index_words(table: Any, language: str) -> None:
    """Make the index of words (BM25): stems without stop words; by ICU's words where a script has no spaces."""
    from lancedb.index import FTS

    plain = language not in STEMMED
    named = {} if plain else {"language": STEMMED[language]}
    words = FTS(
        base_tokenizer="icu" if language in UNSPACED else "simple", stem=not plain, remove_stop_words=not plain, **named
    )
    table.create_index("words", config=words)


def _index_vectors(table: Any, width: int) -> None:
    """Group the vectors of a large table, so that a search reads some of them alone."""
    from lancedb.index import IvfFlat

    if width and table.count_rows() > EXACT:
        table.create_index("vector", config=IvfFlat(distance_type="dot", sample_rate=64, max_iterations=10))


def size_of(folder: Path) -> int:
    """Return the bytes that a folder takes."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(OSError):
            total += file.stat().st_size if file.is_file() else 0
    return total


def quoted(value: Any) -> str:
    """Return a value as SQL has it."""
    return "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else dumps(value)
