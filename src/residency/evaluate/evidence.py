"""The same items with evidence: passages of an index before a question, a graph behind its options, or before it too.

What is found is found by the question's words alone, and a model's answers with it are held against its own without, on
the same items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import UserError
from residency.core.types import Example
from residency.infer.evidence import Evidence, Found, laid_before

if TYPE_CHECKING:
    from residency.evaluate.jobs import Job
    from residency.evaluate.tasks import Task

HPO = "hpo"
"""The graph that comes with Residency."""
FACTS = ("options", "before")
"""What a graph is for: to stand behind the options, where some are compared (else before it), or before."""
K = 5
"""Passages, and facts, that are laid before a question where nothing else is said."""
ASKED = ("choice", "classify", "tag", "similar", "extract", "relate", "generate", "converse", "rubric")
"""Kinds of task whose prompt evidence can be laid before."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is laid before each question: the ``k`` best passages of an index, found ``how``, and facts of a graph.

    With ``facts`` "options" the graph decides between options that it stands behind (``infer/graph/decide.py``), and is
    laid before the questions that have none: where options are compared, facts before a question mislead small models.
    ``snapshots`` are the hashes of both as they were when the evaluation began.
    """

    sources: str = ""
    graph: str = ""
    k: int = K
    how: str = "fused"
    snapshots: tuple[str, ...] = ()
    facts: str = FACTS[0]

    def __bool__(self) -> bool:
        return bool(self.sources or self.graph)

    @property
    def suffix(self) -> str:
        """Return what stands behind a model's name where it is shown this."""
        return ("+sources" if self.sources else "") + ("+graph" if self.graph else "")

    def told(self, kind: str = "", method: str = "likelihood") -> dict[str, Any]:
        """Return it as the protocol of a kind of task holds it."""
        names = [name for name, here in (("sources", self.sources), ("graph", self.graph)) if here]
        about = {name: getattr(self, name) for name in names} | {"k": self.k}
        about |= {"how": self.how} if self.sources else {}
        about |= {"facts": "behind the options" if self.decides(kind, method) else "before"} if self.graph else {}
        return {**about, "snapshots": dict(zip(names, self.snapshots, strict=False))} if self else {}

    def decides(self, kind: str, method: str) -> bool:
        """Return whether the graph stands behind the options of a kind of task, rather than before its question."""
        return bool(self.graph) and self.facts == FACTS[0] and kind == "choice" and method == "likelihood"


NONE = Grounds()


def grounds_of(sources: str = "", graph: str = "", *, k: int = K, how: str = "fused", facts: str = FACTS[0]) -> Grounds:
    """Return what is to be laid before questions, with its snapshots; UserError where there is nothing to search."""
    wanted = Grounds(sources and str(Path(sources).expanduser().resolve()), graph, k, how, facts=facts)
    if graph and graph != HPO:
        wanted = replace(wanted, graph=str(Path(graph).expanduser().resolve()))
    opened = _opened(wanted)
    if sources and not opened[0].about.get("passages"):
        raise UserError(f"the index {sources} holds no passage; build it with: residency index build {sources} FOLDER")
    if sources:
        opened[0].search("a", k=1, how=how)  # what cannot be searched so says it now
    return replace(wanted, snapshots=tuple(one.snapshot for one in opened))


@lru_cache(maxsize=2)
def _opened(grounds: Grounds) -> list[Any]:
    """Return the open index and graph, of those that are wanted."""
    found: list[Any] = []
    if grounds.sources:
        from residency.infer.retrieve import open_index

        found.append(open_index(Path(grounds.sources)))
    if grounds.graph:
        from residency.infer.graph import open_graph

        found.append(open_graph(None if grounds.graph == HPO else Path(grounds.graph)))
    return found


def search_of(grounds: Grounds, *, facts: bool = True) -> Callable[[str], list[Evidence]]:
    """Return what finds the evidence of a question, passages before facts; these only with ``facts``."""
    opened = _opened(replace(grounds, snapshots=()))

    def search(question: str) -> list[Evidence]:
        found: list[Found] = []
        if grounds.sources:
            found.append(opened[0].search(question, k=grounds.k, how=grounds.how))
        if grounds.graph and facts:
            found.append(opened[-1].facts(question, k=grounds.k))
        if grounds.snapshots and [some.snapshot for some in found] != list(grounds.snapshots[: len(found)]):
            raise UserError("the index or graph was changed while it was evaluated with; give the same command again")
        return [one for some in found for one in some.evidence]

    return search


def behind(task: Task, examples: Iterable[Example], grounds: Grounds) -> Iterator[Example]:
    """Yield each example with ``meta["behind"]``: for each option the node that its question names too, or None."""
    from residency.infer.graph.decide import named

    graph = _opened(replace(grounds, snapshots=()))[-1]
    if grounds.snapshots and graph.snapshot != grounds.snapshots[-1]:
        raise UserError("the graph was changed while it was evaluated with; give the same command again")
    for example in examples:
        options = example.meta.get("options") or example.choices  # where letters stand for them
        nodes = named(graph, question_of(task, example), options)
        held = {"unaided": example.prompt, **example.meta, "behind": nodes}
        held["evidence"] = [*example.meta.get("evidence", ()), *(node for node in nodes if node)]
        yield replace(example, meta=held)


def question_of(task: Task, example: Example) -> str:
    """Return the words that are searched for: the question or text itself, without options or instruction.

    Of a run's own items, whose ``meta`` knows the answer, it is the prompt as it is read.
    """
    if (task.data or task.own) and task.kind == "choice":
        return str(example.meta["text"])
    if (task.data or task.own) and example.meta.get("facts"):
        return "\n".join(example.meta["facts"])
    return example.prompt[-1]["content"]


def grounded(
    task: Task, examples: Iterable[Example], search: Callable[[str], list[Evidence]], fits: Callable[[Example], bool]
) -> Iterator[Example]:
    """Yield each example with its evidence before it, as much of the best as ``fits``; ``meta`` keeps the question.

    "evidence" are the ids of what is shown; it is empty where nothing was found, and the question stands alone.
    """
    for example in examples:
        found = search(question_of(task, example))
        made = with_evidence(example, found)
        while found and not fits(made):
            found = found[:-1]
            made = with_evidence(example, found)
        yield made


def with_evidence(example: Example, found: Sequence[Evidence]) -> Example:
    """Return an example with evidence before its last turn, and before each label that is asked for by itself."""
    prompt = laid_before(example.prompt, found)
    meta = {**example.meta, "evidence": [one.id for one in found], "unaided": example.prompt}
    if found and "applies" in example.meta:
        before, words, behind = example.meta["applies"]
        [laid] = laid_before([{"role": "user", "content": before}], found)
        meta["applies"] = [laid["content"], words, behind]
    return replace(example, prompt=prompt, meta=meta)


def in_pairs(plan: Iterable[Job], grounds: Grounds) -> Iterator[Job]:
    """Yield each job, and behind it the same with evidence, where its model reads a prompt that can hold some."""
    for job in plan:
        yield job
        if grounds and not job.source.reader and job.declaration().kind in ASKED:
            yield replace(job, state=job.state + grounds.suffix, protocol=replace(job.protocol, evidence=grounds))
