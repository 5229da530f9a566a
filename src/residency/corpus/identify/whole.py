"""The rest of what was found in part: a number, an address or a name of which a piece was let through still tells."""

from __future__ import annotations

import re
from collections.abc import Sequence

from residency.corpus.identify.found import Found

JOINED = re.compile(r"[^\W_]+(?:[-_./@:\\]+[^\W_]+)*")
"""A run of letters and digits without a gap."""


def completed(text: str, found: Sequence[Found]) -> list[Found]:
    """Return the spans, each grown to the ends of the words and numbers that it begins or ends in.

    A run of letters and digits that holds a digit is one piece with its dashes, points and strokes ("IMG_0475.jpg").
    """
    made: list[Found] = []
    for place, f in enumerate(found):
        floor = made[-1].end if made else 0
        roof = found[place + 1].start if place + 1 < len(found) else len(text)
        if not (_joins(text, f.start - 1) or _joins(text, f.end)):
            made.append(f)
            continue
        start, end = _grown(text, f.start, f.end, floor, roof)
        made.append(f if (start, end) == (f.start, f.end) else Found(start, end, f.entity_type, f.score, f.why))
    return made


def _joins(text: str, place: int) -> bool:
    """Return whether the character at a place may be of one piece with its neighbours."""
    return 0 <= place < len(text) and (text[place].isalnum() or text[place] in "-_./@:\\")


REACH = 40
"""So many characters a span may grow to each side."""


def _grown(text: str, start: int, end: int, floor: int, roof: int) -> tuple[int, int]:
    low, high = max(floor, start - REACH), min(roof, end + REACH)
    for run in JOINED.finditer(text, low, high):
        a, b = run.span()
        if a < start < b and (text[start].isalnum() or text[start - 1].isalnum()) and _one_piece(text, a, b, start):
            start = a
        if a < end < b and (text[end - 1].isalnum() or text[end].isalnum()) and _one_piece(text, a, b, end):
            end = b
    return start, end


def _one_piece(text: str, a: int, b: int, edge: int) -> bool:
    """Return whether what stands between the edge and the end of the run belongs to it."""
    return text[edge - 1].isalnum() and text[edge].isalnum() or any(c.isdigit() for c in text[a:b])
