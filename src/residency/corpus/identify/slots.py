"""Templates with slots, and how one is filled: every text of practice knows what it says about whom.

``{slot}`` is filled, ``{one|another|}`` is one of these (and may hold slots). A slot is a person in a form
(``{patient.last}``), a pool of the language's file, or a number; ``.up``, ``.low``, ``.cap`` and ``.web`` change its
letters. A pool with a label is an identifier, and all that it holds is one stretch; there ``#`` is a digit and ``^`` a
capital letter. A line of a pool may begin with how often it comes (``5* ``), or hold several rows, between `` ; ``.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import resources
from random import Random
from typing import Any

import yaml

from residency.core.errors import UserError
from residency.corpus.identify import medical
from residency.corpus.identify.invent import Person, Words

SLOT = re.compile(r"_?[a-z][a-z0-9_]*(?:\.[a-z]+)*")
ROLES = ("patient", "doctor", "doctor2", "nurse", "kin", "sender", "name")
"""Those whom a text names; ``name`` is somebody else each time."""
NUMBERS = {"d1": (1, 9), "d2": (10, 99), "d3": (100, 999), "d4": (1000, 9999), "bps": (84, 198), "bpd": (44, 112),
           "age": (18, 89), "hh": (0, 23), "h12": (1, 12), "year": (1961, 2026), "n31": (1, 31),
           "few": (2, 12), "octet": (1, 254)}  # fmt: skip
SIGNS = {"tab": "\t", "hash": "#", "hat": "^", "blank": " ", "nl": "\n"}
MADE = {"_term": medical.term, "_drug": medical.drug}
"""Words of medicine, listed or made up."""
RAW = {"_given": "given", "_family": "family", "_city": "city", "_road": "road"}
"""Words as they are listed or made up, to put names of places and firms together."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place to fill: its name, and what follows it after dots."""

    name: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A place that is one of several rows."""

    rows: tuple[Row, ...]


Row = tuple["str | Slot | Choice", ...]


def parse(text: str) -> Row:
    """Return a template's parts. Raises UserError where a brace is not closed or holds neither slot nor choice."""
    row, at = _row(text, 0, inside=False)
    if at != len(text):
        raise UserError(f"template {text[:60]!r}: a brace too many at {at}")
    return row


def _row(text: str, at: int, *, inside: bool) -> tuple[Row, int]:
    made: list[str | Slot | Choice] = []
    while at < len(text) and not (inside and text[at] in "|}"):
        if text[at] == "{":
            node, at = _braces(text, at + 1)
            made.append(node)
            continue
        end = at
        while end < len(text) and text[end] not in ("{|}" if inside else "{}"):
            end += 1
        if end == at:
            break
        made.append(text[at:end])
        at = end
    return tuple(made), at


def _braces(text: str, at: int) -> tuple[Slot | Choice, int]:
    start, rows = at, []
    while True:
        row, at = _row(text, at, inside=True)
        rows.append(row)
        if at >= len(text):
            raise UserError(f"template {text[:60]!r}: a brace at {start} is not closed")
        at += 1
        if text[at - 1] == "}":
            break
    if len(rows) > 1:
        return Choice(tuple(rows)), at
    written = text[start : at - 1]
    if not SLOT.fullmatch(written):
        raise UserError(f"template {text[:60]!r}: {written!r} is no slot")
    return Slot(written.split(".")[0], tuple(written.split(".")[1:])), at


@dataclass(frozen=True, slots=True)
class Pool:
    """Rows to choose from, each with how often, and the label of what they are ("" for no identifier)."""

    rows: tuple[Row, ...]
    weights: tuple[int, ...]
    label: str = ""

    def pick(self, rng: Random) -> Row:
        """Return one of its rows."""
        return rng.choices(self.rows, self.weights)[0]


@dataclass(frozen=True, slots=True)
class Book:
    """What a language's file holds."""

    words: Words
    marked: tuple[Row, ...]
    plain: tuple[Row, ...]
    pools: Mapping[str, Pool]
    lists: Mapping[str, Sequence[str]]
    sections: Mapping[str, Sequence[str]]
    """Pools of sentences, each with the headings that it may stand under."""


@functools.cache
def book(language: str, part: str = "all") -> Book:
    """Return a language's templates and pools; of all, those to ``learn`` from, or the fifth that is ``held``."""
    try:
        text = resources.files(__package__).joinpath(f"practice.{language}.yaml").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"there is no practice in {language!r}; there is in en, es") from None
    about: dict[str, Any] = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    words = Words(language, part)
    sections = {pool: heads.split("|") for pool, heads in about["sections"].items()}
    pools = {name: _pool(lines, "", words, split=name in sections) for name, lines in about["pools"].items()}
    for label, named in about["labels"].items():
        pools |= {name: _pool(lines, label, words) for name, lines in named.items()}
    documents = {half: [t for t in re.split(r"^===\n", about[half], flags=re.M) if words.has(t)] for half in HALVES}
    marked, plain = (tuple(parse(text.rstrip("\n")) for text in documents[half]) for half in HALVES)
    return Book(words, marked, plain, pools, {k: v.split() for k, v in about["lists"].items()}, sections)


HALVES = ("marked", "plain")


MANY = 60
"""So many rows make a pool of which a fifth may be held back; of sentences it always is."""


def _pool(lines: str, label: str, words: Words, *, split: bool = False) -> Pool:
    rows = [line for line in lines.splitlines() if line.strip()]
    rows = [row for part in rows for row in (part.split(" ; ") if " ; " in part else [part])]
    if split or (len(rows) >= MANY and not label):
        rows = [row for row in rows if words.has(row)] or rows
    parts = [re.fullmatch(r"(?:(\d+)\* )?(.*)", row) for row in rows]
    found = [m for m in parts if m]
    return Pool(tuple(parse(m[2]) for m in found), tuple(int(m[1] or 1) for m in found), label)


@dataclass(slots=True)
class Filler:
    """Fills templates of one text: who is who in it stays so."""

    book: Book
    rng: Random
    people: dict[str, Person] = field(default_factory=dict)
    pieces: list[tuple[str, str]] = field(default_factory=list)
    day: date = date(2024, 1, 1)

    def fill(self, row: Row, label: str = "") -> None:
        """Add a row's text to the pieces; inside a label everything has it."""
        for node in row:
            if isinstance(node, str):
                self.add(self._masked(node) if label else node, label)
            elif isinstance(node, Choice):
                self.fill(self.rng.choice(node.rows), label)
            else:
                self._slot(node, label)

    def add(self, text: str, label: str = "") -> None:
        """Add a piece of text."""
        self.pieces.append((text, label))

    def _masked(self, text: str) -> str:
        return "".join(
            str(self.rng.randrange(10)) if c == "#" else self.rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c == "^" else c
            for c in text
        )

    def _slot(self, slot: Slot, label: str) -> None:
        start = len(self.pieces)
        pool = self.book.pools.get(slot.name)
        if slot.name in ROLES:
            self.add(self._named(slot), label or "NAME")
        elif pool:
            if pool.label and not label:
                low, high = (1926, 2022) if slot.name == "dob" else (2011, 2027)
                self.day = date(self.rng.randrange(low, high), 1, 1) + timedelta(self.rng.randrange(365))
            self.fill(pool.pick(self.rng), label or pool.label)
        else:
            self.add(self._word(slot.name), label)
        if pool and pool.label and not label:
            self.pieces[start:] = [("".join(text for text, _ in self.pieces[start:]), pool.label)]
        for form in slot.forms:
            self.pieces[start:] = [(_formed(text, form), kind) for text, kind in self.pieces[start:]]

    def _named(self, slot: Slot) -> str:
        if slot.name == "name" or slot.name not in self.people:
            self.people[slot.name] = self.book.words.person(self.rng, self.book.lists["words"])
        form = next((f for f in slot.forms if f not in ("up", "low", "web", "cap")), "full")
        return self.people[slot.name].written(form, self.rng)

    def _word(self, name: str) -> str:
        rng = self.rng
        if name in NUMBERS:
            return str(rng.randint(*NUMBERS[name]))
        if name in SIGNS:
            return SIGNS[name]
        if name in MADE:
            return MADE[name](rng, self.book.words.language)
        if name in RAW:
            return self.book.words.word(rng, RAW[name])
        if name in ("mi", "h24"):
            return f"{rng.randrange(60 if name == 'mi' else 24):02}"
        if name in ("dec", "dec2"):
            return f"{rng.randint(1, 19)}.{rng.randrange(10)}" if name == "dec" else f"{rng.random() * 4:.2f}"
        return self._dated(name)

    def _dated(self, name: str) -> str:
        """Return a part of the day that an identifier speaks of."""
        day, lists = self.day, self.book.lists
        if name == "yearth":
            return self._spoken_year()
        parts = {
            "m": str(day.month), "mm": f"{day.month:02}", "d": str(day.day), "dd": f"{day.day:02}",
            "yy": f"{day.year % 100:02}", "yyyy": str(day.year), "month": lists["months"][day.month - 1],
            "mon": lists["shorts"][day.month - 1], "weekday": lists["days"][day.weekday()], "nth": nth(day.day),
            "dayth": lists["dayths"][day.day - 1].replace("_", " "),
        }  # fmt: skip
        if name not in parts:
            raise UserError(f"a template asks for {{{name}}}, which is no role, pool or number")
        return parts[name]

    def _spoken_year(self) -> str:
        year, ones = self.day.year, self.book.lists["numbers"]
        tens = ones[year % 100].replace("_", " ") if year % 100 else "hundred"
        if year >= 2000:
            return (
                self.rng.choice((f"two thousand {tens}", f"twenty {tens}")) if year > 2009 else f"two thousand {tens}"
            )
        return f"nineteen {tens}"

    def document(self) -> tuple[str, list[tuple[int, int, str]]]:
        """Return the text so far and its stretches."""
        return joined(self.pieces)


def joined(pieces: Sequence[tuple[str, str]]) -> tuple[str, list[tuple[int, int, str]]]:
    """Return pieces as a text and its stretches."""
    at, spans = 0, []
    for text, label in pieces:
        if label and text.strip():
            spans.append((at + len(text) - len(text.lstrip()), at + len(text.rstrip()), label))
        at += len(text)
    return "".join(text for text, _ in pieces), spans


def nth(number: int) -> str:
    """Return an English ordinal: 1st, 22nd, 13th."""
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _formed(text: str, form: str) -> str:
    if form == "up":
        return text.upper()
    if form == "low":
        return text.lower()
    if form == "cap":
        return text[:1].upper() + text[1:]
    if form == "web":
        bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        return re.sub(r"[^a-z0-9]", "", bare) or "user"
    return text


def slots_of(row: Row) -> Iterator[Slot]:
    """Yield every slot of a row, those of its choices too."""
    for node in row:
        if isinstance(node, Slot):
            yield node
        elif isinstance(node, Choice):
            for each in node.rows:
                yield from slots_of(each)
