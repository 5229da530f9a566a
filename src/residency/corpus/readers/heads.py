"""The names of columns that files begin with, looked at before anything is read: a wrong one is told at once."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path

from residency.corpus.readers.columns import cells_of, delimiter_of, names_of
from residency.corpus.readers.detect import detect, head_of
from residency.corpus.readers.guard import decoded
from residency.corpus.readers.tables import Columns

_HEAD = 1 << 20
_KEY = re.compile(r'"((?:[^"\\\n]|\\.){1,200})"\s*:')


def columns_in(path: Path, columns: Columns, encoding: str = "utf-8", form: str = "") -> list[str]:
    """Return the columns of a table, or the keys in the first MB of JSON; none where it is neither, or broken."""
    with suppress(Exception):  # reading it will say why
        form = form or detect(path, columns) or ""
        if form == "parquet":
            import pyarrow.parquet as pq

            return list(pq.read_schema(path).names)
        if form == "csv":
            return _named(_text(path, encoding))
        if form in ("json", "jsonl"):
            return list(dict.fromkeys(_key(found[1]) for found in _KEY.finditer(_text(path, encoding))))
    return []


def _text(path: Path, encoding: str) -> str:
    content = head_of(path, _HEAD)[0]
    try:
        return decoded(content, encoding)
    except (UnicodeDecodeError, LookupError):
        return content.decode("utf-8", "replace")


def _named(text: str) -> list[str]:
    lines = text.lstrip("\r\n").splitlines(keepends=True)[:100]
    lines = lines[1:] if lines and lines[0].lower().startswith("sep=") else lines
    return names_of(cells_of(lines, delimiter_of(lines))[0])


def _key(written: str) -> str:
    return str(json.loads(f'"{written}"')) if "\\" in written else written
