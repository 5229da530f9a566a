"""The way of evidence-based medicine round a cited answer: frame the question, search, grade, answer, see who is meant.

Sackett et al. 1996, Evidence based medicine: what it is and what it isn't. The answer itself is the cited one, from
evidence put in the order of its level; what was framed, searched and graded is told in ``Answer.about``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from residency.core.types import Model
from residency.infer.answer.cited import Search, answer
from residency.infer.answer.level import level_of
from residency.infer.answer.parts import Answer
from residency.infer.answer.pico import framed, searches
from residency.infer.evidence import Evidence, Found

CONSTANT = 60
"""Of reciprocal rank fusion (Cormack et al. 2009, Reciprocal Rank Fusion outperforms Condorcet)."""
_PEOPLE = {
    "children": re.compile(r"\b(?:child(?:ren)?|infants?|newborns?|pa?ediatric|toddlers?)\b", re.I),
    "adults": re.compile(r"\badults?\b", re.I),
    "old people": re.compile(r"\b(?:elderly|older (?:people|adults|patients)|geriatric)\b", re.I),
    "pregnancy": re.compile(r"\bpregnan(?:t|cy)\b", re.I),
    "animals": re.compile(r"\b(?:mice|mouse|rats?|rabbits?|dogs?|animal)\b", re.I),
}


def appraised(question: str, model: Model, search: Search, **settings: Any) -> Answer:
    """Return the cited answer from evidence in the order of its level; ``settings`` are those of ``answer``.

    ``about`` has the frame of the question, what was searched for, the level of each passage, and of those cited the
    people that they are about and the question is not.
    """
    pico = framed(question, model)
    asked = searches(question, pico)
    found = merged([search(text) for text in asked])
    levels = {one.id: level_of(one) for one in found.evidence}
    order = sorted(range(len(found.evidence)), key=lambda i: (levels[found.evidence[i].id].order, i))
    found = replace(found, evidence=[found.evidence[i] for i in order])
    given = answer(question, model, lambda _: found, **settings)
    cited = {c.evidence for one in given.sentences for c in one.citations}
    people = {one.id: others for one in given.evidence if one.id in cited and (others := other_people(question, one))}
    graded = {one.id: asdict(levels[one.id]) for one in given.evidence if one.id in levels}
    told = {"frame": pico.told(), "searched": list(asked), "levels": graded, "other_people": people}
    return replace(given, about={**given.about, **told})


def merged(found: Sequence[Found]) -> Found:
    """Return the finds of several searches as one, fused by reciprocal rank; equal ones by id."""
    marks: dict[str, float] = defaultdict(float)
    known: dict[str, Evidence] = {}
    for one in found:
        for place, evidence in enumerate(one.evidence):
            marks[evidence.id] += 1 / (CONSTANT + place + 1)
            known.setdefault(evidence.id, evidence)
    order = sorted(known, key=lambda key: (-marks[key], key))
    first = found[0]
    expired = max(one.expired for one in found)
    whys = dict.fromkeys(one.why for one in found if one.why and (one.expired or not order))
    return Found([known[key] for key in order], first.snapshot, expired, "; ".join(whys) or None)


def other_people(question: str, one: Evidence) -> list[str]:
    """Return the kinds of people that a passage is about and the question does not name: it may not apply."""
    return [kind for kind, words in _PEOPLE.items() if words.search(one.text) and not words.search(question)]
