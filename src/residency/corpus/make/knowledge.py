"""Knowledge graphs to running text, questions and answers by templates, as BenTsao (Wang et al. 2023, arXiv 2304.06975)
makes instructions of a medical graph; there a model writes them, here it may reword them (``rewrite.rewritten``).

Nothing is said that the sub-graph does not hold. A "no" is asked for only where the graph says so: by a relation that
is stated completely (what is not above a term is not its kind), or by one that denies the other.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from residency.core.legal import AtLeastOne, Count, Range, Seed, file_of
from residency.core.settings import Flat
from residency.core.types import Document
from residency.corpus.make.graph import Graph, Triple, graph_from, graph_of
from residency.corpus.make.rows import Outcome, Refused, instruction, standing_on
from residency.corpus.make.wordings import Wordings, WordingsFile, read_wordings

TriplesFile = Annotated[Path, file_of("a CSV, TSV or JSONL file with head, relation, tail")]
Hops = Annotated[int, Range(least=0, most=4)]
Pattern = Literal["forward", "backward", "yes_no", "hops"]
PATTERNS: tuple[Pattern, ...] = ("forward", "backward", "yes_no", "hops")
TOO_MANY, NO_WORDING, NO_WRONG = (
    "too many to list",
    "the relation has no wording for it",
    "nothing near is known to be false",
)


@dataclass(frozen=True, slots=True)
class Given:
    """The user's own ``triples``, of which nothing else is known, and the wordings of relations."""

    # Your own graph; null: that of the documents.
    triples: TriplesFile | None = None
    # Your own words for relations; null: the ones that come with Residency.
    wordings: WordingsFile | None = None
    # The licence of what is made of your own file.
    licence: str = "unknown"
    # The language of your own file.
    language: str = "en"

    def read(self, documents: Iterable[Document]) -> tuple[Graph, Wordings]:
        """Return the graph of the triples, else of the documents, and how its relations are put into words."""
        if self.triples:
            path = Path(self.triples).expanduser()
            graph = graph_from(path, licence=self.licence, language=self.language)
        else:
            graph = graph_of(documents)
        return graph, read_wordings(self.wordings)


NOTHING = Given()


def graph_text(
    documents: Iterable[Document] = (),
    *,
    given: Flat[Given] = NOTHING,
    # How far around a node facts are taken from; 0: the node's own alone.
    hops: Hops = 0,
    # The most facts in a paragraph.
    facts: AtLeastOne = 12,
    # How many nodes are drawn; 0: all.
    count: Count = 0,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield a paragraph about each node: its own facts, or at ``hops`` above 0 those around it, at most ``facts``.

    The graph is that of ``triples``, else of the documents. ``count`` nodes are drawn (0: all).
    """
    graph, words = given.read(documents)
    for node in _drawn(list(graph.of), count, seed):
        rng = random.Random(f"{seed}:graph_text:{node}")
        near = graph.around(node, hops=hops, most=facts, rng=rng) if hops else graph.of[node][:facts]
        told = [triple for triple in near if words.of(triple.relation).text]
        if told:
            text = " ".join(_said(graph, words, triple, rng) for triple in told)
            meta = {"kind": "page", "title": graph.name(node), **_traced(graph, told)}
            yield standing_on(_bases(graph, told), f"{node}:graph_text", text, "graph_text", meta)
        else:
            yield Refused(NO_WORDING)


def graph_questions(
    documents: Iterable[Document] = (),
    *,
    given: Flat[Given] = NOTHING,
    # What is asked: the tails of a relation, its heads, a fact or a wrong one, or what lies some relations away.
    patterns: tuple[Pattern, ...] = PATTERNS,
    # How many relations away the last of these asks for.
    hops: Annotated[int, Range(least=2, most=4)] = 2,
    # The most answers that one question may list.
    listed: AtLeastOne = 10,
    # How many places in the graph each pattern is drawn at; 0: all.
    count: Count = 0,
    # What is drawn by; the seed of make, unless it is given here.
    seed: Seed = 0,
) -> Iterator[Outcome]:
    """Yield questions with answers as instruction rows; of each pattern ``count`` places in the graph (0: all).

    "forward" asks for all tails of a node's relation, "backward" for all heads (at most ``listed`` are listed),
    "yes_no" for a fact and for a wrong one from a node's siblings, "hops" for what lies ``hops`` relations away.
    """
    graph, words = given.read(documents)
    ways = list(dict.fromkeys((t.head, t.relation) for t in graph.triples))
    ends = list(dict.fromkeys((t.tail, t.relation) for t in graph.triples))
    for pattern in patterns:
        for node, relation in _drawn(ends if pattern == "backward" else ways, count, seed):
            rng = random.Random(f"{seed}:{pattern}:{node}:{relation}")
            if pattern == "yes_no":
                yield from _yes_no(graph, words, node, relation, rng)
            elif pattern == "hops":
                yield from _far(graph, words, node, relation, hops, listed, rng)
            else:
                yield _listing(graph, words, node, relation, pattern, listed, rng)


def _drawn(places: list, count: int, seed: int) -> list:
    """Return all places in order, or ``count`` of them drawn."""
    return random.Random(f"{seed}:places").sample(places, min(count, len(places))) if count else places


def _said(graph: Graph, words: Wordings, triple: Triple, rng: random.Random) -> str:
    names = {"head": graph.name(triple.head), "tail": graph.name(triple.tail)}
    return words.fill(triple.relation, "text", rng, **names)


def _bases(graph: Graph, facts: Sequence[Triple]) -> list[Document]:
    return [graph.origins[key] for key in dict.fromkeys(triple.source for triple in facts)]


def _traced(graph: Graph, facts: Sequence[Triple]) -> dict[str, list]:
    """Return what a row holds beside its text: the facts by name, and all nodes that it names, for splitting."""
    nodes = dict.fromkeys(node for t in facts for node in (t.head, t.tail) if node in graph.names or t.head == node)
    return {"facts": [[graph.name(t.head), t.relation, graph.name(t.tail)] for t in facts], "nodes": list(nodes)}


def _row(graph: Graph, key: str, facts: Sequence[Triple], question: str, answer: str, pattern: str) -> Document:
    meta = {"pattern": pattern, **_traced(graph, facts)}
    return instruction("graph_questions", key, _bases(graph, facts), question, answer, **meta)


def _listing(
    graph: Graph, words: Wordings, node: str, relation: str, pattern: str, listed: int, rng: random.Random
) -> Outcome:
    """Return the question for all tails of a head, or for all heads of a tail."""
    forward = pattern == "forward"
    near = graph.of[node] if forward else graph.to[node]
    facts = [t for t in near if t.relation == relation]
    if not getattr(words.of(relation), pattern):
        return Refused(NO_WORDING)
    if len(facts) > listed:
        return Refused(TOO_MANY, count=1)
    question = words.fill(relation, pattern, rng, **{"head" if forward else "tail": graph.name(node)})
    answer = _list(graph, [t.tail if forward else t.head for t in facts])
    return _row(graph, f"{node}:{pattern}:{relation}", facts, question, answer, pattern)


def _list(graph: Graph, nodes: Iterable[str]) -> str:
    text = "; ".join(graph.name(node) for node in nodes)
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _yes_no(graph: Graph, words: Wordings, node: str, relation: str, rng: random.Random) -> Iterator[Outcome]:
    """Yield a fact to be confirmed, and one to be denied."""
    if not words.of(relation).yes_no:
        yield Refused(NO_WORDING, count=2)
        return
    true = rng.choice([t for t in graph.of[node] if t.relation == relation])
    key, said = f"{node}:yes_no:{relation}", _said(graph, words, true, rng)
    question = words.fill(relation, "yes_no", rng, head=graph.name(node), tail=graph.name(true.tail))
    yield _row(graph, f"{key}:yes", [true], question, f"Yes. {said}", "yes_no")
    wrong = wrong_tails(graph, words, node, relation)
    if not wrong:
        yield Refused(NO_WRONG)
        return
    tail, denied = rng.choice(wrong)
    question = words.fill(relation, "yes_no", rng, head=graph.name(node), tail=graph.name(tail))
    stated = denied or true
    yield _row(graph, f"{key}:no", [stated], question, f"No. {_said(graph, words, stated, rng)}", "yes_no")


def wrong_tails(graph: Graph, words: Wordings, node: str, relation: str) -> list[tuple[str, Triple | None]]:
    """Return tails that are known to be false and lie near: those denied, each with the fact that denies it.

    Else, where the relation is stated completely, those of the node's siblings, or for "is a" its parents' siblings.
    """
    about = words.of(relation)
    if about.denied_by:
        return [(t.tail, t) for t in graph.of[node] if t.relation == about.denied_by]
    if not about.closed:
        return []
    true = graph.above(node, relation) | {node}
    near = graph.siblings(node)
    if relation == "is a":  # siblings share the parent: the wrong one is a parent's sibling
        return [(t, None) for t in dict.fromkeys(s for p in graph.tails(node, relation) for s in graph.siblings(p))
                if t not in true and node not in graph.above(t, relation)]  # fmt: skip
    return [(t, None) for t in dict.fromkeys(t for s in near for t in graph.tails(s, relation)) if t not in true]


def _far(
    graph: Graph, words: Wordings, node: str, relation: str, hops: int, listed: int, rng: random.Random
) -> Iterator[Outcome]:
    """Yield the questions for what lies ``hops`` relations away: all steps but the last must lead to one node only."""
    path, phrase, at = list[Triple](), graph.name(node), node
    for step in range(hops - 1):
        by = relation if step == 0 else next((t.relation for t in graph.of.get(at, ()) if words.of(t.relation).of), "")
        steps = [t for t in graph.of.get(at, ()) if t.relation == by and words.of(by).of]
        if len(steps) != 1 or steps[0].tail not in graph.of:
            return  # no such path begins here: nothing was asked for
        path, phrase, at = [*path, steps[0]], words.of(by).of.format(head=phrase, relation=by), steps[0].tail
    for last in dict.fromkeys(t.relation for t in graph.of[at]):
        facts = [t for t in graph.of[at] if t.relation == last]
        if not words.of(last).forward or last == "definition":
            continue
        if len(facts) > listed:
            yield Refused(TOO_MANY)
            continue
        question = words.fill(last, "forward", rng, head=phrase)
        chain = " ".join(_said(graph, words, t, rng) for t in (*path, *facts))
        answer = f"{chain} So: {_list(graph, [t.tail for t in facts])}"
        yield _row(graph, f"{node}:hops{hops}:{relation}:{last}", [*path, *facts], question, answer, "hops")
