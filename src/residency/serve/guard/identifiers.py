"""Identifiers that a model tells and nobody gave it: found as in notes, and hidden in what goes out.

What stands in the question, the notes or the evidence is no leak. A general medical text is full of names that are
nobody's (diseases, scales, makers), of years and of places: a name is hidden where it is written as a person's, a
number where it has the length of one, a date or a place only beside one of those.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from residency.serve.guard.words import joined, words_of

if TYPE_CHECKING:
    from residency.corpus.identify.finder import Finder
    from residency.corpus.identify.found import Found

NUMBERS = {"PHONE": 7, "FAX": 7, "SSN": 7, "MRN": 5, "HEALTH_PLAN": 6, "ACCOUNT": 6, "LICENSE": 5, "VEHICLE": 4,
           "OTHER_ID": 5, "IP": 4}  # fmt: skip
"""Kinds that are numbers, and how many digits one has at least."""
BESIDE = frozenset(("DATE", "LOCATION", "HOSPITAL"))
"""Kinds that are hidden only where another identifier stands in the same sentence."""
MASK = "[…]"
_NAME = re.compile(r"[A-ZÁÉÍÓÚÑÜ][\w'’.-]*(?:\s+(?:[a-z]{1,3}\s+){0,2}[A-ZÁÉÍÓÚÑÜ][\w'’.-]*)+")
_TITLED = re.compile(
    r"(?:\b(?:Dr|Dra|Mr|Mrs|Ms|Miss|Mister|Patient|Pt|Sr|Sra|Srta|Don|Doña|D|Dña|named|name is|name|llama|llamad[oa]"
    r"|nombre|paciente|patient|Paciente|Nombre|Name)\.?:?\s+)$"
)
_OF_A_DISEASE = re.compile(
    r"^(?:['’]s)?[\s-]+(?:type\s)?(?:disease|syndrome|sign|test|score|scale|criteria|index|manual|registry|review|method"
    r"|reaction|classification|formula|anomaly|tumou?r|lymphoma|sarcoma|fracture|procedure|maneuver|manoeuvre|palsy"
    r"|foundation|association|society|institute|center|centre|clinic|hospital|university|disorder|phenomenon|law)\b",
    re.IGNORECASE,
)
_BEFORE_A_NAME = re.compile(
    r"(?:enfermedad|síndrome|sindrome|signo|escala|índice|indice|prueba|test|criterios|maniobra|fórmula|tumor)"
    r"\s+de(?:l| la)?\s+$",
    re.IGNORECASE,
)


def finders() -> dict[str, Finder]:
    """Return a finder for each language; none where what they need is not installed. Takes seconds: at start-up."""
    from residency.core.errors import UserError
    from residency.corpus.identify.finder import finder

    try:
        return {code: finder(language=code, mode="default", at_hand=True) for code in ("en", "es")}
    except UserError:
        return {}


@dataclass(slots=True)
class Hider:
    """Hides identifiers that are not ``known`` in the sentences of one answer, and counts them by kind."""

    finders: Mapping[str, Finder]
    known: Sequence[str]
    hidden: Counter[str] = field(default_factory=Counter)
    names: set[str] = field(default_factory=set)

    def spans(self, text: str, language: str) -> list[Found]:
        """Return the identifiers of a text that nobody gave, by whole words."""
        finder = self.finders.get(language)
        if finder is None or not _may_hold(text):
            return []
        from residency.corpus.deidentify.outgoing import leaks

        found = [_whole(one, text) for one in leaks(text, finder)]
        found = [one for one in found if not self._given(text[one.start : one.end])]
        sure = {one for one in found if is_somebodys(one, text) or self._named(one, text)}
        if not sure:
            return []
        return _apart(one for one in found if one in sure or one.entity_type in BESIDE)

    def _given(self, words: str) -> bool:
        said = f" {' '.join(words_of(words).words)} "
        return not said.strip() or any(said in joined(part) for part in self.known)

    def _named(self, found: Found, text: str) -> bool:
        """Return whether a name is part of one that was hidden before."""
        return found.entity_type == "NAME" and text[found.start : found.end] in self.names

    def hide(self, text: str, found: Sequence[Found]) -> str:
        """Return a text with these hidden."""
        for one in reversed(found):
            if one.entity_type == "NAME":
                self.names.update(word for word in text[one.start : one.end].split() if word.istitle())
            text = f"{text[: one.start]}{MASK}{text[one.end :]}"
        self.hidden.update(one.entity_type for one in found)
        return text


def is_somebodys(found: Found, text: str) -> bool:
    """Return whether what was found is written as a person's own."""
    said = text[found.start : found.end]
    if found.entity_type == "EMAIL":
        return "@" in said
    if found.entity_type in NUMBERS:
        return sum(sign.isdigit() for sign in said) >= NUMBERS[found.entity_type]
    if found.entity_type != "NAME" or any(sign.isdigit() for sign in said):
        return False
    if _OF_A_DISEASE.match(text[found.end :]) or _BEFORE_A_NAME.search(text[: found.start]):
        return False
    return bool(_NAME.fullmatch(said.strip()) or (said[:1].isupper() and _TITLED.search(text[: found.start])))


def _may_hold(text: str) -> bool:
    """Return whether a text may hold an identifier: digits, an @, or a capital letter behind its first word."""
    return any(sign.isdigit() or sign == "@" for sign in text) or any(word[0].isupper() for word in text.split()[1:])


def _apart(found: Iterable[Found]) -> list[Found]:
    """Return findings without those that begin in the one before them."""
    kept: list[Found] = []
    for one in found:
        if not kept or one.start >= kept[-1].end:
            kept.append(one)
    return kept


def _whole(found: Found, text: str) -> Found:
    """Return a finding with the whole words that it begins and ends in, without white space around it."""
    start, end = found.start, found.end
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while start > 0 and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
        end += 1
    return found._replace(start=start, end=end)
