"""Passages as a page shows them: by document, those that an answer uses first, and in them the words that it quotes.

What was found and is not used is told apart, so that nobody takes a passage on another matter for what an answer stands
on; a fact of the graph is one line, and needs no opening.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residency.infer.answer.sentences import says_nothing, spans, stretches
from residency.infer.evidence import GRAPH, Evidence

if TYPE_CHECKING:
    from residency.serve.workspace.words import Words

Told = Mapping[str, Any]
Quote = tuple[str, str]
"""A passage's id, and words of it."""
_STUDIED = re.compile(r"\((\d+)/(\d+)\)")
_UNSTATED = re.compile(r"not stated\b")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a passage, and whether the answer quotes it."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage or a fact with its number on the page, its text in parts, and how many more sentences it has."""

    number: int
    told: Told
    parts: tuple[Part, ...]
    more: int = 0

    @property
    def fact(self) -> bool:
        """Return whether it is a fact of the knowledge graph."""
        return self.told.get("shelf") == GRAPH

    @property
    def named_licence(self) -> str:
        """Return its licence; "" where nobody stated one."""
        licence = str(self.told.get("licence") or "")
        return "" if _UNSTATED.match(licence) else licence


@dataclass(frozen=True, slots=True)
class Group:
    """The passages of one document, under its title."""

    title: str
    passages: tuple[Passage, ...]

    @property
    def facts(self) -> bool:
        """Return whether these are facts of the knowledge graph."""
        return self.passages[0].fact


def used_first(evidence: Sequence[Told], cited: Iterable[str]) -> tuple[list[Told], int]:
    """Return evidence in the order in which it is cited, the rest behind it, and how many are cited."""
    by_id = {one["id"]: one for one in evidence}
    used = [by_id[id] for id in dict.fromkeys(cited) if id in by_id]
    known = {one["id"] for one in used}
    return [*used, *(one for one in evidence if one["id"] not in known)], len(used)


def grouped(evidence: Sequence[Told], quotes: Sequence[Quote] = (), *, first: int = 1) -> list[Group]:
    """Return passages by their documents, in the order of each one's first; numbered from ``first`` as they come."""
    found: dict[tuple[str, bool], list[Passage]] = {}
    for number, one in enumerate(evidence, first):
        key = (one.get("title") or one["document"], one.get("shelf") == GRAPH)
        found.setdefault(key, []).append(passage(number, one, [words for id, words in quotes if id == one["id"]]))
    return [Group(title, tuple(passages)) for (title, _), passages in found.items()]


def passage(number: int, one: Told, quotes: Sequence[str]) -> Passage:
    """Return one passage cut at what is quoted of it."""
    text, fact = str(one["text"]), one.get("shelf") == GRAPH
    places = [] if fact else [(text.find(words), text.find(words) + len(words)) for words in quotes if words in text]
    return Passage(number, one, tuple(_parts(text, places)), _more(text, one, places) if places else 0)


def _parts(text: str, places: Sequence[tuple[int, int]]) -> Iterable[Part]:
    at = 0
    for start, end in sorted(places):
        if start > at:
            yield Part(text[at:start])
        if end > at:
            yield Part(text[max(at, start) : end], True)
        at = max(at, end)
    if at < len(text):
        yield Part(text[at:])


def _more(text: str, one: Told, places: Sequence[tuple[int, int]]) -> int:
    """Return how many sentences a passage has beside those quoted, without headings."""
    whole = Evidence(one["id"], one["document"], text, title=one.get("title") or "", section=one.get("section") or "")
    said = [place for place in stretches(whole) if not says_nothing(place)]
    left = [s for s in said if not any(s.start < end and start < s.end for start, end in places)]
    return sum(1 for s in left for _ in spans(s.text))


def plainly(text: str, t: Words) -> str:
    """Return a fact's text with its share in words: "(38/53)" is of people who were studied, 38 of 53."""
    return _STUDIED.sub(lambda found: t("evidence.studied", n=found[1], of=found[2]), text)
