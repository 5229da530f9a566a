"""The first pass over the text, as a pure function from files to files: what runs on one core, for one part.

``prepare`` reads a part of a source, hides what identifies patients, cleans it, looks for held-out items, and writes
documents with small tables of keys beside them. A part that was finished before is not done again. Nothing that returns
to the coordinator holds text.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from residency.core.documents import schema, table
from residency.core.machine import give_back_memory
from residency.core.store import atomic_path, dumps, read_json, write_json, write_jsonl
from residency.core.types import Document
from residency.corpus.clean import Clean, batch_cleaner
from residency.corpus.compare.dedup import Dedup, keys
from residency.corpus.compare.hashing import Words
from residency.corpus.compare.leaks import Leaks
from residency.corpus.deidentify.stage import Tally, Treating, treat
from residency.corpus.named import is_public
from residency.corpus.readers.guard import Given
from residency.corpus.records import KNOWLEDGE_KINDS, Bad, Left, Part

BATCH_DOCUMENTS = 2000
BATCH_CHARACTERS = 8_000_000
SHARD_CHARACTERS = 64_000_000
FACTS, UNCLEAR = "facts.json", "unclear"
ROW_BITS = 32
"""A row's number is its part's number times 2**32, plus its place among the part's documents."""

cached_cleaner = lru_cache(2)(batch_cleaner)
cached_leaks = lru_cache(2)(Leaks.load)


@dataclass(frozen=True, slots=True)
class Preparing:
    """What ``prepare`` is given: a part of the source numbered ``source``, and where its files go."""

    number: int
    source: int
    part: Part
    folder: Path
    clean: Clean | None
    dedup: Dedup
    leaks: Path | None
    treating: Treating | None = None


def prepare(task: Preparing) -> dict[str, Any]:
    """Return what was found in a part, as numbers: read, bad, left, dropped and trimmed, and the rows of each shard."""
    done = task.folder / f"{task.number:06d}"
    if not (done / FACTS).is_file():
        with atomic_path(done) as temporary:
            temporary.mkdir()
            write_json(temporary / FACTS, _prepared(task, temporary))
        give_back_memory()
    facts: dict[str, Any] = read_json(done / FACTS)
    return facts


def lost(task: Preparing) -> dict[str, Any]:
    """Return the facts of a part whose process died: a bad record for each of its files, and nothing else."""
    done = task.folder / f"{task.number:06d}"
    with atomic_path(done) as temporary:
        temporary.mkdir()
        files = [given.name for given in _given(task.part)]
        reason = "the process that read it ended without a word (a crash of a library, or no memory)"
        bad = [Bad(name, None, reason) for name in files or [f"part {task.number}"]]
        write_jsonl(temporary / "bad.jsonl", map(asdict, bad))
        write_json(temporary / FACTS, {**_found(task).row(), "bad": len(bad)})
    facts: dict[str, Any] = read_json(done / FACTS)
    return facts


def _given(part: Any) -> list[Given]:
    """Return the files that a part was made to read, however deep they are packed into it."""
    args = [*part.args, *part.keywords.values()] if isinstance(part, partial) else []
    inside = [given for one in args for given in (one if isinstance(one, list | tuple) else [one])]
    return [found for one in inside for found in ([one] if isinstance(one, Given) else _given(one))]


@dataclass(slots=True)
class _Found:
    number: int
    source: int
    first: int
    read: int = 0
    bad: int = 0
    documents: int = 0
    left: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    trimmed: Counter[str] = field(default_factory=Counter)
    leaks: Counter[str] = field(default_factory=Counter)
    shards: list[int] = field(default_factory=list)
    digest: str = ""
    patients: Tally = field(default_factory=Tally)

    def row(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"patients": self.patients.row()}


def _found(task: Preparing) -> _Found:
    return _Found(task.number, task.source, task.number << ROW_BITS)


def _prepared(task: Preparing, folder: Path) -> dict[str, Any]:
    found, digest = _found(task), hashlib.sha256()
    writer = _Shards(folder)
    with (folder / "bad.jsonl").open("wb") as aside, _Tables(folder) as tables:
        for documents, bad in _batches(task.part, found):
            aside.writelines(dumps(asdict(row)).encode() + b"\n" for row in bad)
            for document in documents:
                digest.update(dumps([document.id, document.text, document.meta]).encode())
            documents = treat(documents, task.treating, found.patients)
            kept, dropped, said = _checked(documents, task, found)
            writer.drop(dropped)
            if kept:
                first = found.first + found.documents
                rows = list(range(first, first + len(kept)))
                tables.write("ids", _ids(kept, rows, task.source))
                texts = [(document, row) for document, row in zip(kept, rows, strict=True) if not _is_fact(document)]
                for name, made in keys([d for d, _ in texts], [row for _, row in texts], task.dedup, said).items():
                    tables.write(name, made)
                writer.keep(kept)
                found.documents += len(kept)
    found.shards, found.digest = writer.close(), digest.hexdigest()
    return found.row()


def _batches(part: Part, found: _Found) -> Iterator[tuple[list[Document], list[Bad]]]:
    """Yield documents and bad records, a bounded number and size of them at a time; counts go to ``found``."""
    documents: list[Document] = []
    bad: list[Bad] = []
    held = 0
    for record in part():
        if isinstance(record, Left):
            found.left[record.reason] += record.count
        elif isinstance(record, Bad):
            found.bad += 1
            bad.append(record)
        else:
            found.read += 1
            held += len(record.text)
            documents.append(record)
        if held >= BATCH_CHARACTERS or len(documents) + len(bad) >= BATCH_DOCUMENTS:
            yield documents, bad
            documents, bad, held = [], [], 0
    if documents or bad:
        yield documents, bad


def _checked(
    documents: list[Document], task: Preparing, found: _Found
) -> tuple[list[Document], list[tuple[Document, str]], Words | None]:
    """Return what is kept of a batch, what is dropped with the reason, and the words of the texts that are kept.

    Knowledge is not judged as text. Words are None where no cleaning needed them.
    """
    texts = [place for place, document in enumerate(documents) if not _is_fact(document)]
    reasons: list[str | None] = [None] * len(documents)
    said = None
    if task.clean:
        outcomes, said = cached_cleaner(task.clean)([documents[place] for place in texts])
        for place, outcome in zip(texts, outcomes, strict=True):
            found.trimmed.update(outcome.trimmed)
            reasons[place] = outcome.reason
    dropped = [(document, reason) for document, reason in zip(documents, reasons, strict=True) if reason]
    if task.leaks:
        dropped += _leaked(documents, reasons, task.leaks, found)
    found.dropped.update(reason for _, reason in dropped)
    if said:
        said = said.take(np.array([reasons[place] is None for place in texts], bool))
    return [d for d, reason in zip(documents, reasons, strict=True) if reason is None], dropped, said


def _date(document: Document) -> str | None:
    """Return a document's date; where one is written that is not known as a day, that it is unclear."""
    return document.date or (UNCLEAR if "date_as_written" in document.meta else None)


def _is_fact(document: Document) -> bool:
    """Return whether a document is a record of an ontology: two terms may be defined in the same words."""
    return document.meta.get("kind") in KNOWLEDGE_KINDS


def _leaked(
    documents: list[Document], reasons: list[str | None], path: Path, found: _Found
) -> list[tuple[Document, str]]:
    """Return the documents without a reason yet that share text with a held-out item, after noting theirs."""
    open_ones = [place for place, reason in enumerate(reasons) if reason is None]
    texts = ["" if _is_fact(documents[place]) else documents[place].text for place in open_ones]
    dropped = []
    for place, leak in zip(open_ones, cached_leaks(path).find(texts), strict=True):
        if leak is not None:
            found.leaks[f"{leak.item}\t{leak.rule}"] += 1
            documents[place].meta["leak"] = {"item": leak.item, "rule": leak.rule}
            reasons[place] = reason = f"contamination: {leak.rule} in common with a held-out item"
            dropped.append((documents[place], reason))
    return dropped


def _ids(documents: list[Document], rows: list[int], source: int) -> Any:
    """Return the table by which ids that come twice are found; it holds places, and no text."""
    import pyarrow as pa

    return pa.table(
        {
            "row": pa.array(rows, pa.uint64()),
            "id": pa.array([document.id for document in documents], pa.string()),
            "source": pa.array([source] * len(rows), pa.int32()),
            "file": pa.array([document.place[0] for document in documents], pa.string()),
            "line": pa.array([document.place[1] for document in documents], pa.int64()),
            "patient": pa.array([document.patient for document in documents], pa.string()),
            "date": pa.array([_date(document) for document in documents], pa.string()),
            "public": pa.array([is_public(document) for document in documents], pa.bool_()),
        }
    )


class _Tables:
    """One Parquet file for each table of keys, open until the part is done."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._writers = folder, dict[str, Any]()

    def __enter__(self) -> _Tables:
        return self

    def write(self, name: str, rows: Any) -> None:
        import pyarrow.parquet as pq

        if name not in self._writers:
            self._writers[name] = pq.ParquetWriter(self._folder / f"{name}.parquet", rows.schema, compression="zstd")
        self._writers[name].write_table(rows)

    def __exit__(self, *_: Any) -> None:
        for writer in self._writers.values():
            writer.close()


class _Shards:
    """Documents in files of bounded size, and what was dropped in one file with its reasons."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._held, self._rows = folder, 0, list[int]()
        self._writer: Any = None
        self._aside: Any = None

    def keep(self, documents: list[Document]) -> None:
        import pyarrow.parquet as pq

        if self._writer is None or self._held >= SHARD_CHARACTERS:
            self._end()
            path = self._folder / f"documents-{len(self._rows):04d}.parquet"
            self._writer, self._held = pq.ParquetWriter(path, schema(), compression="zstd"), 0
            self._rows.append(0)
        self._writer.write_table(table(documents))
        self._rows[-1] += len(documents)
        self._held += sum(len(document.text) for document in documents)

    def drop(self, dropped: list[tuple[Document, str]]) -> None:
        import pyarrow.parquet as pq

        if dropped:
            if self._aside is None:
                path = self._folder / "dropped.parquet"
                self._aside = pq.ParquetWriter(path, dropped_schema(), compression="zstd")
            self._aside.write_table(dropped_table(dropped))

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def close(self) -> list[int]:
        """Return how many documents each shard has."""
        self._end()
        if self._aside is not None:
            self._aside.close()
        return self._rows


def dropped_schema() -> Any:
    """Return the schema of what is kept aside: a document's columns, and why it was dropped."""
    import pyarrow as pa

    return schema().append(pa.field("reason", pa.string()))


def dropped_table(dropped: Iterable[tuple[Document, str]]) -> Any:
    """Return what was dropped as a table."""
    import pyarrow as pa

    rows = list(dropped)
    return table([row for row, _ in rows]).append_column("reason", pa.array([why for _, why in rows], pa.string()))
