"""The public medical tasks: for each the set it reads, how its items are put, and how an answer is scored.

Stakeholder and care are the axes of Garg et al. 2025 (arXiv 2504.17119). A set that has more than one question in it
(MEDEC, BC5CDR) is more than one task; what turns its items into the form of a kind stands here, next to the words.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from residency.evaluate.tasks.form import Item, asked_by
from residency.evaluate.tasks.task import Task

PAIRS, ANSWER = 12, 2000
"""Pairs of one consumer, and characters of an answer, at most."""
PROFESSIONALS, PATIENTS, RESEARCHERS, STUDENTS = "healthcare professionals", "patients", "researchers", "students"


def _error_flag(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        yield {**item, "label": "correct" if item["wrong"] is None else "error"}


def _error_place(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        if item["wrong"] is not None and len(item["sentences"]) <= len(string.ascii_uppercase):
            question = "Which of these sentences is wrong?"
            yield {**item, "question": question, "choices": item["sentences"], "answer": item["wrong"]}


def _error_mend(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        if item["wrong"] is not None:
            asked = f"{item['text']}\n\nThis sentence is wrong: {item['sentences'][item['wrong']]}"
            yield {**item, "input": asked, "reference": item["corrected"]}


def _preferred(items: Iterable[Item]) -> Iterator[Item]:
    """Yield pairs of answers to one consumer: one rated 3 or 4, and one rated two or more lower (the scale ends at 4).

    The consumer's words are not public; the prompt is the question that the better answer was written for. Of each
    consumer at most ``PAIRS`` pairs are drawn, by a hash of their ids.
    """
    groups: dict[str, list[Item]] = {}
    for item in items:
        if 0 < len(item["answer"]) <= ANSWER and item["question"].strip():
            groups.setdefault(item["group"], []).append(item)
    for group in groups.values():
        pairs = {
            f"{good['id']}:{bad['id'].rpartition(':')[2]}": (good, bad)
            for good in group
            for bad in group
            if good["rating"] >= 3 and good["rating"] - bad["rating"] >= 2 and good["answer"] != bad["answer"]
        }
        for key in sorted(pairs, key=lambda key: sha256(key.encode()).digest())[:PAIRS]:
            good, bad = pairs[key]
            yield {**good, "id": key, "input": good["question"], "chosen": good["answer"], "rejected": bad["answer"]}


def _sections(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        yield {**item, "input": f"{item['input']}\n\nSection: {item['meta']['section']}"}


def _caused(items: Iterable[Item]) -> Iterator[Item]:
    """Yield abstracts with the names that its concepts have there, so that a pair of phrases is a pair of concepts."""
    for item in items:
        text = item["text"]
        names: dict[str, str] = {}
        for entity in item["entities"]:
            for concept in entity["concepts"]:
                names.setdefault(text[entity["start"] : entity["end"]].lower(), concept)
        first = {concept: name for name, concept in reversed(names.items())}
        pairs = [[first[a], first[b]] for a, b in item["relations"] if a in first and b in first]
        yield {**item, "pairs": pairs, "concepts": names}


_JSON: dict[str, Any] = {"stop": ("]",), "keep_stop": True}
_FINDINGS = ("finding_f1", "contradiction")
_CONSULT: dict[str, Any] = {
    "stop": ("\nPatient:", "\nDoctor:"),
    "ask": asked_by("doctors-turn-1"),
    "beside": ("question_f1", "question_share", "question_share_recorded"),
}

# fmt: off
MED: tuple[Task, ...] = (
    Task("pubmedqa", "Med-QA", "choice", "accuracy", RESEARCHERS, "diagnosis", title="PubMedQA, with the abstract",
         data="pubmedqa", ask=asked_by("pubmedqa-1"),
         beside=("macro_f1",)),
    Task("medmcqa", "Med-QA", "choice", "accuracy", STUDENTS, "diagnosis", title="MedMCQA, the frozen test half of dev",
         data="medmcqa", ask=asked_by("exam-1")),
    *(Task(f"apollo_{code}", "Med-QA", "choice", "accuracy", STUDENTS, "diagnosis", title=f"Medical exams in {name}",
           data=f"apollo_{code}", ask=asked_by("exam-1", language=code))
      for code, name in (("zh", "Chinese"), ("es", "Spanish"), ("fr", "French"))),
    Task("icd10_coding", "Med-QA", "choice", "accuracy", PROFESSIONALS, "administration",
         title="Which ICD-10-CM code a term belongs to", data="icd10_coding", ask=asked_by("exam-1")),
    Task("evidence_inference", "Med-NLI", "classify", "macro_f1", RESEARCHERS, "treatment",
         title="What a trial's sentence says of an outcome", data="evidence_inference",
         ask=asked_by("trial-outcome-1", "decreased", "no difference", "increased")),
    Task("medec_flag", "Med-NLI", "classify", "macro_f1", PROFESSIONALS, "treatment",
         title="Is a note right or does it hold an error", data="medec", adapt=_error_flag,
         ask=asked_by("note-error-1", "correct", "error")),
    Task("medec_place", "Med-NLI", "choice", "accuracy", PROFESSIONALS, "treatment",
         title="Which sentence of a note is wrong", data="medec", adapt=_error_place, ask=asked_by("exam-1")),
    Task("ncbi_disease", "Med-IE", "extract", "entity_f1", RESEARCHERS, "diagnosis", 256, **_JSON,
         title="Diseases in abstracts (NCBI-disease)", data="ncbi_disease",
         ask=asked_by("diseases-1", "Disease")),
    Task("bc5cdr_chemical", "Med-IE", "extract", "entity_f1", RESEARCHERS, "treatment", 256, **_JSON,
         title="Chemicals in abstracts (BC5CDR)", data="bc5cdr",
         ask=asked_by("chemicals-1", "Chemical")),
    Task("bc5cdr_disease", "Med-IE", "extract", "entity_f1", RESEARCHERS, "diagnosis", 256, **_JSON,
         title="Diseases in abstracts (BC5CDR)", data="bc5cdr",
         ask=asked_by("diseases-1", "Disease")),
    Task("bc5cdr_relations", "Med-IE", "relate", "relation_f1", RESEARCHERS, "treatment", 256, ("]]",), True,
         title="Which chemical causes which disease (BC5CDR)", data="bc5cdr", adapt=_caused,
         ask=asked_by("chemical-causes-disease-1")),
    Task("deid_en", "Med-IE", "extract", "entity_f1", PROFESSIONALS, "administration", 256, **_JSON,
         title="Identifiers in English sentences (Presidio, synthetic)", data="presidio_synth",
         ask=asked_by("identifiers-en-1")),
    Task("deid_es", "Med-IE", "extract", "entity_f1", PROFESSIONALS, "administration", 1024, **_JSON,
         title="Identifiers in Spanish cases (MEDDOCAN)", data="meddocan",
         ask=asked_by("identifiers-es-1", language="es")),
    Task("mts_dialog", "Med-Gen", "generate", "rouge_l", PROFESSIONALS, "documentation", 128,
         title="A note section from a dialogue (MTS-Dialog)", data="mts_dialog", adapt=_sections, beside=_FINDINGS,
         ask=asked_by("note-section-1")),
    Task("aci_bench", "Med-Gen", "generate", "rouge_l", PROFESSIONALS, "documentation", 512,
         title="A whole note from a visit (ACI-Bench)", data="aci_bench", beside=_FINDINGS,
         ask=asked_by("visit-note-1")),
    Task("meqsum", "Med-Gen", "generate", "rouge_l", PATIENTS, "virtual health assistant", 48, ("\n",),
         title="A consumer's question in short (MeQSum)", data="meqsum",
         ask=asked_by("question-in-short-1")),
    Task("medquad", "Med-Gen", "generate", "rouge_l", PATIENTS, "virtual health assistant", 128,
         title="Answers for consumers (MedQuAD)", data="medquad", ask=asked_by("question-alone-1"), beside=_FINDINGS),
    Task("medec_mend", "Med-Gen", "generate", "rouge_l", PROFESSIONALS, "treatment", 64, ("\n",),
         title="The wrong sentence of a note, corrected", data="medec", adapt=_error_mend,
         ask=asked_by("sentence-mended-1")),
    Task("mts_next_turn", "Med-Gen", "converse", "rouge_l", PATIENTS, "virtual health assistant", 96, **_CONSULT,
         title="The doctor's next turn in a short dialogue (MTS-Dialog)", data="mts_next_turn"),
    Task("aci_next_turn", "Med-Gen", "converse", "rouge_l", PATIENTS, "virtual health assistant", 96, **_CONSULT,
         title="The doctor's next turn in a visit (ACI-Bench)", data="aci_next_turn"),
)
# fmt: on
JUDGED = Task(
    "medquad_preferred",
    "Alignment",
    "prefer",
    "accuracy",
    PATIENTS,
    "virtual health assistant",
    title="Which answer people judged better (MedQuAD, LiveQA-Med)",
    data="medquad_judged",
    adapt=_preferred,
)  # fmt: skip
"""Of no suite: what preference alignment is for, by the judgements of people and not by wording."""
_SUBJECTS = {
    "anatomy": "anatomy",
    "clinical_knowledge": "clinical knowledge",
    "college_biology": "college biology",
    "college_medicine": "college medicine",
    "medical_genetics": "medical genetics",
    "professional_medicine": "professional medicine",
}
# fmt: off
HUB: tuple[Task, ...] = (
    Task("medqa", "Med-QA", "choice", "accuracy", STUDENTS, "diagnosis", title="US licensing exam (MedQA)",
         data="medqa", ask=asked_by("exam-1")),
    *(Task(f"mmlu_{subject}", "Med-QA", "choice", "accuracy", STUDENTS, "diagnosis", title=f"MMLU, {words}",
           data=f"mmlu_{subject}", ask=asked_by("exam-1"))
      for subject, words in _SUBJECTS.items()),
)
# fmt: on
"""Those whose data comes from the Hugging Face hub: `residency data get NAME` fetches it."""
