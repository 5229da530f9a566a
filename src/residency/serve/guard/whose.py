"""Whether a finding of a note is denied, and whose it is: the patient's, one of the family's, or another person's.

The nearest person named before a finding in its sentence has it, in kind like ConText's experiencer (Harkema et al.
2009): "Father had epilepsy" is the family's. A relative who tells, brings or lives with the patient has nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from residency.serve.guard.context import SCOPES, meant
from residency.serve.guard.phrases import Mention, Phrases
from residency.serve.guard.rules import Rules
from residency.serve.guard.words import Words, starts, words_of

KIN = (
    "mother|mothers|father|fathers|mum|mom|dad|parent|parents|brother|brothers|sister|sisters|sibling|siblings|"
    "grandmother|grandfather|grandparents|aunt|uncle|cousin|cousins|nephew|niece|relative|relatives|"
    "madre|padre|padres|hermano|hermana|hermanos|hermanas|abuelo|abuela|abuelos|tio|tia|primo|prima|familiar|familiares"
)
NEAR = "wife|husband|spouse|son|daughter|sons|daughters|children|esposo|esposa|marido|hijo|hija|hijos|hijas"
OTHERS = (
    "roommate|flatmate|neighbor|neighbour|coworker|colleague|friend|partner|classmate|donor|"
    "companero|companera|vecino|vecina|amigo|amiga|donante|pareja"
)
TELLS = (
    "report*|says|said|states|stated|denies|denied|notes|noted|noticed|describes|described|brought|brings|thinks|"
    "believes|worries|refiere|refieren|dice|cuenta|niega|relata|trae|trajo|comenta|nota|noto"
)
PHRASES = {
    "family": [f"({KIN}|{NEAR})", "family (history|hx)", "(fhx|fh)", "(antecedentes|historia) familiar*",
               "runs in (the|his|her|their) family", "maternal history", "paternal history"],
    "other": [f"({OTHERS})"],
    "patient": ["(patient|patients|pt|paciente|he|she|ella)", "past medical history", "personal history"],
    "beside": [
        f"({KIN}|{NEAR}|{OTHERS}) ({TELLS})",
        f"(lives|living|live) ... ({KIN}|{NEAR}|{OTHERS})",
        f"(accompanied|brought|seen|cared) ... (by|with) ... ({KIN}|{NEAR}|{OTHERS})",
        f"(per|according to|with) (his|her|their|the|a)? ({KIN}|{NEAR}|{OTHERS})",
        f"(vive|acude|viene|acompanad*|traid*|cuidad*) ... ({KIN}|{NEAR}|{OTHERS})",
        f"segun (su|la|el)? ({KIN}|{NEAR}|{OTHERS})",
    ],
    "of-family": [f"(in|of|on) (his|her|the|their|my|both|a)? ({KIN}|{NEAR})",
                  f"(en|de) (su|sus|la|el|los|las|un|una)? ({KIN}|{NEAR})", "in the family", "en la familia"],
    "of-other": [f"in (his|her|the|their|my|a)? ({OTHERS})", f"en (su|sus|la|el|un|una)? ({OTHERS})"],
}  # fmt: skip
BEHIND = 2
"""Words over which a person is looked for behind a finding ("epilepsy in his father")."""
_HEADER = re.compile(
    r"^[ \t#*-]*(?:family (?:medical )?history|fam(?:ily)? hx|fhx?|antecedentes familiares|historia familiar)[ \t*]*:?"
    r"[ \t*]*$",
    re.IGNORECASE | re.MULTILINE,
)
_NEXT = re.compile(r"\n[ \t]*(?:\n|$)|\n[^\n:]{1,60}:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Held:
    """How a finding is held: ``denied``, and ``of`` whom; None where that is not clear, or it is of anyone at all."""

    denied: bool
    of: str | None


def held(text: str, spans: Sequence[tuple[int, int]], rules: Rules) -> list[Held]:
    """Return how each finding of a note is held, in their order; spans count characters."""
    words, begins = words_of(text), starts(text)
    places = [_words(begins, start, end) for start, end in spans]
    mentions = [one for one in rules.phrases.find(words) if one.concept in SCOPES]
    found = iter(meant(words, [*mentions, *(Mention("finding", a, b) for a, b in places if b > a)]))
    persons, blocks = _Persons(words), list(_blocks(text))
    made = list[Held]()
    for (start, _), (a, b) in zip(spans, places, strict=True):
        one = next(found) if b > a else None
        kin = any(low <= start < high for low, high in blocks)
        of = "family" if kin else persons.of(a, b)
        anyone = one is not None and one.general and of == "patient"
        made.append(Held(bool(one and one.denied), None if anyone else of))
    return made


def _words(begins: Sequence[int], start: int, end: int) -> tuple[int, int]:
    """Return the words that a span covers, half open."""
    first = max(0, bisect_right(begins, start) - 1)
    return first, max(bisect_left(begins, end), first)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the places of what stands under a heading of the family's history, up to an empty line or a heading."""
    for header in _HEADER.finditer(text):
        end = _NEXT.search(text, header.end() + 1)
        yield header.end(), end.start() if end else len(text)


class _Persons:
    """The persons that a text names, and which of them has what is said of a place."""

    def __init__(self, words: Words) -> None:
        self.words = words
        found = _phrases().find(words)
        beside = {at for one in found if one.concept == "beside" for at in range(one.start, one.end)}
        self.behind = [one for one in found if one.concept.startswith("of-")]
        self.named = [one for one in found if one.concept in ("family", "other", "patient") and one.start not in beside]
        self.named.sort(key=lambda one: (one.start, one.end))
        self.ends = [one.start for one in self.named]

    def of(self, start: int, end: int) -> str | None:
        """Return whose a finding at these words is."""
        sentence = self.words.sentence
        for one in self.behind:
            if end <= one.start <= end + BEHIND and sentence[one.start] == sentence[start]:
                return one.concept.removeprefix("of-")
        before = [one.concept for one in self.named[: bisect_left(self.ends, start)] if self._with(one, start)]
        if not before or before[-1] != "patient":
            return before[-1] if before else "patient"
        kin = {"family", "other"} & set(before)  # "Father had epilepsy and he died": who is he?
        return None if kin and self._pronoun(start) else "patient"

    def _with(self, one: Mention, start: int) -> bool:
        return self.words.sentence[one.start] == self.words.sentence[start]

    def _pronoun(self, start: int) -> bool:
        """Return whether the patient that stands nearest before a place is only a "he" or "she"."""
        near = self.named[bisect_left(self.ends, start) - 1]
        return self.words.words[near.start] in ("he", "she", "ella")


@lru_cache(maxsize=1)
def _phrases() -> Phrases:
    return Phrases(PHRASES)
