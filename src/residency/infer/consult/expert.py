"""A doctor that knows the annotations: asks what tells the diseases apart best, and concludes by what it has heard.

It knows only what HPO says how often, hears only what the patient tells, and shows what can be found by asking: the
bound for a model, and dialogues to learn from. Sequential diagnosis by Bayes' rule: Gorry and Barnett 1968, Experience
with a model of sequential diagnosis (Computers and Biomedical Research 1); findings count as independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from residency.core.types import Document
from residency.infer.consult.case import Case, often
from residency.infer.consult.consultation import TURNS, Consultation, is_named, take
from residency.infer.consult.patient import Linker, Patient, lowered

ELSEWHERE, SURE = 0.005, 0.95
"""How often a finding is seen in a disease that it is not annotated to; the probability from which nothing is asked."""
QUESTION = "Have you noticed {}?"


@dataclass(frozen=True, slots=True)
class Knowledge:
    """How often findings are seen in diseases, ``[diseases, findings]``, with the names of both."""

    diseases: tuple[str, ...]
    findings: tuple[str, ...]
    said: tuple[str, ...]
    often: np.ndarray


def knowledge_of(diseases: Sequence[Document], terms: Mapping[str, Document]) -> Knowledge:
    """Return what HPO's records say of some diseases; a finding is asked for by its first name."""
    rows = [[row for row in disease.meta["phenotypes"] if row["hpo"] in terms] for disease in diseases]
    findings = sorted({row["hpo"] for some in rows for row in some})
    place = {key: at for at, key in enumerate(findings)}
    table = np.full((len(diseases), len(findings)), ELSEWHERE)
    for at, some in enumerate(rows):
        for row in some:
            seen = 0.0 if row["negated"] else often(row["frequency"])
            table[at, place[row["hpo"]]] = np.clip(seen, ELSEWHERE, 1 - ELSEWHERE)
    names = tuple(disease.meta["name"] for disease in diseases)
    return Knowledge(names, tuple(findings), tuple(terms[key].meta["name"] for key in findings), table)


def telling(belief: np.ndarray, often: np.ndarray) -> np.ndarray:
    """Return the information (nats) that the answer about each finding gives of the disease: [findings]."""
    expected = belief @ often
    return _entropy(expected) - belief @ _entropy(often)


def _entropy(p: np.ndarray) -> np.ndarray:
    q = np.clip(p, 1e-12, 1 - 1e-12)
    found: np.ndarray = -(q * np.log(q) + (1 - q) * np.log(1 - q))
    return found


def heard(belief: np.ndarray, seen: np.ndarray, present: bool) -> np.ndarray:
    """Return the belief in each disease after a finding, seen in them so often, was affirmed or denied."""
    found = belief * (seen if present else 1 - seen)
    whole: np.ndarray = found / found.sum()
    return whole


def demonstrated(case: Case, knows: Knowledge, *, turns: int = TURNS, link: Linker | None = None) -> Consultation:
    """Return the consultation of a doctor who asks what tells most, until it is sure or ``turns`` are over.

    The diagnosis is the likeliest disease, with what speaks for it said behind.
    """
    patient = Patient(case, link)
    talk = Consultation(case, patient.opening)
    belief = np.full(len(knows.diseases), 1 / len(knows.diseases))
    place = {key: at for at, key in enumerate(knows.findings)}
    open_ones = np.ones(len(knows.findings), dtype=bool)
    for_it: list[str] = []

    def learn(key: str, present: bool) -> None:
        nonlocal belief
        if key in place and open_ones[place[key]]:
            open_ones[place[key]] = False
            belief = heard(belief, knows.often[:, place[key]], present)
            for_it.extend([knows.said[place[key]]] if present else [])

    learn(case.complaint.id, True)
    talk.why = "turns"
    for _ in range(turns):
        if belief.max() >= SURE or not open_ones.any():
            talk.why = "concluded"
            break
        at = int(np.where(open_ones, telling(belief, knows.often), -1.0).argmax())
        answer = take(talk, patient, QUESTION.format(lowered(knows.said[at])))
        for fact in (*answer.told, *answer.again):
            learn(fact.id, fact.present)
        learn(knows.findings[at], False)  # asked and not told: denied
    talk.diagnosis = knows.diseases[int(belief.argmax())]
    talk.right = is_named(talk.diagnosis, case)
    return talk


def closing_words(talk: Consultation) -> str:
    """Return what the doctor says last: the diagnosis, and what was told that led there."""
    told = {key for turn in talk.turns for key in turn.told}
    facts = [talk.case.complaint, *(fact for fact in talk.case.facts if fact.present and fact.id in told)]
    return f"Diagnosis: {talk.diagnosis}. You told me of: {'; '.join(lowered(fact.said) for fact in facts)}."
