"""Spans that do not overlap, from several finders: each layer gives what the ones before it left.

What any of them is sure of is found. Where two overlap, the surer says what it is, and what only the other covers stays
found as well: no character that somebody took for an identifier is let through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS


def resolved(text: str, layers: Sequence[Iterable[Found]]) -> list[Found]:
    """Return spans without overlap, in their order; within a layer the surer and longer come first.

    A layer without overlaps of its own may come in any order.
    """
    owner = bytearray(len(text))
    kept: list[Found] = []
    for layer in layers:
        rows = list(layer)
        if any(map(_overlap, rows, rows[1:])):
            rows.sort(key=lambda f: (-f.score, f.start - f.end, f.start))
        for f in rows:
            taken = owner.find(1, f.start, f.end)
            if taken < 0:
                kept.append(f)
            else:
                kept += _left(text, f, owner)
            owner[f.start : f.end] = b"\1" * (f.end - f.start)
    return sorted(kept)


def _overlap(one: Found, two: Found) -> bool:
    return one.end > two.start


def _left(text: str, f: Found, owner: bytearray) -> list[Found]:
    """Return the parts of a span that nobody owns and that hold a letter or digit."""
    made, at = [], f.start
    while at < f.end and (at := owner.find(0, at, f.end)) >= 0:
        end = owner.find(1, at, f.end)
        end = f.end if end < 0 else end
        a, b = at, end
        while a < b and not text[a].isalnum():
            a += 1
        while b > a and not text[b - 1].isalnum():
            b -= 1
        if a < b:
            made.append(Found(a, b, f.entity_type, f.score, f.why))
        at = end
    return made


BETWEEN = re.compile(r"[ .]{1,2}|, ?|-|")
"""What parts the words of one name."""


def joined(text: str, found: Sequence[Found]) -> list[Found]:
    """Return the spans, the neighbours of one name that a field told in part put together."""
    made: list[Found] = []
    for f in found:
        last = made[-1] if made else None
        if (
            last is not None
            and last.entity_type == f.entity_type == "NAME"
            and "field:" in (last.why[:6], f.why[:6])
            and BETWEEN.fullmatch(text, last.end, f.start)
        ):
            best = max(last, f, key=lambda each: each.score)
            made[-1] = Found(last.start, f.end, "NAME", best.score, best.why)
        else:
            made.append(f)
    return made


def direct(found: Iterable[Found]) -> list[Found]:
    """Return those that tell who somebody is, or nearly."""
    return [f for f in found if KINDS[f.entity_type].direct]
