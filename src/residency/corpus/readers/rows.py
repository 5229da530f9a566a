"""JSON as rows: a line each (JSONL, NDJSON), or a file that is one list, one row, or a mapping of them.

A row without an id is called by its line, ``notes.jsonl:17``. A large file that is read in byte ranges knows no lines:
there (above twice ``PART_BYTES``, whatever the ranges) it is called by its first byte, ``notes.jsonl@81234``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.chats import Wrong
from residency.corpus.readers.guard import Given, TooMuch, decoded, in_utf8, load_json, placed_lines, reason, whole_text
from residency.corpus.readers.shapes import Place, columns_of, plan, row_record
from residency.corpus.records import Bad, Left

_ROWS = ("data", "rows", "examples", "records", "items", "documents")


def read_jsonl(given: Given) -> Iterator[Document | Bad]:
    """Yield the row of every line that is not empty, or why it is none."""
    for at, line in text_lines(given):
        place = Place(f"{given.name}:{at}", given.name, at)
        if given.span:
            place = Place(f"{given.name}@{at}", f"{given.name}@{at}", None)
        if isinstance(line, Bad):
            yield replace(line, file=place.file, line=place.line)
        elif line and not line.isspace():
            yield _parsed(line, given, place)


def read_json(given: Given) -> Iterator[Document | Bad | Left]:
    """Yield the rows of a JSON file: of its list, of lists under keys such as data or train, of a mapping of ids to
    rows, or itself as one row. Raises as ``whole_text`` and ``load_json`` do.
    """
    content = load_json(whole_text(given), given.limits)
    if isinstance(content, dict) and _is_index(content):
        yield Left("an index of data sets (dataset_info.json), without rows of its own")
        return
    for count, (key, row) in enumerate(_rows_in(content, given), 1):
        name = f"{given.name}, item {count}" if content is not row else given.name
        place = Place(f"{given.name}:{key or count}" if content is not row else given.key, name, None)
        yield row_record(row, given, place) if isinstance(row, dict) else Bad(name, None, "not a JSON object")


def text_lines(given: Given) -> Iterator[tuple[int, str | Bad]]:
    """Yield (number, text of the line with its end), counting from 1; what cannot be decoded is Bad.

    In a span the number is that of the byte that the line begins at.
    """
    encoding = given.encoding
    mixed = encoding != "utf-8" and in_utf8(given)  # lines of another encoding may stand in a file of UTF-8
    for number, begin, line in placed_lines(given):
        at = begin if given.span else number
        if isinstance(line, Bad):
            yield at, line
            continue
        try:
            marked = line[:2] in (b"\xff\xfe", b"\xfe\xff")  # UTF-16 can be a file's encoding, never a line's
            if not marked and (mixed or b"\0" in line or line[:1] == b"\xef"):
                yield at, decoded(line, "utf-8" if mixed and line.isascii() else encoding)
            else:
                yield at, line.decode(encoding)
        except (UnicodeDecodeError, LookupError, TooMuch) as error:
            yield at, given.bad(reason(error), number)


def _parsed(line: str, given: Given, place: Place) -> Document | Bad:
    try:
        row = load_json(line, given.limits)
    except json.JSONDecodeError as error:
        return Bad(place.file, place.line, f"not JSON at character {error.pos}: {error.msg.partition(':')[0]}")
    except (ValueError, TooMuch, RecursionError) as error:
        return Bad(place.file, place.line, reason(error))
    return row_record(row, given, place) if isinstance(row, dict) else Bad(place.file, place.line, "not a JSON object")


def _rows_in(content: Any, given: Given) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a JSON value, with their key where they stand under one."""
    if isinstance(content, list):
        yield from (("", row) for row in content)
        return
    if not isinstance(content, dict):
        raise Wrong("neither rows nor a row, but a single value")
    named = [content[name] for name in _ROWS if isinstance(content.get(name), list)]
    splits = [value for value in content.values() if value and isinstance(value, list) and isinstance(value[0], dict)]
    if plan(tuple(key for key, value in content.items() if value is not None), columns_of(given))[0]:
        yield "", content
    elif named or splits:
        yield from (("", row) for rows in named or splits for row in rows)
    elif content and all(isinstance(value, dict) for value in content.values()):
        yield from content.items()
    else:
        yield "", content


def _is_index(content: dict[str, Any]) -> bool:
    """Return whether this is LLaMA-Factory's list of data sets."""
    known = ("file_name", "hf_hub_url", "ms_hub_url", "script_url")
    return bool(content) and all(
        isinstance(value, dict) and any(name in value for name in known) for value in content.values()
    )
