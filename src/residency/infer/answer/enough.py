"""Whether the evidence is enough: a passage that does not speak of what is asked about is left out, and what no passage
speaks of is missing.

What is asked about are the question's own words, without those that only say which side of it is asked (symptoms,
treatment, cause): "What are the symptoms of gout?" is about gout, and a passage on the symptoms of scurvy is no
evidence. A word counts the more the fewer of the passages that were found hold it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from itertools import pairwise

from residency.corpus.make.support import stem, stems
from residency.infer.answer.sides import side_words
from residency.infer.evidence import Evidence

_SIDES = """symptom sign treatment treat cause diagnose diagnosis diagnostic test exam outlook prognosis prevent
    prevention information inherit inheritance genetic gene change research trial complication risk susceptible common
    many people affect frequency contact medical professional call doctor consider consideration special important know
    need dose dosage side effect brand name use used using take taken prescribe prescribed emergency overdose storage
    disposal warning precaution diet dietary instruction happen forget miss dose what which who when where why how dosed
    check checked given administer administered
    patient person adult disease disorder syndrome condition therapy
    help stage type kind related relate available result mean work good best way long last first new often usual main
    definition describe explain tell example difference between compare versus have get give given find say speak much
    son sont sind cuál cuáles qué cómo cuándo quién síntoma signo tratamiento tratar causa diagnóstico diagnosticar
    prueba pronóstico prevenir información efecto dosis quel quelle quelles quels comment symptôme signe traitement
    traiter diagnostic effet welche welcher welches behandlung ursache zeichen symptome nebenwirkung"""
SIDES = frozenset(stem(word) for word in _SIDES.split())
"""Words that say which side of a matter is asked about, or nothing, without their endings."""
PASSAGE = "a passage that answers the question"
"""What is missing where passages hold all the words of a question, and none of them answers it."""
_GENERAL = frozenset(
    stem(word)
    for word in """daily weekly monthly hours minutes days weeks months years times three seven eight year-old
    recommended recommend increased decreased following increase decrease should normal abnormal severe
    history started stopped attack acute chronic clinical clinic letter guideline hospital admission admitted
    discharge discharged outpatient
    medication medicine medicines medications reported increasing decreasing therapeutic examination investigation
    monitoring measured alternative additional indicated contraindicated respectively""".split()
)
"""Words that many records and guidelines share and that make no term."""
SHORTEST, LONG = 4, 8
"""Letters that a word of a term has at least, and that make one a term by itself."""
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
LEAST = 0.8
"""The share of what is asked about that a passage has to speak of, by weight (``bench/citations.py``)."""

NAMED = 0.8
"""The share of what is asked about that a title, or a sentence by itself, has to name."""


def asked_about(question: str) -> frozenset[str]:
    """Return the words that a question is about, without their endings; all of its content words where none is left."""
    found = stems(question)
    return found - SIDES or found


def fitting(question: str, evidence: Sequence[Evidence], least: float = LEAST) -> list[Evidence]:
    """Return the passages that speak of what is asked about, in their order."""
    about = asked_about(question)
    held = [_held(one) & about for one in evidence]
    if not about:
        return list(evidence)
    weight = {word: 1 + math.log((1 + len(held)) / (1 + sum(word in one for one in held))) for word in about}
    whole = sum(weight.values())
    return [one for one, words in zip(evidence, held, strict=True) if sum(weight[w] for w in words) >= least * whole]


def names(question: str, text: str, least: float = NAMED) -> bool:
    """Return whether a text names what is asked about: most of its words."""
    about = asked_about(question)
    return len(about & stems(text)) >= least * len(about)


def terms(text: str) -> frozenset[str]:
    """Return the terms of a text that say of what it speaks: each long word, and each two words beside each other."""
    words = [stem(word) for word in _WORD.findall(text.lower()) if stems(word)]
    told = [word if len(word) >= SHORTEST and word not in SIDES | _GENERAL else "" for word in words]
    pairs = {f"{a} {b}" for a, b in pairwise(told) if a and b}
    return frozenset(pairs | {word for word in told if len(word) >= LONG})


def _held(one: Evidence) -> frozenset[str]:
    return stems(f"{one.title} {one.section}\n{one.text}")


def missing(question: str, evidence: Sequence[Evidence]) -> list[str]:
    """Return the question's words that no passage speaks of, as the question has them and in its order."""
    held = frozenset[str]().union(*map(_held, evidence))
    lacking = asked_about(question) - held
    words = [word for word in _WORD.findall(question) if stems(word) & lacking]
    return list(dict.fromkeys(words))


def lacking(question: str, evidence: Sequence[Evidence]) -> list[str]:
    """Return what is missing: the words asked about that no passage holds, else such words of the side, else a passage.

    A word that any passage holds is never among them.
    """
    held = frozenset[str]().union(*map(_held, evidence))
    unsaid = missing(question, evidence) or [word for word in side_words(question) if not stems(word) & held]
    return unsaid or [PASSAGE]


def expired(evidence: Sequence[Evidence], today: date) -> list[Evidence]:
    """Return what is no longer valid today, in its order."""
    return [one for one in evidence if one.valid_until and one.valid_until < today.isoformat()]


def valid(evidence: Sequence[Evidence], today: date) -> tuple[list[Evidence], int]:
    """Return what is still valid today, of two editions of a document the newer, and how many were left out.

    Editions are told apart only where both say which they are: two notes of one title are two notes.
    """
    old = expired(evidence, today)
    current = [one for one in evidence if one not in old]
    newest: dict[str, str] = {}
    for one in current:
        if one.edition and one.title:
            newest[one.title] = max(newest.get(one.title, ""), one.date or one.edition)
    kept = [one for one in current if not (one.edition and one.title) or (one.date or one.edition) == newest[one.title]]
    return kept, len(evidence) - len(kept)
