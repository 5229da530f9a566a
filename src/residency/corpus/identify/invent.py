"""Names for practice: half of them from Faker's lists (MIT), half made up, so that a tagger cannot learn them by heart.

A made-up word runs letter by letter as the names of one country run (a chain over three letters), or is put together of
syllables, of two halves, or is a listed name with two letters changed. None of them stands in any list.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from residency.corpus.identify.lexicon import CITY, FAMILY, GIVEN, PARTS, PERSON, PLACE, STREET, entries

KINDS = {GIVEN: "given", FAMILY: "family", CITY: "city", STREET: "road"}
LATIN = re.compile(r"[A-Za-zÀ-ɏḀ-ỿ'. -]{2,24}")
OTHER = re.compile(r"[\u0370-\u04ff' -]{3,20}")
"""Greek and Cyrillic: a few names stay in their own letters."""
FEW = 40
"""A country with fewer names of a kind gives none of that kind."""
ONSETS = "b br c ch d dr f fl g gr h j k kh l m n ny p ph pr qu r s sh st t th tr v w x y z zh".split()
VOWELS = "a a a e e e i i o o u ae ai au ea ei ee ia io oa ou ue y".split()
CODAS = ["", "", "", "n", "n", "r", "s", "l", "m", "nd", "rt", "ck", "x", "th", "ng", "sky", "son", "ez", "wood", "ley"]
HOME = {"en": ("en", "en_US", "en_GB", "en_IE", "en_NZ"), "es": ("es_ES", "es_MX", "es_AR", "es_CO", "es_CL")}
PARTICLES = {
    "en": ["van ", "van der ", "von ", "de ", "de la ", "O'", "O'", "Mc", "Mc", "Mac", "D'", "al-", "El ", "bin ",
           "St. ", "Abu ", "Le", "La", "Di ", "ter ", "dos ", "Ben-"],
    "es": ["de ", "de la ", "del ", "de los ", "de las ", "Da ", "San "],
}  # fmt: skip


@functools.cache
def listed() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return Faker's names by kind (given, family, city, road), then by country, those in Latin letters."""
    made: dict[str, dict[str, tuple[str, ...]]] = {kind: {} for kind in KINDS.values()}
    made["other"] = {}
    for provider, names in (("person", PERSON), ("address", PLACE)):
        package = importlib.import_module(f"faker.providers.{provider}")
        for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            members = vars(importlib.import_module(f"faker.providers.{provider}.{found.name}").Provider)
            for kind, words in _by_kind(members, names).items():
                latin = tuple(sorted({w for w in words if LATIN.fullmatch(w)}))
                if len(latin) >= FEW:
                    made[kind][found.name] = latin
                elif kind in ("given", "family") and (own := tuple(sorted({w for w in words if OTHER.fullmatch(w)}))):
                    made["other"][found.name] = (*made["other"].get(found.name, ()), *own)
    return made


def _by_kind(members: Mapping[str, object], names: Mapping[str, int]) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for attribute in sorted(members):
        flag = next((flag for part, flag in names.items() if part in attribute), 0)
        if flag in KINDS and not any(part in attribute for part in PARTS):
            made.setdefault(KINDS[flag], []).extend(entries(members[attribute]))
    return made


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(w.lower() for kind in listed().values() for words in kind.values() for w in words)


@functools.cache
def _chain(kind: str, country: str) -> Mapping[str, str]:
    """Return the letters that follow each three letters in a country's names ("$": the end)."""
    made: dict[str, list[str]] = {}
    for word in listed()[kind][country]:
        run = "^^^" + word.lower() + "$"
        for at in range(3, len(run)):
            made.setdefault(run[at - 3 : at], []).append(run[at])
    return {key: "".join(letters) for key, letters in made.items()}


def _chained(rng: Random, kind: str, country: str) -> str:
    follows, run = _chain(kind, country), "^^^"
    while len(run) < 17:
        letter = rng.choice(follows[run[-3:]])
        if letter == "$":
            break
        run += letter
    return run[3:]


def _syllables(rng: Random, kind: str, country: str) -> str:
    count = rng.choice((1, 2, 2, 2, 3))
    return "".join(rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(count)) + rng.choice(CODAS)


def _blend(rng: Random, kind: str, country: str) -> str:
    one, two = (rng.choice(listed()[kind][country]).lower() for _ in range(2))
    return one[: rng.randint(2, max(2, len(one) - 2))] + two[len(two) // 2 :]


def _changed(rng: Random, kind: str, country: str) -> str:
    letters = list(rng.choice(listed()[kind][country]).lower())
    at = rng.randrange(len(letters) - 1)
    letters[at], letters[at + 1] = letters[at + 1], letters[at]
    letters[rng.randrange(len(letters))] = rng.choice("aeioulnrstkzvm")
    return "".join(letters)


WAYS: Sequence[Callable[[Random, str, str], str]] = (_chained, _chained, _chained, _syllables, _blend, _changed)


@dataclass(frozen=True, slots=True)
class Words:
    """Where words come from: for which language, and which fifth of them is held back (``part``)."""

    language: str
    part: str = "all"

    def has(self, word: str) -> bool:
        """Return whether a word belongs to this part: every fifth is ``held``, the others are to ``learn``."""
        return self.part == "all" or (zlib.crc32(word.lower().encode()) % 5 == 0) == (self.part == "held")

    def country(self, rng: Random, kind: str) -> str:
        """Return a country whose names of a kind to use; half the time one of the language's own."""
        all_of = listed()[kind]
        home = [c for c in HOME[self.language] if c in all_of]
        return rng.choice(home if home and rng.random() < 0.5 else list(all_of))

    def word(self, rng: Random, kind: str, country: str = "") -> str:
        """Return a name of a kind, made up half the time."""
        made_up, word = rng.random() < 0.5, ""
        for _ in range(60):
            where = country if country in listed()[kind] else self.country(rng, kind)
            word = rng.choice(WAYS)(rng, kind, where) if made_up else rng.choice(listed()[kind][where])
            if made_up:
                word = re.sub(r"(^|[\s'-])(\w)", lambda m: m[1] + m[2].upper(), word.strip(" '.-"))
                if not 3 <= len(word) <= 14 or word.lower() in _known() or not re.search("[aeiouy]", word.lower()):
                    continue
            if self.has(word):
                break
        return word

    def person(self, rng: Random, words: Sequence[str] = ()) -> Person:
        """Return somebody; ``words`` are names that are also words."""
        if rng.random() < 0.015:
            own = rng.choice(list(listed()["other"].values()))
            return Person(rng.choice(own), "", rng.choice(own))
        country = self.country(rng, "family")
        given = self.word(rng, "given", country if rng.random() < 0.8 else "")
        family = self.word(rng, "family", country)
        if words and rng.random() < 0.1:
            given, family = (rng.choice(words), family) if rng.random() < 0.5 else (given, rng.choice(words))
        spanish = country.startswith(("es_", "pt_"))
        if rng.random() < (0.12 if spanish else 0.04):
            given = f"{given}{rng.choice(' -')}{self.word(rng, 'given', country)}"
        if rng.random() < 0.1:
            family = rng.choice(PARTICLES[self.language]) + family
        double = {"en": (0.4, 0.05), "es": (0.92, 0.5)}[self.language][not spanish]
        if rng.random() < double:
            family += rng.choice("  -" if spanish else "-- ") + self.word(rng, "family", country)
        return Person(given, self._middle(rng, country, spanish), family, *self._rest(rng))

    def _middle(self, rng: Random, country: str, spanish: bool) -> str:
        draw = rng.random() * (3 if spanish else 1)
        if draw < 0.25:
            return rng.choice("ABCDEFGHIJKLMNOPRSTVWY") + rng.choice(("", ".", "."))
        return self.word(rng, "given", country) if draw < 0.32 else ""

    def _rest(self, rng: Random) -> tuple[str, str]:
        suffix = rng.choice((" Jr.", ", Jr.", " Sr.", " III", " II", " Jr")) if rng.random() < 0.03 else ""
        nick = self.word(rng, "given")[: rng.randint(3, 6)] if rng.random() < 0.03 else ""
        return (suffix if self.language == "en" else ""), nick


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, and how the name is written."""

    given: str
    middle: str
    family: str
    suffix: str = ""
    nick: str = ""

    def written(self, form: str, rng: Random) -> str:
        """Return the name in a form: full, first, last, rev, initials, short, any."""
        middle = f" {self.middle}" if self.middle else ""
        if form == "any":
            form = rng.choice(("full", "full", "full", "first", "last", "short", "rev"))
        if form == "first":
            return self.given
        if form == "last":
            return self.family
        if form == "short":
            return f"{self.given[0]}.{rng.choice(('', ' '))}{self.family}"
        if form == "initials":
            return "".join(w[0] + rng.choice(("", ".")) for w in (self.given, self.family))
        if form == "rev":
            return f"{self.family},{rng.choice((' ', ' ', ' ', ''))}{self.given}{middle}{self.suffix}"
        quote = rng.choice(('"', '"', "'", "(")) if self.nick else ""
        nick = f" {quote}{self.nick}{')' if quote == '(' else quote}" if quote else ""
        return f"{self.given}{nick}{middle} {self.family}{self.suffix}"
