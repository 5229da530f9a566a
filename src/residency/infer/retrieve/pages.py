"""Where the pages of a PDF begin in its text: found again from the words of each page, since readers join them."""

from __future__ import annotations

import logging
import re
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from residency.corpus.readers.pdf import whole_words

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_SPACE = re.compile(r"\s+")
_LEAST = 12
"""Characters of a line by which a page is known again; shorter lines stand on many pages."""
_PROBES, _TOP = (80, 40, 20), 4
"""Characters from the start of one of a page's first lines that are looked for, before any line of it by itself."""


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
    """Return where the first line of a page that the text holds begins there. The last word of a line may be cut.

    A running head is not in the text, so each of the first lines is tried with what follows it, then each line alone.
    """
    bare = [line.translate(_LIGATURES).strip() for line in page.split("\n")]
    lines = whole_words("\n".join(line for line in bare if line)).split("\n")
    longer = ("\n".join(lines[at:])[:size] for size in _PROBES for at in range(min(_TOP, len(lines))))
    for words in (*longer, *lines):
        probe = _SPACE.split(words[::-1], maxsplit=1)[-1][::-1]
        if len(probe) >= _LEAST and (place := text.find(probe, low, high)) >= 0:
            return place
    return None
