"""Questions drawn from a knowledge graph: which of four findings does the source list for a disease?

Question, answer and explanation all come from the graph, so each has a place that can be looked up. That a source does
not list a finding is no proof against it: the question asks what is listed, and says whose list it is.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from residency.corpus.graph.facts import Fact
from residency.corpus.graph.terms import DEFINITION, HAS, IS_A
from residency.infer.graph.facts import evidence

if TYPE_CHECKING:
    from residency.infer.evidence import Evidence
    from residency.infer.graph.knowledge import KnowledgeGraph

ROOT = "HP:0000118"
"""HPO's root of findings; where a graph has it, what stands right below it are the topics."""
OPTIONS, TRIES, DEEP = 4, 40, 30


@dataclass(frozen=True, slots=True)
class Question:
    """A disease and findings to choose from, each as (id, name); one of them is listed."""

    disease: str
    name: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """What came of an answer: the options that the source lists, whether the chosen one is among them, and where."""

    question: Question
    chosen: str
    listed: tuple[str, ...]
    evidence: tuple[Evidence, ...]

    @property
    def right(self) -> bool:
        """Return whether the chosen finding is listed."""
        return self.chosen in self.listed


def topics(graph: KnowledgeGraph) -> list[tuple[str, str]]:
    """Return what questions may be about, as (id, name), by name; none where the graph has no root of findings."""
    found = {fact.head for fact in graph.facts_to(ROOT, IS_A)}
    return sorted(((node, graph.name(node)) for node in found), key=lambda one: one[1].casefold())


def draw(graph: KnowledgeGraph, topic: str, *, seed: int) -> Question | None:
    """Return a question about a node or what lies below it, the same for the same seed; None where none was found.

    A topic that is a disease itself is asked about.
    """
    rng = random.Random(seed)
    own = graph.facts_of(topic, HAS)
    for _ in range(TRIES):
        right = rng.choice(own).tail if own else _below(graph, topic, rng)
        diseases = [topic] if own else [fact.head for fact in graph.facts_to(right, HAS)]
        if not diseases:
            continue
        disease = rng.choice(diseases)
        wrong = _wrong(graph, disease, right if own else topic, rng)
        if len(wrong) == OPTIONS - 1:
            options = rng.sample([right, *wrong], OPTIONS)
            return Question(disease, graph.name(disease), tuple((one, graph.name(one)) for one in options))
    return None


def again(graph: KnowledgeGraph, disease: str, options: Sequence[str]) -> Question | None:
    """Return the question with this disease and these options, as a form sends it back; None where it is none."""
    if not 1 < len(options) <= OPTIONS or not all(map(graph.has, (disease, *options))):
        return None
    return Question(disease, graph.name(disease), tuple((one, graph.name(one)) for one in options))


def mark(graph: KnowledgeGraph, question: Question, chosen: str) -> Marked:
    """Return whether an answer is right, and the facts that say so, with what defines the finding."""
    said = [Fact(question.disease, HAS, node) for node, _ in question.options]
    listed = [fact for fact in said if graph.says(fact)]
    defined = [fact for one in listed for fact in graph.facts_of(one.tail, DEFINITION)]
    shown = tuple(evidence(graph, fact) for fact in (*listed, *defined))
    return Marked(question, chosen, tuple(fact.tail for fact in listed), shown)


def _below(graph: KnowledgeGraph, node: str, rng: random.Random) -> str:
    """Return a node below this one, drawn on the way down; the way ends at any step, later ones more often."""
    for step in range(DEEP):
        children = [fact.head for fact in graph.facts_to(node, IS_A)]
        if not children or (step > 1 and rng.random() < 0.3):
            return node
        node = rng.choice(children)
    return node


def _wrong(graph: KnowledgeGraph, disease: str, near: str, rng: random.Random) -> list[str]:
    """Return findings of other diseases, not listed for this one and neither above nor below one that is, none a kind
    of another; of the same topic where it has enough.
    """
    has = {fact.tail for fact in graph.facts_of(disease, HAS)}
    over = {node for one in has for node in graph.above(one)}
    found: dict[str, Any] = {}
    around = sorted(graph.above(near).items(), key=lambda one: one[1])
    for start in (node for node, _ in around for _ in range(TRIES)):
        node = _below(graph, start, rng)
        above = graph.above(node).keys()
        related = node in over or not has.isdisjoint(above) or any(one in above for one in found)
        kept = not related and not any(node in kinds for kinds in found.values())
        if kept and graph.facts_to(node, HAS, most=1):
            found[node] = above
        if len(found) == OPTIONS - 1:
            break
    return list(found)
