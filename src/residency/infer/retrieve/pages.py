"""Where the pages of a PDF begin in its text: found again from the words of each page, since readers join them."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_LEAST = 12
"""Characters of a line by which a page is known again; shorter lines stand on many pages."""


def page_starts(path: Path, text: str) -> list[int]:
    """Return the offset of each page's first words in the text that was read from a PDF; a page without text of its own
    begins where the next does. An empty list: the pages are not known.
    """
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL + 1)  # its warnings quote the file
    try:
        pages = [page.extract_text() for page in PdfReader(path, strict=False).pages]
    except Exception:
        return []
    return starts_of(pages, text)


def starts_of(pages: Sequence[str], text: str) -> list[int]:
    """Return the offset in a text of the first line of each page that stands there, in the order of the pages."""
    found: list[int | None] = []
    at = 0
    for number, page in enumerate(pages):
        start = _first(page, text, at, at + 2 * sum(map(len, pages[max(0, number - 1) : number + 1])) + 200)
        found.append(start)
        at = at if start is None else start + 1
    last = len(text)
    starts: list[int] = []
    for one in reversed(found):
        last = last if one is None else one
        starts.append(last)
    return starts[::-1]


def page_at(starts: Sequence[int], offset: int) -> int | None:
    """Return the page (from 1) that a place of the text is on; None where pages are not known."""
    return max(1, bisect_right(starts, offset)) if starts else None


def _first(page: str, text: str, low: int, high: int) -> int | None:
    """Return where the first line of a page that the text holds begins there. The last word of a line may be cut."""
    for line in page.split("\n"):
        words = line.translate(_LIGATURES).strip()
        probe = words.rsplit(" ", 1)[0] if " " in words else words
        if len(probe) >= _LEAST and (place := text.find(probe, low, high)) >= 0:
            return place
    return None
