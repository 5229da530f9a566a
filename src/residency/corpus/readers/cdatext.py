"""The narrative block of a C-CDA section as lines: paragraphs, lists, and tables with the headers in each row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from residency.corpus.readers.markup import inline

_BLOCKS = frozenset("paragraph list item table caption footnote br".split())


def narrative(text: Any) -> Iterator[str]:
    """Yield the lines of a narrative block whose elements are without namespaces; what was deleted is left out."""
    for element in text.xpath(".//*[@revised='delete']"):
        element.clear(keep_tail=True)
    yield from _lines(text)


def _lines(element: Any) -> Iterator[str]:
    words = [element.text or ""]
    for child in element:
        tag = child.tag
        if isinstance(tag, str) and (tag in _BLOCKS or next(child.iter(*_BLOCKS), None) is not None):
            yield from _line(words)
            yield from _RENDERED.get(tag, _lines)(child)
            words = []
        else:
            inline(child, words)
        words.append(child.tail or "")
    yield from _line(words)


def _line(words: list[str]) -> Iterator[str]:
    if text := " ".join("".join(words).split()):
        yield text


def _list(element: Any) -> Iterator[str]:
    """Yield the items of a list, each with its number or a dash before its first line."""
    number = 0
    for child in element:
        lines = _lines(child)
        if child.tag == "item" and (first := next(lines, "")):
            number += 1
            yield f"{number}. {first}" if element.get("listType") == "ordered" else f"- {first}"
        yield from lines


def _table(element: Any) -> Iterator[str]:
    """Yield a table's caption, then a line each row: "header: value; header: value", empty cells passed over."""
    for caption in element.iterfind("caption"):
        yield from _lines(caption)
    rows = [row for row in element.iter("tr") if next(row.iterancestors("table"), None) is element]
    headers = [""]
    for row in rows:
        cells = list(_cells(row))
        if all(cell.tag == "th" for cell in row) and (row.getparent().tag == "thead" or len(cells) > 1):
            headers = [text for text, width in cells for _ in range(width)]
        elif line := "; ".join(_told(cells, headers)):
            yield line
    if rows and headers != [""] and all(cell.tag == "th" for row in rows for cell in row):
        yield "; ".join(filter(None, headers))


def _told(cells: list[tuple[str, int]], headers: list[str]) -> Iterator[str]:
    place = 0
    for text, width in cells:
        header = headers[place].rstrip(": ") if place < len(headers) else ""
        place += width
        if text:
            yield f"{header}: {text}" if header and header != text else text


def _cells(row: Any) -> Iterator[tuple[str, int]]:
    """Yield the text of each cell, on one line, and how many columns it spans."""
    for cell in row:
        if cell.tag in ("td", "th"):
            width = cell.get("colspan") or "1"
            yield (
                ", ".join(line.removeprefix("- ") for line in _lines(cell)),
                min(int(width), 100) if width.isascii() and width.isdigit() else 1,
            )


_RENDERED = {"list": _list, "table": _table}
