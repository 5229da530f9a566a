"""The knowledge graph and the literature as tools: what they give is data, kept apart as evidence.

The graph and the search are handed in: a graph answers ``code``, ``link``, ``name``, ``facts``, ``check``, ``paths``
and ``query`` (``infer.graph``), a search is a function from words to what was found (``infer.retrieve``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from residency.infer.evidence import GRAPH, Evidence, Found
from residency.infer.tools.inputs import Refused, Text
from residency.infer.tools.tool import Result, Tool, Value

Search = Callable[[str], Found]
INTERACTIONS = ("interacts_with", "interacts with", "drug_interaction", "INTERACTS_WITH")
"""What a graph may call the relation of two medicines that interact."""
SECONDS, ROWS = 5.0, 50
"""The most that a query of the graph may take and give."""


def literature(search: Search) -> Tool:
    """Return the tool that searches passages."""

    def run(query: str) -> Result:
        return _of_found(search(query))

    return Tool("search_literature", "Search guidelines and papers for passages about a question",
                {"query": Text("what to look for, in words")}, run, kind="search")  # fmt: skip


def _of_found(found: Found) -> Result:
    count = Value("found", len(found.evidence))
    return Result((count,), evidence=tuple(found.evidence), snapshot=found.snapshot)


def graph_tools(graph: Any, *, interactions: Sequence[str] = INTERACTIONS) -> list[Tool]:
    """Return the tools of a graph; ``interactions`` are the relations that tell of medicines that interact."""
    name, other = Text("a disease, finding or medicine in words, or its code"), Text("another, in words or as its code")
    return [
        Tool("concept_code", "Look up the code of a finding or disease (HPO, OMIM, ORPHA) in the knowledge graph",
             {"name": name}, lambda name: _code(graph, name), kind="graph"),
        Tool("graph_facts", "Facts of the knowledge graph that bear on a question, such as findings of a disease",
             {"question": Text("the question in words")}, lambda question: _of_found(graph.facts(question)),
             kind="graph"),
        Tool("graph_check", "Check a claim about a disease and a finding against the knowledge graph",
             {"claim": Text("the claim as a sentence")}, lambda claim: _check(graph, claim), kind="graph"),
        Tool("graph_path", "How two things of the knowledge graph hang together (shortest paths)",
             {"start": name, "end": other}, lambda start, end: _paths(graph, start, end), kind="graph"),
        Tool("graph_query", "Ask the knowledge graph in SPARQL (read only)", {"sparql": Text("the query", most=1000)},
             lambda sparql: _query(graph, sparql), kind="graph"),
        Tool("interactions", "Whether two medicines are recorded to interact", {"first": name, "second": other},
             lambda first, second: _interact(graph, first, second, interactions), kind="graph"),
    ]  # fmt: skip


def _node(graph: Any, words: str, input: str) -> str:
    linked = None if (code := graph.code(words)) else next(iter(graph.link(words)), None)
    node = code or (linked.node if linked else None)
    if not node:
        raise Refused("no data", f"the graph knows nothing that is called so ({input})", input)
    return str(node)


def _code(graph: Any, name: str) -> Result:
    node = _node(graph, name, "name")
    text = f"{node} is called {graph.name(node)}."
    fact = Evidence(f"{node} | name", node, text, end=len(text), shelf=GRAPH)
    return Result((Value("code", node),), evidence=(fact,), snapshot=graph.snapshot)


def _check(graph: Any, claim: str) -> Result:
    verdict = graph.check(claim)
    said = verdict.verdict
    return Result((Value("verdict", said),), evidence=tuple(verdict.evidence), snapshot=graph.snapshot)


def _paths(graph: Any, start: str, end: str) -> Result:
    one, other = _node(graph, start, "start"), _node(graph, end, "end")
    steps = [step.fact for path in graph.paths(one, other, most=3) for step in path]
    keys = dict.fromkeys(f"{fact.head} | {fact.relation} | {fact.tail}" for fact in steps)
    facts = [fact for fact in map(graph.passage, keys) if fact]
    return Result((Value("found", len(facts)),), evidence=tuple(facts), snapshot=graph.snapshot)


def _query(graph: Any, sparql: str) -> Result:
    found = graph.query(sparql, seconds=SECONDS, rows=ROWS)
    lines = ["; ".join(f"{name}: {cell}" for name, cell in zip(found.columns, row, strict=True) if cell is not None)
             for row in found.rows]  # fmt: skip
    facts = [Evidence(f"query#{n}", "query", line, end=len(line), shelf=GRAPH) for n, line in enumerate(lines, 1)]
    return Result((Value("found", len(facts)),), evidence=tuple(facts), snapshot=graph.snapshot)


def _interact(graph: Any, first: str, second: str, relations: Sequence[str]) -> Result:
    """Return the recorded interactions of two medicines; Refused where the graph holds no interactions at all.

    That none is recorded never means that there is none, and is not said so.
    """
    held = [relation for relation in relations if relation in graph.relations]
    if not held:
        raise Refused("no data", "the graph holds no interactions of medicines: whether these interact is not known")
    one, other = _node(graph, first, "first"), _node(graph, second, "second")
    keys = [f"{a} | {relation} | {b}" for relation in held for a, b in ((one, other), (other, one))]
    facts = tuple(fact for fact in map(graph.passage, keys) if fact)
    if not facts:
        raise Refused("no data", "no interaction of the two is recorded here, which does not mean that there is none")
    return Result((Value("interaction", "recorded"),), evidence=facts, snapshot=graph.snapshot)
