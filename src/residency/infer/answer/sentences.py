"""Sentences with their places: what can be cited of a passage, and what a written answer is made of.

A sentence ends at its stop before white space, at an empty line, and where a list goes on. A lead that ends with a
colon keeps its list, since neither says anything without the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from residency.infer.answer.parts import Stretch
from residency.infer.evidence import Evidence

_SHORT = re.compile(r"(?:\b(?:e\.g|i\.e|vs|Dr|Mr|Mrs|Ms|Prof|Fig|No|approx|cf|etc|[A-Z])|(?<!\S)\d{1,2})\.$")
"""A stop that ends no sentence: of what is shortened, of an initial, of a number in a list."""
_BULLET = r"(?:[-–•*·]|\d{1,2}[.)])"
_END = re.compile(
    r"(?:(?<=[.!?])|(?<=[.!?][\"'”’)\]]))\s+(?=[^a-z\s])|(?<=[。！？])|\n\s*\n"
    rf"|(?<=[.:;!?])\s+(?=[-–•*·]\s)|\n(?=\s*{_BULLET}\s)|(?<=\s\|\s)\n(?=[^\n|]+\|)|\n(?=[^\n|]+ \| )"
)
_ITEM = re.compile(rf"\s*{_BULLET}\s+")
_LETTERS = re.compile(r"[^\W\d_]+")
_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"\b\d{4}-\d\d(?:-\d\d)?\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b")
_PAPERS = frozenset(
    "letter guideline guidelines leaflet report note notes summary chapter introduction overview recommendations "
    "background references contents appendix".split()
)
"""How the name of a document or of its part ends."""
HEADING = 8
"""Words of a heading at most."""
_SAYS = re.compile(r"[^\W\d_]")
LONGEST = 600
"""Characters of a lead with its list: beyond them the list's items stand alone."""


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence of a text stands (half open), without the white space around it."""
    at = 0
    for found in _END.finditer(text):
        if not _SHORT.search(text[at : found.start()]):
            yield from _trimmed(text, at, found.start())
            at = found.end()
    yield from _trimmed(text, at, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    part = text[start:end]
    if _SAYS.search(part):  # a line of signs and numbers says nothing
        yield start + len(part) - len(part.lstrip()), start + len(part.rstrip())


def says_nothing(one: Stretch) -> bool:
    """Return whether a stretch says nothing by itself: a heading, the name of a document, the head of a table."""
    text, passage = one.text.strip(), one.evidence
    words = _LETTERS.findall(text.lower())
    if text.startswith("#"):
        return True
    if " | " in text and not _DIGIT.search(text):
        return passage.text[one.end :].lstrip(" |").startswith("\n") and " | " not in _line_before(one)
    if _DIGIT.search(_DATE.sub("", text)) or len(words) > HEADING:
        return False
    head = set(_LETTERS.findall(f"{passage.title} {passage.section}".lower()))
    return bool(words) and (set(words) <= head or words[-1] in _PAPERS)


def _line_before(one: Stretch) -> str:
    return one.evidence.text[: one.start].rstrip(" ").removesuffix("\n").rpartition("\n")[2]


def stretches(evidence: Evidence) -> list[Stretch]:
    """Return what can be cited of a passage, in its order: sentences, and leads with their lists."""
    made: list[Stretch] = []
    for start, end in spans(evidence.text):
        if made and _goes_on(made[-1], start, end):
            made[-1] = Stretch(evidence, made[-1].start, end)
        else:
            made.append(Stretch(evidence, start, end))
    return made


def _goes_on(before: Stretch, start: int, end: int) -> bool:
    """Return whether this is an item of the list that the stretch before it leads, or holds already."""
    lead, colon, held = before.text.rstrip().partition(":")
    listed = bool(colon) and (not held or bool(_ITEM.match(held)))
    return listed and bool(_ITEM.match(before.evidence.text[start:end])) and end - before.start <= LONGEST
