"""The names of findings that written texts are searched for: those of the Human Phenotype Ontology, read once."""

from __future__ import annotations

from functools import cache

from residency.core.errors import SourceError
from residency.core.progress import say
from residency.corpus.hpo import acknowledgement, finding_names, read_hpo
from residency.evaluate.tasks import Task
from residency.measure.findings import Names, names_of

METRICS = ("finding_f1", "contradiction")


def wanted_by(task: Task) -> bool:
    """Return whether one of a task's metrics needs the findings of its texts."""
    return any(name in METRICS for name in (task.metric, *task.beside))


@cache
def known() -> Names | None:
    """Return the dictionary of findings; None, said once, where the ontology is not installed: not scored."""
    try:
        source = read_hpo()
        return names_of(finding_names(source), source.version)
    except SourceError as error:
        say(f"findings are not scored: {error}")
        return None


def protocol() -> str:
    """Return how findings are found, in words, for the protocol of the numbers that use them."""
    names = known()
    if names is None:
        return "findings not scored, since the ontology was not installed"
    how = f"findings are {len(names.concepts)} names of HPO as whole words, denied by a negation in their clause"
    return f"{how}. {acknowledgement(names.source)}"
