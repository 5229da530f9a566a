"""A case: what a simulated patient says at first, what it tells when it is asked rightly, and the diagnosis behind it.

Cases are drawn from the annotations of a disease, each finding as often as it is seen in the disease, or taken from a
note of a simulated hospital with its coded rows. The same source, id and seed give the same case.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.core.errors import UserError
from residency.core.types import Document

OFTEN = {"Obligate": 1.0, "Very frequent": 0.895, "Frequent": 0.545, "Occasional": 0.17, "Very rare": 0.025}
"""The middle of what HPO's classes of frequency stand for (80 to 99, 30 to 79, 5 to 29, 1 to 4 of 100)."""
UNTOLD = 0.5
"""How often a finding is taken to be seen whose annotation does not say."""
MOST = 10
"""Facts of a case beside its complaint."""
FEWEST = 3
_SHARE = re.compile(r"(\d+)/(\d+)|(\d+(?:\.\d+)?)%")
AREAS = {
    "history": ("medical history", "past illness", "other conditions", "chronic", "diagnosed", "other diseases"),
    "medication": ("medication", "medicine", "drugs", "pills", "taking"),
    "allergy": ("allergic", "allergy"),
    "habits": ("smoke", "drink alcohol", "live", "work", "occupation"),
    "family": ("family", "parents", "relatives"),
}
"""Words of a question that ask for a whole area of a history."""
_PARTS = {
    "Past medical history": "history",
    "Medications at home": "medication",
    "Allergies": "allergy",
    "Social history": "habits",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something a patient can be asked about: how it is said, the names it goes by, and the words of its area."""

    id: str
    said: str
    names: tuple[str, ...]
    areas: tuple[str, ...] = ()
    present: bool = True


@dataclass(frozen=True, slots=True)
class Case:
    """A patient: what it comes for, the facts behind that, the diagnosis and the names it goes by."""

    id: str
    complaint: Fact
    facts: tuple[Fact, ...]
    diagnosis: str
    names: tuple[str, ...]
    document: Document


def of_disease(disease: Document, terms: Mapping[str, Document], *, seed: int = 0, most: int = MOST) -> Case | None:
    """Return a case of an annotated disease (a record of HPO), None where fewer than ``FEWEST`` findings are drawn.

    Each finding is there as often as it is annotated, at least its most frequent one; what the disease excludes can be
    asked for and is denied. ``terms`` are HPO's terms by id, whose synonyms a question may use.
    """
    rows = [row for row in disease.meta["phenotypes"] if row["hpo"] in terms]
    draws = {row["hpo"]: _draw(f"{seed}:{disease.id}:{row['hpo']}") for row in rows}
    there = [row for row in rows if not row["negated"] and draws[row["hpo"]] < often(row["frequency"])]
    there.sort(key=lambda row: (-often(row["frequency"]), draws[row["hpo"]]))
    if len(there) < FEWEST + 1:
        return None
    facts = [of_term(terms[row["hpo"]], terms) for row in there[: most + 1]]
    complaint = next((fact for fact in facts if _plain(terms[fact.id])), facts[0])
    absent = [of_term(terms[row["hpo"]], terms, present=False) for row in rows if row["negated"]]
    hidden = [*(fact for fact in facts if fact is not complaint), *absent]
    name = disease.meta["name"]
    return Case(f"{disease.id}:{seed}", complaint, tuple(hidden), name, (name,), disease)


def often(frequency: str) -> float:
    """Return how often an annotated finding is seen, 0 to 1, as HPO writes it: a class, "3/7" or "45%"."""
    if found := _SHARE.search(frequency):
        if found[3]:
            return min(float(found[3]) / 100, 1.0)
        return min(int(found[1]) / max(int(found[2]), 1), 1.0)
    return OFTEN.get(frequency, 0.0 if frequency == "Excluded" else UNTOLD)


def of_term(term: Document, terms: Mapping[str, Document], *, present: bool = True) -> Fact:
    """Return a finding of the ontology as a fact; it is said in a layperson's words where there are some."""
    exact = [one["text"] for one in term.meta["synonyms"] if one["scope"] == "EXACT" and not one["obsolete"]]
    areas = [terms[one].meta["name"] for one in term.meta["second_level"] if one in terms]
    names = tuple(dict.fromkeys([term.meta["name"], *exact]))
    return Fact(term.id, _plain(term) or term.meta["name"], names, tuple(_organ(name) for name in areas), present)


def _plain(term: Document) -> str:
    found = (one["text"] for one in term.meta["synonyms"] if one["layperson"] and one["scope"] == "EXACT")
    return next(found, "")


def _organ(name: str) -> str:
    """Return what an area is of: "Abnormality of the eye" is of the eye."""
    return re.sub(r"(?i)^abnormal(?:ity of|ities of)?\s*(?:the\s+)?|\s+(?:morphology|physiology)$", "", name)


def _draw(key: str) -> float:
    """Return a number from 0 to 1 that hangs on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64


# --- a note of a hospital --------------------------------------------------------------------------------------------


def of_note(note: Document) -> Case | None:
    """Return a case of a hospital's note: its chief complaint, what it tells of the history, the coded diagnosis.

    None where the note names no complaint, or its encounter has no coded diagnosis, or there is too little to ask for.
    """
    sections = dict(re.findall(r"^([A-Z][\w ]{2,40}): (.+)$", note.text, re.MULTILINE))
    complaints = _listed(sections.get("Chief complaint", ""), ",")
    coded = [row for row in note.meta.get("conditions", []) if row["category"] == "encounter-diagnosis"]
    if not complaints or not coded:
        return None
    facts = [Fact(one, one, (one,), ("symptoms", "complaints", "anything else")) for one in complaints[1:]]
    for title, area in _PARTS.items():
        facts += [_told(one, area) for one in _listed(sections.get(title, ""), ";")]
    facts += [_told(row["text"] or row["display"], "history") for row in _others(note, coded)]
    unique = {fact.id.lower(): fact for fact in reversed(facts) if fact.id.lower() != complaints[0].lower()}
    if len(unique) < FEWEST:
        return None
    names = tuple(dict.fromkeys(filter(None, (coded[0]["display"], coded[0]["text"]))))
    first = Fact(complaints[0], complaints[0], (complaints[0],))
    return Case(note.id, first, tuple(reversed(unique.values())), names[0], names, note)


def _listed(text: str, mark: str) -> list[str]:
    return [part.strip(" .") for part in text.split(mark) if part.strip(" .")]


def _told(text: str, area: str) -> Fact:
    name = re.sub(r"\s*[\[(][^\])]*[\])]", "", text).rpartition(": ")[2]
    return Fact(name, re.sub(r"\s*\[[^\]]*\]", "", text), (name,), AREAS[area])


def _others(note: Document, coded: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    codes = {row["code"] for row in coded}
    return [row for row in note.meta["conditions"] if row["code"] not in codes]


def need_cases(cases: Sequence[Case]) -> Sequence[Case]:
    """Return cases; UserError where there is none."""
    if not cases:
        raise UserError(
            "no case can be made of that: it takes a disease with annotated findings, or a note with a chief complaint"
        )
    return cases
