"""Tables as rows: CSV with whatever separates its columns, and Parquet, one group of rows after another."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.columns import (
    DELIMITERS,
    cells_of,
    could_be_names,
    delimiter_of,
    names_of,
    share_as_wide,
)
from residency.corpus.readers.guard import Given, reason
from residency.corpus.readers.rows import text_lines
from residency.corpus.readers.shapes import Place, columns_of, fits_none, plan, row_record
from residency.corpus.records import Bad, Left

Columns = tuple[tuple[str, str], ...]
NO_SHAPE = "row of a table of no known shape"
_SAMPLE, _CUT = 100, 60_000
_QUOTES = "its quotes do not close, or close inside a field"
_BATCH_BYTES = 32e6


# --- CSV -------------------------------------------------------------------------------------------------------------


def read_csv(given: Given) -> Iterator[Document | Bad | Left]:
    """Yield the rows of a CSV file, whose first line names the columns; a row is called by the line that it begins on.

    Quoted fields may hold line ends. After a row whose quotes are wrong, reading goes on with the line after its first,
    so that a quote that is never closed costs one row and not the rest of the file. Of a table whose columns fit no
    shape the first line is bad, and its rows are left out.
    """
    csv.field_size_limit(int(given.limits.record_mb * 1e6))  # of the whole process
    source = _Lines(given)
    head = source.peek(_SAMPLE)
    delimiter = given.options.get("delimiter") or delimiter_of(head)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    shaped = True
    while True:
        line, cells, problem = _next_row(source, reader, header)
        yield from source.broken()
        if problem:
            yield given.bad(problem, line)
            if header is None:
                return
        elif cells is None:
            break
        elif header is None:
            header = names_of(cells)
            if not plan(tuple(header), columns_of(given))[0]:
                shaped = False
                yield given.bad(f"its first line: {fits_none(header, columns_of(given))}", 1)
        elif not any(cells):
            yield Left("a row of empty cells")
        elif not shaped:
            yield Left(NO_SHAPE)
        else:
            row = dict(zip(header, cells, strict=True))
            yield row_record(row, given, Place(f"{given.name}:{line}", given.name, line))


def _next_row(source: _Lines, reader: Any, header: list[str] | None) -> tuple[int, list[str] | None, str]:
    """Return the line that a row begins on with its cells, or with what is wrong; no cells: the file has ended."""
    cells: list[str] | None = []
    problem = ""
    while cells == [] and not problem:  # empty lines are no rows
        source.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            large = "field larger" in str(error)
            problem = "a field above limits: record_mb" if large else _QUOTES
            source.again()
    if source.spoilt:
        problem = f"a line of it cannot be read: {source.spoilt}"
    elif cells and source.torn:
        problem = _QUOTES
    elif cells and header is not None and len(cells) != len(header):
        problem = f"{len(cells)} columns where the first line names {len(header)}"
    else:
        source.good()
    return source.first, cells, problem


class _Lines:
    """The lines of a file for ``csv.reader``, which can give those of the row just read again.

    ``first`` is the number of the row's first line, ``spoilt`` says why a later line of it could not be read, and
    ``torn`` that it may be the end of a row whose beginning was wrong: a quote stands where only an end has one.
    """

    def __init__(self, given: Given) -> None:
        self._lines = text_lines(given)
        self._ahead: deque[tuple[int, str | Bad]] = deque()
        self._row: list[tuple[int, str | Bad]] = []
        self._bad: list[Bad] = []
        self._last_again, self._doubt = 0, False
        self.first, self.spoilt = 0, ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        while True:
            number, line = self._ahead.popleft() if self._ahead else next(self._lines)
            if isinstance(line, str):
                self._row.append((number, line))
                self.first = self.first or number
                return line
            if self._row:
                self.spoilt = line.reason
            else:
                self._bad.append(line)

    def peek(self, count: int) -> list[str]:
        """Return the first lines without using them up; a line ``sep=;`` that Excel writes is passed over."""
        for number, line in islice(self._lines, count):
            if isinstance(line, Bad) or number > 1 or not line.lower().startswith("sep="):
                self._ahead.append((number, line))
        return [line for _, line in self._ahead if isinstance(line, str)]

    def begin(self) -> None:
        """Forget the row before."""
        self._row, self.first, self.spoilt = [], 0, ""

    def again(self) -> None:
        """Give the lines of the row again, but for its first."""
        self._ahead.extendleft(reversed(self._row[1:]))
        self._doubt = True
        self._last_again = max(self._last_again, self._row[-1][0] if self._row else 0)

    @property
    def torn(self) -> bool:
        row = "".join(line for _, line in self._row if isinstance(line, str))
        return self._doubt and row.count('"') % 2 == 1

    def good(self) -> None:
        """Say that the row was one; past those that were given again, ends of wrong rows are no longer expected."""
        self._doubt = self._doubt and self.first <= self._last_again

    def broken(self) -> Iterator[Bad]:
        """Yield the lines that could not be read at all since the last call."""
        bad, self._bad = self._bad, []
        yield from bad


def is_table(text: str, columns: Columns | None) -> bool:
    """Return whether the start of a file is CSV: a line of names, then rows as wide.

    The names have to make a shape with ``columns``, and a few rows may be damaged; with None they are any, and words
    with commas must not pass.
    """
    lines = text.split("\n", _SAMPLE)
    cut = len(text) > _CUT or len(lines) > _SAMPLE
    lines = lines[1:_SAMPLE] if lines[0].lower().startswith("sep=") else lines[:_SAMPLE]
    named = [mark for mark in DELIMITERS if lines and could_be_names(lines[0].split(mark))]
    known = columns is not None
    if not named or known and not any(plan(tuple(names_of(lines[0].split(mark))), columns or ())[0] for mark in named):
        return False
    rows = cells_of(lines, delimiter_of(lines))
    if len(rows) < 2 or len(rows[0]) < 2 or not could_be_names(rows[0]):
        return False
    share = share_as_wide(rows if cut else [*rows, rows[0]])
    return share >= 0.9 if known else share == 1 and not any(cell[:1].isspace() for cell in rows[0])


# --- Parquet ---------------------------------------------------------------------------------------------------------


def read_parquet(given: Given) -> Iterator[Document | Bad | Left]:
    """Yield the rows of a Parquet file, called by their number; a group of rows that is damaged is passed over.

    Where ``columns`` is given only the columns that the shape uses are read, else all that may go to ``meta``. Raises
    pyarrow's ArrowInvalid, and OSError, where the file as a whole cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(given.path, pre_buffer=False, buffer_size=1 << 20) as file:
        names = _kept_columns(file.schema_arrow)
        shape, found, _ = plan(tuple(names), columns_of(given))
        if shape is None:
            yield given.bad(fits_none(names, columns_of(given), sure=True))
            yield Left(NO_SHAPE, count=max(file.metadata.num_rows, 0))
            return
        names = list(found.values()) if columns_of(given) else names
        done = 0
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            number = done
            try:
                for batch in file.iter_batches(_batch_rows(file, group), [group], names, use_threads=False):
                    for row in _rows_of(batch):
                        number += 1
                        yield _row(row, given, number)
            except (pa.ArrowException, OSError) as error:
                yield given.bad(f"rows {number + 1} to {done + count}: {reason(error)}")
            done += count


def _kept_columns(schema: Any) -> list[str]:
    """Return the columns that are texts, numbers, times, or lists of messages: no pictures and no vectors."""
    import pyarrow.types as kinds

    def kept(kind: Any) -> bool:
        if kinds.is_list(kind) or kinds.is_large_list(kind):
            return not kinds.is_floating(kind.value_type) and kept(kind.value_type)
        return not (kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_fixed_size_binary(kind))

    return [field.name for field in schema if kept(field.type) and not kinds.is_fixed_size_list(field.type)]


def _batch_rows(file: Any, group: int) -> int:
    about = file.metadata.row_group(group)
    return max(1, min(4096, int(_BATCH_BYTES * about.num_rows / max(about.total_byte_size, 1))))


def _rows_of(batch: Any) -> Iterator[dict[str, Any] | None]:
    """Yield rows; None where a row holds bytes that are no text."""
    try:
        whole = batch.to_pylist()
    except ValueError:
        whole = None
    if whole is not None:
        yield from whole
        return
    for at in range(batch.num_rows):
        try:
            rows = batch.slice(at, 1).to_pylist()
        except ValueError:
            rows = [None]
        yield from rows


def _row(row: dict[str, Any] | None, given: Given, number: int) -> Document | Bad:
    place = Place(f"{given.name}:{number}", f"{given.name}, row {number}", None)
    if row is None:
        return Bad(place.file, None, "not UTF-8")
    if any(isinstance(value, str) and len(value) > given.limits.record_mb * 1e6 for value in row.values()):
        return Bad(place.file, None, f"a text of more than {given.limits.record_mb:g} MB")
    return row_record(row, given, place)
