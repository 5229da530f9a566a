"""The lists that surrogates are drawn from: names of Faker's providers (MIT), read as data; nothing random of Faker's.

Given names stand by gender and first letter. Family names and towns are put together from the beginning of one listed
name and the end of another, so that there are thousands for each letter, hardly one of them anybody's.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from residency.core.errors import UserError
from residency.corpus.deidentify.plain import compared
from residency.corpus.identify.lexicon import entries

NAME = re.compile(r"[A-Z][a-zà-öø-ÿ]{1,14}")
SHORT, LONG = 3, 11
"""Letters of a name that is drawn."""
HEAD = re.compile(r"[^aeiouyà-öø-ÿ]*[aeiouy][^aeiouyà-öø-ÿ]{1,3}", re.IGNORECASE)
TAIL = re.compile(r"[aeiou][^aeiouyà-öø-ÿ]{1,3}[aeo]?[nrs]?$")
FEW = 100
"""A letter with fewer given names in the language's own lists takes those of every country."""
TOWNS = {
    "en": ("ton", "ville", "field", "burg", "ford", "dale", "wood", "mouth", "stead", "haven", "bury", "worth"),
    "es": ("osa", "ares", "edo", "uela", "anes", "iel", "ejo", "astro", "umbres", "erilla", "ontes", "aluz"),
}
"""How made-up towns end."""
WOMEN = ("ana", "ella", "elle", "ena", "essa", "etta", "ia", "ina", "isa", "ora", "una", "yne")
MEN = ("ald", "an", "ard", "as", "en", "ert", "ian", "in", "io", "or", "ric", "us")
ENDS = {"women": WOMEN, "men": MEN, "any": (*WOMEN, *MEN)}
"""How made-up given names end, where a letter has few listed ones or they occur in the texts."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What is drawn from, and what is known: names in small letters that are ``women``'s, ``men``'s, anybody's.

    ``given`` has names by gender ("women", "men", "any") and first letter, ``heads`` beginnings by letter, and
    ``tails`` and ``towns`` the ends that go with them.
    """

    women: frozenset[str]
    men: frozenset[str]
    family: frozenset[str]
    given: Mapping[str, Mapping[str, Sequence[str]]]
    heads: Mapping[str, Sequence[str]]
    tails: Sequence[str]
    towns: Sequence[str]

    def gender(self, word: str) -> str | None:
        """Return whose given name a word (as ``compared``) is: women, men or any; None where it is none."""
        if word in self.women:
            return "any" if word in self.men else "women"
        return "men" if word in self.men else None

    def knows(self, word: str) -> bool:
        """Return whether a word (as ``compared``) is listed as anybody's name."""
        return word in self.women or word in self.men or word in self.family


@functools.cache
def lists_of(language: str) -> Lists:
    """Return the lists of a language (en or es)."""
    every: dict[str, set[str]] = {"women": set(), "men": set(), "family": set()}
    home: dict[str, set[str]] = {"women": set(), "men": set(), "family": set()}
    for country, kind, names in _listed():
        every[kind].update(names)
        if country == language or country.startswith(f"{language}_"):
            home[kind].update(names)
    known = {kind: frozenset(map(compared, names)) for kind, names in every.items()}
    return Lists(
        women=known["women"],
        men=known["men"],
        family=known["family"],
        given=_given(home, every),
        heads=_heads(home["family"], every["family"] | every["women"] | every["men"]),
        tails=sorted({m[0] for name in home["family"] if (m := TAIL.search(name))}),
        towns=TOWNS[language],
    )


def lists_version() -> str:
    """Return which lists these are, for a receipt."""
    return f"faker {version('faker')}"


def _listed() -> Iterator[tuple[str, str, Iterable[str]]]:
    """Yield (country, kind, names) of every provider of persons."""
    try:
        package = importlib.import_module("faker.providers.person")
    except ImportError:
        raise UserError("surrogates need the lists of names of Faker: pip install 'residency[deidentify]'") from None
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name):
        provider = vars(importlib.import_module(f"faker.providers.person.{found.name}").Provider)
        for attribute in sorted(provider):
            kind = _kind(attribute)
            if kind:
                yield found.name, kind, [name for name in entries(provider[attribute]) if NAME.fullmatch(name)]


def _kind(attribute: str) -> str | None:
    if attribute.startswith("first_names_female"):
        return "women"
    if attribute.startswith("first_names_male"):
        return "men"
    return "family" if attribute.startswith("last_names") else None


def _given(home: Mapping[str, set[str]], every: Mapping[str, set[str]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return given names by gender and first letter; none is another gender's as well, but in "any"."""
    made = {}
    for gender, own, other in (("women", "women", "men"), ("men", "men", "women"), ("any", "women", "none")):
        near, far = home[own] - every.get(other, set()), every[own] - every.get(other, set())
        if gender == "any":
            near, far = near | home["men"], far | every["men"]
        close, all_of = _by_letter(near), _by_letter(far)
        made[gender] = {x: close[x] if len(close.get(x, ())) >= FEW else names for x, names in all_of.items()}
    return made


def _by_letter(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    made: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        if name.isascii() and SHORT <= len(name) <= LONG:
            made[name[0].lower()].append(name)
    return {letter: tuple(found) for letter, found in made.items()}


def _heads(home: Iterable[str], every: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return beginnings of names by letter, of the language's own where there are enough of them."""
    near, far = (
        {x: tuple(sorted({m[0] for n in found if (m := HEAD.match(n))})) for x, found in _by_letter(names).items()}
        for names in (home, every)
    )
    return {x: near[x] if len(near.get(x, ())) >= FEW // 2 else found for x, found in far.items()}
