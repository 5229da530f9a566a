"""Documents on disk: one Parquet file, or a folder of them, with the columns of ``Document``.

Spans and meta are JSON strings, so that every file has one schema whatever its source knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.store import atomic_path, dumps
from residency.core.types import Document, Span

if TYPE_CHECKING:
    import pyarrow as pa

_TEXT_COLUMNS = ("id", "text", "source", "licence", "language", "patient", "date")
BATCH = 2000
"""Documents in memory at a time, and rows of a row group."""


def write_documents(path: Path | str, documents: Iterable[Document], *, batch: int = BATCH) -> int:
    """Return the number of documents written to one Parquet file, ``batch`` of them in memory at a time."""
    import pyarrow.parquet as pq

    rows, count = iter(documents), 0
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema(), compression="zstd") as writer:
        while part := list(islice(rows, batch)):
            writer.write_table(table(part))
            count += len(part)
    return count


def read_documents(path: Path | str, *, batch: int = BATCH) -> Iterator[Document]:
    """Yield the documents of a Parquet file, or of all in a folder by name, ``batch`` of them in memory at a time."""
    import pyarrow.parquet as pq

    path = Path(path)
    for file in sorted(path.glob("*.parquet")) if path.is_dir() else [path]:
        with pq.ParquetFile(file) as parquet:
            for rows in parquet.iter_batches(batch_size=batch):
                yield from documents_of(rows)


def schema() -> pa.Schema:
    """Return the schema of every file of documents."""
    import pyarrow as pa

    return pa.schema([(name, pa.string()) for name in (*_TEXT_COLUMNS, "spans", "meta")])


def table(documents: Sequence[Document]) -> pa.Table:
    """Return documents as a table, in their order."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {n: [getattr(document, n) for document in documents] for n in _TEXT_COLUMNS}
    columns["spans"] = [dumps(document.spans) if document.spans else "[]" for document in documents]
    columns["meta"] = [dumps(document.meta) for document in documents]
    return pa.table(columns, schema=schema())


def documents_of(rows: pa.Table | pa.RecordBatch) -> Iterator[Document]:
    """Yield the documents of a table, in its order."""
    for row in rows.to_pylist():
        spans = [Span(**span) for span in json.loads(row.pop("spans"))]
        yield Document(**{**row, "spans": spans, "meta": json.loads(row["meta"])})
