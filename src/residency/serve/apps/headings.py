"""Whether what a model put under a heading is of that heading: the same words under several are kept once, where they
belong, and what speaks for another heading goes there, or goes.

Where a sentence belongs is said by the note's own headings; where it has none, by words that the sentence itself holds
(``headings.yaml``); where those are silent too, it stays where the model put it first, and is marked.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from residency.core.types import Span
from residency.corpus.make.support import stem, stems
from residency.infer.answer.sentences import spans
from residency.serve.apps.application import Check
from residency.serve.apps.case import Case
from residency.serve.apps.outcome import Mark, Solved
from residency.serve.apps.places import mapped, texts_at, without
from residency.serve.apps.words import words

DATA = Path(__file__).with_name("headings.yaml")
_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+")
_LABEL = re.compile(r"(?:^|(?<=[.;!?\n])[^\S\n]*)[#*\s-]*([^\W\d_][^\n:.;!?]{0,40}?)\**[^\S\n]*:", re.MULTILINE)
_ALONE = re.compile(r"^[#*\s-]*([^\W\d_][^\n:.;!?]{0,40}?)\**[^\S\n]*$", re.MULTILINE)
Reply = dict[str, Any]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: what notes call it, and the words that a sentence of it holds."""

    called: frozenset[str]
    words: re.Pattern[str]
    closed: bool
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of a reply: its field, its place there, and its words as they are compared."""

    field: str
    place: str
    start: int
    end: int
    text: str
    key: Key


def headings(wanted: Check, case: Case, reply: Reply, solved: Solved) -> Reply:
    """Return the reply with each sentence under one heading, that which it fits; what was moved or taken is marked."""
    fields = [path.removesuffix("[]") for path in wanted.at]
    owned = _owned("\n".join(one.text for one in case.sources), fields)
    by_words: dict[Key, list[Said]] = defaultdict(list)
    for one in _sentences(reply, wanted.at):
        by_words[one.key].append(one)
    cut: list[Said] = []
    moved: list[tuple[str, str]] = []
    for key, same in by_words.items():
        home, code = _settled(same, owned.get(key, ""), fields)
        gone = [one for one in same if one.field != home and not _beside(home, one.field)]
        cut += gone
        if gone:
            moved += [(gone[0].text, home)] if all(one.field != home for one in same) else []
            says = words(code, case.language).format(gone[0].text)
            solved.marks.append(Mark(home, code, says, text=gone[0].text))
    return _with(_cut(reply, cut), moved)


def _settled(same: Sequence[Said], own: str, fields: Sequence[str]) -> tuple[str, str]:
    """Return the field that a sentence belongs to ("" for none that there is), and the code of why."""
    stood = list(dict.fromkeys(one.field for one in same))
    speaks = _speaks(same[0].text, fields)
    if len(stood) == 1:
        here = stood[0]
        strange = _heading_of(here).closed and here not in (own, *speaks) and bool(own or speaks)
        return ((own or speaks[0]) if strange else here), "other_heading"
    if own and (own in stood or not speaks):
        return own, "several_headings"
    fits = [one for one in speaks if one in stood] or speaks
    return (fits[0] if fits else _open(stood)), "several_headings"


def _open(stood: Sequence[str]) -> str:
    """Return the first of these fields that takes a sentence without words of its own."""
    return next((one for one in stood if not _heading_of(one).closed), stood[0])


def _speaks(text: str, fields: Sequence[str]) -> list[str]:
    """Return the fields whose words a sentence holds, the first of the file first."""
    return [name for name, one in _headings().items() if name in fields and one.words.search(text)]


def speaks(name: str, text: str) -> bool:
    """Return whether a text holds words of a heading."""
    return bool(_heading_of(name).words.search(text))


def calls(text: str) -> bool:
    """Return whether a text is only what notes call some heading."""
    return any(_called(text) in one.called for one in _headings().values())


def _beside(one: str, other: str) -> bool:
    return other in _heading_of(one).beside or one in _heading_of(other).beside


# --- what a reply and a note say -------------------------------------------------------------------------------------


def _sentences(reply: Reply, paths: Sequence[str]) -> Iterator[Said]:
    """Yield the sentences of a reply; one without a content word ("None.") may stand anywhere."""
    for path in paths:
        for place, text in texts_at(reply, path):
            for a, b in spans(text):
                if stems(text[a:b]):
                    yield Said(path.removesuffix("[]"), place, a, b, text[a:b], _key(text[a:b]))


def _key(text: str) -> Key:
    """Return the words of a sentence, without their endings: "Takes" is "take"."""
    return tuple(stem(one.lower()) for one in _WORD.findall(text))


def _owned(note: str, fields: Sequence[str]) -> Mapping[Key, str]:
    """Return the field of each sentence that stands under a heading of the note; one under two has none."""
    found: dict[Key, set[str]] = defaultdict(set)
    for name, text in _sections(note, fields):
        for a, b in spans(text):
            for part in (text[a:b], *re.split(r"[,;\n]", text[a:b])):
                found[_key(part)].add(name)
    return {key: next(iter(names)) for key, names in found.items() if key and len(names) == 1 and "" not in names}


def _sections(note: str, fields: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the (field, text) of each section of a note; "" is the field of one that no field is called like."""
    names = {called: field for field in fields for called in _heading_of(field).called}
    heads = {found.start(1): (found.end(), names.get(_called(found[1]), "")) for found in _LABEL.finditer(note)}
    for found in _ALONE.finditer(note):
        if name := names.get(_called(found[1])):
            heads.setdefault(found.start(1), (found.end(), name))
    places = sorted(heads)
    for at, after in zip(places, [*places[1:], len(note)], strict=False):  # a note may have no heading at all
        yield heads[at][1], note[heads[at][0] : after]


def _called(text: str) -> str:
    return " ".join(text.lower().split())


# --- what becomes of a reply -----------------------------------------------------------------------------------------


def _cut(reply: Reply, cut: Sequence[Said]) -> Reply:
    gone: dict[str, list[Span]] = defaultdict(list)
    for one in cut:
        gone[one.place].append(Span(one.start, one.end, "heading"))
    return dict(mapped(reply, lambda place, text: without(text, gone[place]) if place in gone else text))


def _with(reply: Reply, moved: Sequence[tuple[str, str]]) -> Reply:
    """Return the reply with sentences put at the end of the fields that they belong to."""
    made = dict(reply)
    for text, to in moved:
        there = made.get(to)
        made[to] = [*there, text] if isinstance(there, list) else f"{there or ''} {text}".strip()
    return made


@lru_cache(maxsize=1)
def _headings() -> dict[str, Heading]:
    rows: dict[str, dict[str, Any]] = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return {name: _heading(row) for name, row in rows.items()}


def _heading(row: Mapping[str, Any]) -> Heading:
    called = frozenset(one.strip().lower() for one in row["called"].split(";"))
    pattern = re.compile(rf"(?<!\w)(?:{row['words']})", re.IGNORECASE)
    return Heading(called, pattern, row.get("closed", False), tuple(row.get("beside", ())))


def _heading_of(field: str) -> Heading:
    """Return the heading of a field; one of a hospital's own that the file does not hold takes any sentence."""
    return _headings().get(field) or Heading(frozenset({field.replace("_", " ")}), re.compile(r"(?!)"), False, ())
