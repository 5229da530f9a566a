"""A user's own held-out items: JSONL (or one JSON list) of objects, or a CSV table of them; each text of an item is
compared by itself.

They are read whole before anything else is, so that a file that cannot be read is told at once, and not after a night.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.store import read_jsonl
from residency.corpus.readers.columns import delimiter_of, told
from residency.corpus.readers.heads import columns_in
from residency.corpus.readers.shapes import plain_name

TEXTS = ("question", "context", "text", "text_b", "answer", "reference", "title", "prompt")
LEGAL = "JSONL files of held-out items, JSON lists or CSV tables of them"
_LONGEST = 10**8


def own_items(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield (id, texts) of each item of a file; the id begins with the file's name.

    Raises SourceError with the file and the line (the item, in a list) where one is no JSON or holds no text, and with
    the columns of a table that has none to compare.
    """
    number, place = 0, "item" if _start(path)[:1] == "[" else "line"
    for number, item in _rows_of(path):
        texts = list(texts_of(item)) if isinstance(item, dict) else []
        if not any(map(str.strip, texts)):
            raise SourceError(
                f"{path.name}, {place} {number}: no text to compare; an item of decontaminate: files is a JSON object "
                f"(a row of CSV) with one or more of {', '.join(TEXTS)}, or turns"
            )
        yield f"{path.name}/{item.get('id', number)}", texts
    if not number:
        raise SourceError(f"{path.name} holds no item; decontaminate: files names {LEGAL}")


def texts_of(item: dict[str, Any]) -> Iterator[str]:
    """Yield what an item says: its question and texts, the answer where it is written out, what was said before."""
    for name in TEXTS:
        value = item.get(name)
        if isinstance(value, str):
            yield value
    said = [turn for name in ("turns", "prompt", "messages") if isinstance(item.get(name), list) for turn in item[name]]
    for turn in said:
        if isinstance(turn, dict) and isinstance(turn.get("content"), str):
            yield turn["content"]


def _start(path: Path) -> str:
    """Return how a file begins, without its byte order mark; SourceError where it cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(1 << 16).decode("utf-8-sig", "replace").lstrip()
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}; decontaminate: files names {LEGAL}") from None


def _rows_of(path: Path) -> Iterator[tuple[int, Any]]:
    """Return the items of a file, each with its line, or its number in a JSON list."""
    start = _start(path)
    if start[:1] == "[":
        return enumerate(_listed(path), 1)
    names = columns_in(path, (), form="csv") if start and start[:1] != "{" else []
    is_table = path.suffix.lower() in (".csv", ".tsv") or not {*TEXTS}.isdisjoint(map(plain_name, names))
    return _table(path, names) if names and is_table else enumerate(read_jsonl(path), 1)


def _listed(path: Path) -> Iterator[Any]:
    try:
        yield from json.loads(path.read_bytes().decode("utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        why = f"JSON ({error.msg}, line {error.lineno})" if isinstance(error, json.JSONDecodeError) else "UTF-8"
        raise SourceError(f"{path}: not {why}") from None


def _table(path: Path, names: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield a CSV table's rows under their columns' names (Question is question), each with the line it ends on."""
    if {*TEXTS}.isdisjoint(map(plain_name, names)):
        raise SourceError(f"{path.name}: no column to compare; its columns: {told(names)}; legal: {', '.join(TEXTS)}")
    csv.field_size_limit(_LONGEST)  # of the whole process
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = file.readlines(1 << 16)
            file.seek(0)
            rows = csv.reader(file, delimiter=delimiter_of(lines[:100]), strict=True)
            next(rows)
            for row in rows:
                if len(row) not in (0, len(names)):
                    why = f"{len(row)} columns where the first line names {len(names)}"
                    raise SourceError(f"{path.name}, line {rows.line_num}: {why}")
                if row:
                    yield rows.line_num, dict(zip(map(plain_name, names), row, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "not CSV (are its quotes closed?)"
        raise SourceError(f"{path.name}: {why}") from None


def _unreadable(path: Path | str) -> str | None:
    try:
        for _ in own_items(Path(path).expanduser()):
            pass
    except SourceError as error:
        return str(error)
    return None


HeldOutFile = Annotated[Path, Rule(LEGAL, _unreadable)]
