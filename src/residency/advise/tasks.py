"""Which kinds of items each task is made of, which public tasks teach it here, and what a stage makes of a kind."""

from __future__ import annotations

from collections.abc import Iterator

from residency.core.errors import SourceError
from residency.corpus import benchmarks
from residency.evaluate.tasks import TASKS, Task

DOES = {
    "ner": ("extract",),
    "deid": ("extract",),
    "ie": ("extract", "tag"),
    "re": ("relate",),
    "cls": ("classify", "tag"),
    "nli": ("classify", "similar"),
    "qa": ("choice", "generate", "rubric"),
    "sum": ("generate", "rubric"),
    "dialogue": ("converse", "generate", "rubric"),
    "generation": ("generate", "rubric"),
}
"""The kinds of task (evaluate/tasks/form.py) that a task of the catalog's axis is put as."""
READ = {"extract": "tag", "classify": "classify", "relate": "relation"}
"""What an encoder learns of a kind (`train.encode.task`); of the other kinds a generator learns to write the answer."""
OPEN = {
    ("ner", "en"): ("ncbi_disease", "bc5cdr_chemical"),
    ("ner", "es"): ("deid_es",),
    ("deid", "en"): ("deid_en",),
    ("deid", "es"): ("deid_es",),
    ("ie", "en"): ("bc5cdr_chemical", "ncbi_disease"),
    ("ie", "es"): ("deid_es",),
    ("re", "en"): ("bc5cdr_relations",),
    ("cls", "en"): ("evidence_inference",),
    ("nli", "en"): ("evidence_inference",),
    ("qa", "en"): ("pubmedqa", "medquad"),
    ("sum", "en"): ("mts_dialog", "meqsum"),
    ("dialogue", "en"): ("mts_next_turn", "aci_next_turn"),
    ("generation", "en"): ("mts_dialog", "aci_bench"),
}
"""The public tasks with a training part that stand for a task in a language, the first that is here taken."""
FOR_PATIENTS = {"qa": ("medquad",), "sum": ("meqsum",), "generation": ("medquad",)}
"""Those that are written for patients, taken first where patients are served."""
EXAMINES = {("qa", "es"): "apollo_es", ("qa", "fr"): "apollo_fr", ("qa", "zh"): "apollo_zh"}
"""Public tasks without a training part: a model is examined on them and learns nothing from them."""
CLOSED = ("pubmedqa",)
"""Public tasks of kind choice that have the same options each time: an encoder learns them as classes."""
AS_WELL = {"ncbi_disease": "bc5cdr_disease"}
"""A second set with the same label, not learned from: what another source of texts costs."""
LIKE = {
    "deid_es": "identifiers of patients, and none of your own entities",
    "deid_en": "identifiers in made-up sentences",
    "evidence_inference": "what a trial's sentence says of an outcome, and none of your own classes",
    "ncbi_disease": "diseases in abstracts, and none of your own entities",
    "bc5cdr_chemical": "chemicals and drugs in abstracts, and none of your own fields",
    "bc5cdr_relations": "which chemical causes which disease in abstracts",
    "pubmedqa": "yes, no or maybe from an abstract",
    "medquad": "answers to consumers' questions by public institutes",
    "meqsum": "a consumer's message as one short question",
    "mts_dialog": "a section of a note from a made-up dialogue",
    "aci_bench": "a whole note from a made-up visit",
    "mts_next_turn": "the doctor's next turn in a made-up dialogue",
    "aci_next_turn": "the doctor's next turn in a made-up visit",
}
"""What is learned where such a set stands for data of one's own."""


def candidates(task: str, language: str, stakeholder: str = "") -> tuple[str, ...]:
    """Return the public tasks that teach a task in a language, the fittest first; none where there are none."""
    for_patients = FOR_PATIENTS.get(task, ()) if stakeholder == "patient" and language == "en" else ()
    return tuple(dict.fromkeys((*for_patients, *OPEN.get((task, language), ()))))


def sets_here() -> frozenset[str]:
    """Return the public tasks whose set is on this machine."""
    return frozenset(name for name, about in TASKS.items() if about.data and _is_here(about))


def _is_here(task: Task) -> bool:
    try:
        benchmarks.folder_of(task.data)
    except SourceError:
        return False
    return True


def legal_kinds(task: str) -> Iterator[str]:
    """Yield the kinds of a user's own task that make a task."""
    from residency.evaluate.tasks.form import KINDS

    yield from (kind for kind in DOES[task] if kind in KINDS)
