"""A table as spreadsheets save it: with commas, semicolons or tabs, in UTF-8, UTF-16 or Windows' Western alphabet."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from residency.core.errors import UserError


def sheet(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows that hold anything, each with its number in the spreadsheet; the header is row 1.

    Raises UserError where the file cannot be read, or a column is missing.
    """
    text = _text(path)
    try:
        mark = max(",;\t", key=lambda mark: len(set(_heads(_reader(text, mark))) & set(columns)))
        reader = _reader(text, mark)
        heads, rows = _heads(reader), list(reader)
    except csv.Error:
        raise UserError(f"{path} cannot be read: it is no CSV file") from None
    missing = [name for name in columns if name not in heads]
    if missing or not any(map(any, rows)):
        raise UserError(f"{path.name} holds no {_absent(missing)}; a form's columns must stay")
    filled = [(place, [*row, *[""] * len(heads)]) for place, row in enumerate(rows, 2) if any(row)]
    return [(place, dict(zip(heads, row, strict=False))) for place, row in filled]


def _absent(missing: Sequence[str]) -> str:
    return f"column {', '.join(missing)}" if missing else "row under its header"


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return data.decode("utf-16")
        return _decoded(data)
    except (OSError, UnicodeDecodeError) as error:
        why = f"{type(error).__name__}; save it as CSV in UTF-8" if isinstance(error, ValueError) else error.strerror
        raise UserError(f"{path} cannot be read: {why}") from None


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252")  # what Excel writes in Western Europe


def _reader(text: str, mark: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=mark)


def _heads(reader: Iterator[list[str]]) -> list[str]:
    return [name.strip() for name in next(reader, [])]
