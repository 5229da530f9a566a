"""Paths between nodes: the shortest ones whichever way the relations point, and those along relations that are named.

Breadth first, so that a cycle ends; what is looked at is bounded, so that a hub of a large graph does too. A path
along named relations is a meta-path: Sun 2011, PathSim: Meta Path-Based Top-K Similarity Search.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING

from residency.core.errors import UserError
from residency.core.legal import nearest
from residency.corpus.graph.facts import Fact
from residency.corpus.graph.terms import TEXTS

if TYPE_CHECKING:
    from residency.infer.graph.knowledge import KnowledgeGraph

LONGEST = 6
"""The most steps of a path."""
LOOKED_AT = 50_000
"""The most nodes that are looked at for one path."""
MOST_LISTED = 1000
"""The most paths of equal length that are put in order."""


@dataclass(frozen=True, slots=True)
class Step:
    """A fact as it is walked: ``back`` from its tail to its head."""

    fact: Fact
    back: bool = False

    @property
    def start(self) -> str:
        """The node that the step leaves."""
        return self.fact.tail if self.back else self.fact.head

    @property
    def end(self) -> str:
        """The node that the step reaches."""
        return self.fact.head if self.back else self.fact.tail


Path = tuple[Step, ...]
Into = dict[str, list[Step]]
"""Nodes with the steps by which they are first reached from an end; the end itself has none."""


def paths(
    graph: KnowledgeGraph, a: str, b: str, *, most: int = 5, relations: Sequence[str] | None = None
) -> list[Path]:
    """Return at most ``most`` paths from ``a`` to ``b``: without ``relations`` the shortest ones, of equal length.

    With ``relations`` each path takes exactly these, in this order; "^" before one walks it backwards, and "*" after
    one takes it any number of times, none too, by the shortest ways. Paths come by length, relations and nodes.
    An empty list: none within ``LONGEST`` steps. Raises UserError for a relation that the graph does not have.
    """
    if relations is not None:
        return _typed(graph, a, b, most, [_parsed(graph, relation) for relation in relations])
    return sorted(islice(_shortest(graph, a, b), MOST_LISTED), key=_order)[:most]


def _shortest(graph: KnowledgeGraph, a: str, b: str) -> Iterator[Path]:
    """Yield the shortest paths: both ends are widened in turn, the narrower first, until they meet."""
    into: tuple[Into, Into] = ({a: []}, {b: []})
    edges = [[a], [b]]
    for _ in range(LONGEST if a != b else 0):
        if not all(edges) or len(into[0]) + len(into[1]) > LOOKED_AT:
            return
        side = int(len(edges[1]) < len(edges[0]))
        reached: Into = {}
        for node in edges[side]:
            for step in steps(graph, node):
                if step.end not in into[side]:
                    reached.setdefault(step.end, []).append(step)
        into[side].update(reached)
        edges[side] = sorted(reached)
        if meet := sorted(reached.keys() & into[1 - side].keys()):
            for node in meet:
                for first, last in product(list(_ways(into[0], node)), list(_ways(into[1], node))):
                    yield (*first, *(Step(step.fact, not step.back) for step in reversed(last)))
            return


def _ways(into: Into, node: str) -> Iterator[Path]:
    """Yield the ways from an end to a node; of very many only some."""
    if not into[node]:
        yield ()
    for step in into[node][:MOST_LISTED]:
        for way in islice(_ways(into, step.start), MOST_LISTED):
            yield (*way, step)


def _order(path: Path) -> tuple:
    return (len(path), [(s.fact.relation, s.back) for s in path], [s.end for s in path])


def steps(graph: KnowledgeGraph, node: str, relation: str | None = None, *, back: bool | None = None) -> list[Step]:
    """Return the steps that leave a node: those to other nodes, not to texts; ``back`` only such or only others."""
    found: list[Step] = []
    if back is not True:
        found += [Step(fact) for fact in graph.facts_of(node, relation) if not fact.literal]
    if back is not False:
        found += [Step(fact, True) for fact in graph.facts_to(node, relation) if not fact.literal]
    return found


# --- along named relations -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Leg:
    relation: str
    back: bool
    any: bool


def _parsed(graph: KnowledgeGraph, said: str) -> _Leg:
    relation = said.strip().removeprefix("^").removesuffix("*").replace("_", " ").strip()
    known = [one for one in graph.relations if one not in TEXTS]
    if relation not in known:
        raise UserError(f"the graph has no relation {relation!r}; {nearest(relation, known)}")
    return _Leg(relation, said.strip().startswith("^"), said.strip().endswith("*"))


def _typed(graph: KnowledgeGraph, a: str, b: str, most: int, legs: Sequence[_Leg]) -> list[Path]:
    """Walk the legs one after another, keeping every way to a node that is as short as its shortest one."""
    ways: dict[str, list[Path]] = {a: [()]}
    for leg in legs:
        ways = _along(graph, ways, leg, most)
    found = [path for path in ways.get(b, ()) if path]
    return sorted(found, key=_order)[:most]


def _along(graph: KnowledgeGraph, ways: dict[str, list[Path]], leg: _Leg, most: int) -> dict[str, list[Path]]:
    reached = {node: list(found) for node, found in ways.items()} if leg.any else {}
    edge, seen = ways, set(ways)
    for _ in range(LONGEST if leg.any else 1):
        onward: dict[str, list[Path]] = {}
        for node in sorted(edge):
            for step in steps(graph, node, leg.relation, back=leg.back):
                if not (leg.any and step.end in seen):
                    onward.setdefault(step.end, []).extend((*path, step) for path in edge[node])
        edge = {node: sorted(found, key=_order)[:most] for node, found in onward.items()}
        seen |= edge.keys()
        for node, found in edge.items():
            reached.setdefault(node, []).extend(found)
        if not edge or len(seen) > LOOKED_AT:
            break
    return reached
