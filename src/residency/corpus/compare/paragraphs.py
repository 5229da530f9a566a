"""The paragraphs of a text, and the text without some of them: how what was copied forward is cut out of a note."""

from __future__ import annotations

import re
from collections.abc import Iterable

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")


def paragraphs(text: str) -> list[tuple[int, int]]:
    """Return where each paragraph stands, half open, without white space around it.

    Paragraphs are parted by blank lines; in a text without a blank line each line is one.
    """
    begin = len(text) - len(text.lstrip())
    body = text.rstrip()
    if not _BLANK.search(body, begin):
        return _lines(body, begin)
    found = []
    for match in _BLANK.finditer(body, begin):
        found.append((begin, begin + len(body[begin : match.start()].rstrip())))
        begin = match.end()
    return [*found, (begin, len(body))] if body[begin:] else found


def _lines(body: str, begin: int) -> list[tuple[int, int]]:
    """Return where each line stands, without white space around it, of a text in which none is blank."""
    found = []
    for line in body[begin:].split("\n"):
        inner = line.strip()
        low = begin + (0 if inner == line else line.index(inner))
        found.append((low, low + len(inner)))
        begin += len(line) + 1
    return found if body[found[0][0] :] else []


def without_paragraphs(text: str, indices: Iterable[int]) -> str:
    """Return a text without the paragraphs of these numbers, each with the white space behind it."""
    places = paragraphs(text)
    if not places:
        return text
    ends = [low for low, _ in places[1:]] + [len(text)]
    gone = set(indices)
    kept = [text[low:end] for at, ((low, _), end) in enumerate(zip(places, ends, strict=True)) if at not in gone]
    left = text[: places[0][0]] + "".join(kept)
    return left.rstrip() if len(places) - 1 in gone else left
