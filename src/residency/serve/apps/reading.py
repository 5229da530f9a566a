"""How hard a text is to read: Flesch and Kincaid's grade for English, Fernández Huerta's ease for Spanish.

Kincaid et al. 1975, Derivation of New Readability Formulas for Navy Enlisted Personnel (grade = 0.39 words a sentence +
11.8 syllables a word - 15.59). Fernández Huerta 1959, Medidas sencillas de lecturabilidad, in the form that Law 2011
corrected (ease = 206.84 - 60 syllables a word - 1.02 words a sentence; 100 is easy, 60 to 70 is normal).

English syllables are counted by groups of vowels with the usual exceptions, which is right for nine words of ten;
Spanish ones by its rules of diphthong and hiatus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

GRADE, EASE = "Flesch-Kincaid grade", "Fernández Huerta"
EASE_LEAST = 60.0
"""The Spanish ease that stands beside grade 8: what is below is harder than normal."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_GROUP = re.compile(r"[aeiouy]+")
_SILENT = re.compile(
    r"(?:[^aeiouy]|[gq]u)e$|[^aeiouysxzcg]es$|[^aeiouytd]ed$|[^aeiouy]e(?=(?:ly|ness|ment|ful|less|thing|where)$)"
)
_SOUNDED = re.compile(r"[^aeiouy]les?$|(?:ch|sh|[sxzcg])es$")
_APART = re.compile(
    r"[^tcsg]i(?:a|o(?!n)|um?$|us$)|iet|eing|[^aeiouq]uou?s|ying$|[^r]ier$|iest$|ism$|(?<=[^aeiouq])ua|ue(?=nt|l$)"
    r"|uid|scien"
)
_KNOWN = {
    **dict.fromkeys("real eye eyes".split(), 1),
    **dict.fromkeys("create people headaches science something sometimes someone".split(), 2),
    **dict.fromkeys("area areas idea ideas nausea serious everyone video".split(), 3),
    **dict.fromkeys("diabetes influenza".split(), 4),
}
"""Usual words that the rules count wrongly."""
_ES_VOWEL = "aeiouáéíóúü"
_ES_STRONG = frozenset("aeoáéóíú")


@dataclass(frozen=True, slots=True)
class Level:
    """How hard a text is: the ``measure`` and its ``value``, and on how many words and sentences that rests."""

    measure: str
    value: float
    words: int
    sentences: int

    def harder(self, grade: float) -> bool:
        """Return whether it is harder than a school grade; in Spanish, than what is normal."""
        return self.value < EASE_LEAST if self.measure == EASE else self.value > grade

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        found = {"measure": self.measure, "value": round(self.value, 1)}
        return {**found, "words": self.words, "sentences": self.sentences}


def level(text: str, language: str = "en") -> Level | None:
    """Return how hard a text is; None where it has no words."""
    sentences = [words for part in _SENTENCE.split(text) if (words := _WORD.findall(part.lower()))]
    words = [word for sentence in sentences for word in sentence]
    if not words:
        return None
    long = len(words) / len(sentences)
    heavy = sum((syllables_es if language == "es" else syllables_en)(word) for word in words) / len(words)
    if language == "es":
        return Level(EASE, 206.84 - 60 * heavy - 1.02 * long, len(words), len(sentences))
    return Level(GRADE, 0.39 * long + 11.8 * heavy - 15.59, len(words), len(sentences))


def syllables_en(word: str) -> int:
    """Return the syllables of an English word, at least 1."""
    bare = re.sub(r"['’].*", "", word.lower())
    if bare in _KNOWN:
        return _KNOWN[bare]
    count = len(_GROUP.findall(bare)) + len(_APART.findall(bare))
    return max(1, count - bool(_SILENT.search(bare) and not _SOUNDED.search(bare)))


def syllables_es(word: str) -> int:
    """Return the syllables of a Spanish word, at least 1: strong vowels are apart, a weak one without accent joins."""
    plain = re.sub(r"qu(?=[eiéí])|gu(?=[eiéí])", lambda found: found[0][0], word.lower())
    plain = re.sub(r"y(?![aeiouáéíóúü])", "i", plain)
    count, before = 0, ""
    for letter in plain:
        if letter not in _ES_VOWEL:
            before = ""
            continue
        joined = before and not (letter in _ES_STRONG and before in _ES_STRONG)
        count += not joined
        before = letter
    return max(1, count)
