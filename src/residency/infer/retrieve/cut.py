"""A document in passages that can be cited: each is a stretch of the document's own characters, from one to another.

Cut is where a section begins, else between sentences or lines, else between words; neighbours within a section share a
few sentences, so that what stands across a cut is found too. A short section is not left alone: it joins the next.
A passage keeps to one page where pages are known; a sentence that runs on stays whole, with the page it begins on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from residency.core.errors import UserError
from residency.core.legal import Range
from residency.infer.retrieve.pages import page_at
from residency.infer.retrieve.sections import Heading, headings

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|[^\s{_CJK}]+")
_LINE = re.compile(r"[^\n]+")
_ENDED = re.compile(r"[.!?。！？:;][\"'”’)\]]*$")
_ENDS = re.compile(r"[.!?][\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9¿¡À-Þ])|[。！？]")


@dataclass(frozen=True, slots=True)
class Cut:
    """How documents are cut to passages; a letter of Chinese, Japanese or Korean counts as a word."""

    # The most words of a passage.
    words: Annotated[int, Range(least=20, most=2000)] = 150
    # Words that a passage repeats from the one before it, whole sentences at most.
    overlap: Annotated[int, Range(least=0, most=1000)] = 30
    # A section of fewer words shares its passage with the next.
    least: Annotated[int, Range(least=0, most=1000)] = 25

    def __post_init__(self) -> None:
        if not (20 <= self.words <= 2000 and 0 <= self.overlap <= self.words // 2):
            raise UserError(
                f"passages of {self.words} words, {self.overlap} of them repeated: legal are 20 to 2000 words, at most "
                "half of them repeated"
            )


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage: characters ``start`` to ``end`` of its document (half open), and the heading that it stands under."""

    start: int
    end: int
    section: str


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence or a line, and how many words it has."""

    start: int
    end: int
    size: int
    section: str
    heads: bool


def pieces(text: str, cut: Cut, form: str = "", pages: Sequence[int] = ()) -> Iterator[Piece]:
    """Yield a text's passages in order; together they hold every word.

    ``form`` is the format that it was read from, ``pages`` where its pages begin, if that is known.
    """
    held: list[_Unit] = []
    for unit in _units(text, headings(text, form), cut.words):
        size = sum(one.size for one in held)
        new = unit.heads and size >= min(cut.least, cut.words // 2)
        turned = bool(held) and _turned(text, held, unit, pages)
        if held and (new or turned or size + unit.size > cut.words):
            yield _piece(held)
            held = [] if new or turned else _tail(held, min(cut.overlap, cut.words - unit.size))
            held = [one for one in held if page_at(pages, one.start) == page_at(pages, unit.start)]
        held.append(unit)
    if held:
        yield _piece(held)


def _piece(held: list[_Unit]) -> Piece:
    under = next((unit for unit in held if not unit.heads), held[-1])
    return Piece(held[0].start, held[-1].end, under.section)


def _turned(text: str, held: list[_Unit], unit: _Unit, pages: Sequence[int]) -> bool:
    """Return whether a unit stands on another page than a passage's first, and does not end a sentence begun there."""
    if page_at(pages, held[0].start) == page_at(pages, unit.start):
        return False
    return not text[unit.start].islower() or bool(_ENDED.search(text, held[-1].start, held[-1].end))


def _tail(held: list[_Unit], most: int) -> list[_Unit]:
    """Return the last sentences of a passage that are repeated in the next: not all of it, and no heading."""
    kept: list[_Unit] = []
    for unit in reversed(held[1:]):
        most -= unit.size
        if most < 0 or unit.heads:
            break
        kept.insert(0, unit)
    return kept


def _units(text: str, found: dict[int, Heading], words: int) -> Iterator[_Unit]:
    """Yield sentences and lines in order, each no longer than a passage may be."""
    section = ""
    for line in _LINE.finditer(text):
        start, end = _bare(text, line.start(), line.end())
        if start == end:
            continue
        if head := found.get(line.start()):
            section = head.name
            if head.alone:
                yield _Unit(start, end, len(_WORD.findall(text, start, end)), section, True)
                continue
        first = bool(head)
        for one in _sentences(text, start, end):
            for unit in _short(text, *one, section, words):
                yield unit if not first else _Unit(unit.start, unit.end, unit.size, section, True)
                first = False


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a stretch without the white space around it."""
    found = text[start:end]
    left = start + len(found) - len(found.lstrip())
    return left, max(left, start + len(found.rstrip()))


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for found in _ENDS.finditer(text, start, end):
        yield _bare(text, start, found.end())
        start = found.end()
    if start < end:
        yield start, end


def _short(text: str, start: int, end: int, section: str, words: int) -> Iterator[_Unit]:
    """Yield a sentence as it is, or in stretches of as many words as a passage may have."""
    found = list(_WORD.finditer(text, start, end))
    for at in range(0, len(found), words):
        some = found[at : at + words]
        yield _Unit(some[0].start(), some[-1].end(), len(some), section, False)
