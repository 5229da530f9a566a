"""The body of an article in JATS as lines of text: a block each, in the order of reading."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from residency.corpus.readers.markup import flat, inline, tidy

_LEFT_OUT = frozenset(
    "label ref-list ack fn fn-group author-notes notes bio object-id sec-meta kwd-group subj-group graphic media "
    "supplementary-material inline-supplementary-material index-term permissions attrib alt-text long-desc".split()
)
_GROUPS = frozenset(
    "sec p abstract body disp-quote boxed-text statement fig-group table-wrap-group verse-group speech app app-group "
    "disp-formula-group list-item def def-list preformat title subtitle sec-title verse-line caption "
    "chem-struct-wrap chem-struct-wrapper question answer question-wrap floats-group array code".split()
)


def blocks(element: Any, tables: bool = True) -> Iterator[str]:
    """Yield the lines of an element: text between blocks, and each block by its kind.

    Elements are without namespaces (``bare``). ``tables`` False leaves the rows of tables out, not their captions.
    """
    words = [element.text or ""]
    for child in element:
        tag = child.tag
        if tag in _GROUPS or tag in _RENDERED:
            yield from _line(words)
            yield from _RENDERED.get(tag, blocks)(child, tables)
            words = []
        elif tag not in _LEFT_OUT:
            inline(child, words)
        words.append(child.tail or "")
    yield from _line(words)


def _line(words: list[str]) -> Iterator[str]:
    text = tidy("".join(words))
    if len(text) > 1 or text.isalnum():  # not the full stop that stood after a formula
        yield text


def _list(element: Any, tables: bool) -> Iterator[str]:
    """Yield the items of a list, each with a dash before its first line."""
    for item in element:
        lines = blocks(item, tables)
        if item.tag == "list-item" and (first := next(lines, "")):
            yield f"- {first}"
        yield from lines


def _definition(element: Any, tables: bool) -> Iterator[str]:
    """Yield a term and its definition on one line."""
    texts = [flat(element.find("term")), *(line for part in element.iterfind("def") for line in blocks(part, tables))]
    if text := ": ".join(filter(None, (texts[0], " ".join(texts[1:])))):
        yield text


def _captioned(element: Any, tables: bool) -> Iterator[str]:
    """Yield the caption of a figure or a table with its label, then the table's rows and notes."""
    label = flat(element.find("label")).rstrip(".: ")
    lines = [line for part in element.iterfind("caption") for line in blocks(part, tables)]
    if caption := ". ".join(filter(None, (label, " ".join(lines)))):
        yield caption
    if tables:
        yield from _rows(element)
        yield from filter(None, map(flat, element.iterfind("table-wrap-foot//p")))
    for child in element:
        if child.tag in _RENDERED:
            yield from _RENDERED[child.tag](child, tables)


def _rows(element: Any) -> Iterator[str]:
    """Yield the rows of the tables in an element (XHTML or OASIS), " | " between cells."""
    for row in element.iter("tr", "row"):
        cells = [" ".join(blocks(cell)) for cell in row if cell.tag in ("td", "th", "entry")]
        if any(cells):
            yield " | ".join(cells)


def _formula(element: Any, tables: bool) -> Iterator[str]:
    """Yield a formula that stands on a line of its own, without its number."""
    words: list[str] = []
    for child in element:
        if child.tag not in ("label", "graphic"):
            inline(child, words)
    yield from _line([element.text or "", *words])


_RENDERED = {
    "list": _list,
    "def-item": _definition,
    "fig": _captioned,
    "table-wrap": _captioned,
    "disp-formula": _formula,
}
