"""Questions drawn from a knowledge graph: which of four findings does the source list for a disease?

Question, answer and explanation all come from the graph, so each has a place that can be looked up. That a source does
not list a finding is no proof against it: the question asks what is listed, and says whose list it is.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from residency.corpus.graph.facts import Fact
from residency.corpus.graph.terms import DEFINITION, HAS, IS_A
from residency.corpus.make.support import stems
from residency.infer.graph.facts import evidence

if TYPE_CHECKING:
    from residency.infer.evidence import Evidence
    from residency.infer.graph.knowledge import KnowledgeGraph

ROOT = "HP:0000118"
"""HPO's root of findings; where a graph has it, what stands right below it are the topics."""
OPTIONS, TRIES, DEEP = 4, 40, 30
APART = 3
"""Steps up to what two options may have in common, at least: siblings and cousins are no fair choice for a student."""
ALIKE = 0.5
"""Share of the words of the shorter name from which two names say nearly the same."""


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
        wrong = _wrong(graph, disease, right, rng)
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


def _wrong(graph: KnowledgeGraph, disease: str, right: str, rng: random.Random) -> list[str]:
    """Return findings of other diseases that a student can tell from the right one and from each other; the source
    lists neither them nor anything above or below them for this disease. As near to the right one as that allows.
    """
    has = {fact.tail for fact in graph.facts_of(disease, HAS)}
    over = {node for one in has for node in graph.above(one)}
    tops = graph.above(ROOT).keys()
    around = sorted(graph.above(right).items(), key=lambda one: one[1])
    starts = [node for node, steps in around if steps > 1 or node in tops] or [right]
    for apart in (APART, APART - 1):
        found: list[str] = []
        for start in (node for node in starts for _ in range(TRIES)):
            node = _below(graph, start, rng)
            above = graph.above(node)
            told = all(_apart(graph, node, one, apart) for one in (right, *found))
            if told and node not in over and has.isdisjoint(above) and graph.facts_to(node, HAS, most=1):
                found.append(node)
            if len(found) == OPTIONS - 1:
                return found
    return []


def _apart(graph: KnowledgeGraph, one: str, other: str, steps: int) -> bool:
    """Return whether two findings are told from each other: far apart in the graph, and not called nearly the same."""
    above, beside, tops = graph.above(one), graph.above(other), graph.above(ROOT)
    common = above.keys() & beside.keys()
    if one in beside or other in above or any(above[node] + beside[node] < 2 * steps for node in common - tops.keys()):
        return False
    words, others = stems(graph.name(one)), stems(graph.name(other))
    return len(words & others) < ALIKE * max(1, min(len(words), len(others)))
