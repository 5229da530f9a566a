"""A knowledge graph that is open for questions: its nodes, facts and where each fact is from.

What is asked of it in more than a line has a file of its own: linking, paths, facts for a prompt, checks, SPARQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import SourceError
from residency.core.store import read_manifest
from residency.core.types import Model
from residency.corpus.graph.build import FORMAT
from residency.corpus.graph.facts import Fact
from residency.corpus.graph.names import Names
from residency.corpus.graph.origins import Origin, Origins
from residency.corpus.graph.rdf import fact_of
from residency.corpus.graph.terms import IS_A, NAME, address, predicates
from residency.infer.evidence import Evidence, Found

if TYPE_CHECKING:
    from residency.infer.graph.check import Verdict
    from residency.infer.graph.linking import Linked
    from residency.infer.graph.paths import Step
    from residency.infer.graph.sparql import Rows
    from residency.infer.graph.vectors import Vectors

MOST_EDGES = 50_000
"""How many facts of one node are looked at; the root of a large ontology has more, and they tell little."""


@dataclass(eq=False)
class KnowledgeGraph:
    """A graph of ``residency graph load``; ``snapshot`` is the hash of what it was made of.

    ``embedder``, where one is given, lets ``link`` find names that are spelt quite differently.
    """

    path: Path
    about: dict[str, Any]
    embedder: Model | None = None
    vectors: Vectors | None = field(default=None, repr=False)
    _called: dict[str, str] = field(default_factory=dict, repr=False)

    # --- questions -----------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> str:
        """The hash of the files that the graph was made of."""
        return str(self.about["snapshot"])

    def link(self, text: str) -> list[Linked]:
        """Return the nodes that a text mentions, in its order; see ``linking.link``."""
        from residency.infer.graph.linking import link

        return link(self, text)

    def paths(self, a: str, b: str, *, most: int = 5, relations: Sequence[str] | None = None) -> list[tuple[Step, ...]]:
        """Return shortest paths between two nodes, or those along given relations; see ``paths.paths``."""
        from residency.infer.graph.paths import paths

        return paths(self, a, b, most=most, relations=relations)

    def facts(self, question: str, *, k: int = 10) -> Found:
        """Return the facts that bear on a question, the most telling first; see ``facts.facts``."""
        from residency.infer.graph.facts import facts

        return facts(self, question, k=k)

    def check(self, claim: str) -> Verdict:
        """Return whether the graph supports or contradicts a claim, or does not know; see ``check.check``."""
        from residency.infer.graph.check import check

        return check(self, claim)

    def query(self, sparql: str, *, seconds: float = 10.0, rows: int = 1000) -> Rows:
        """Return what a SPARQL query finds, within limits; see ``sparql.query``."""
        from residency.infer.graph.sparql import query

        return query(self.path, sparql, seconds=seconds, rows=rows)

    def passage(self, key: str) -> Evidence | None:
        """Return the fact with this id as evidence; None where the graph does not say it (any more)."""
        from residency.infer.graph.facts import evidence

        head, _, rest = key.partition(" | ")
        relation, _, tail = rest.partition(" | ")
        fact = Fact(head, relation, tail) if head and relation and tail else None
        return evidence(self, fact) if fact and self.says(fact) else None

    # --- nodes and facts -----------------------------------------------------------------------------------------

    def name(self, node: str) -> str:
        """Return what a node is called (its id where the graph gives it no name)."""
        if node not in self._called:
            found = next(self._pattern(node, NAME), None)
            self._called[node] = found.tail if found else node
        return self._called[node]

    def code(self, name: str) -> str | None:
        """Return the node that is called so (by its name, then by a synonym), or whose id it is; None for neither."""
        if self.has(name):
            return name
        found = self.names.said(name)
        return found[0].node if found else None

    def has(self, node: str) -> bool:
        """Return whether the graph says anything of a node."""
        return next(self._pattern(node), None) is not None or next(self._towards(node), None) is not None

    def says(self, fact: Fact) -> bool:
        """Return whether the graph has a triple."""
        return any(found.tail == fact.tail for found in self._pattern(fact.head, fact.relation))

    def facts_of(self, node: str, relation: str | None = None) -> list[Fact]:
        """Return what is said of a node, texts included, in the order of relation and tail."""
        return sorted(set(self._pattern(node, relation)), key=lambda fact: fact.id)

    def facts_to(self, node: str, relation: str | None = None, *, most: int = MOST_EDGES) -> list[Fact]:
        """Return what is said of others with a node at the end, at most so many, in order."""
        found = {fact for fact, _ in zip(self._towards(node, relation), range(most), strict=False)}
        return sorted(found, key=lambda fact: fact.id)

    def above(self, node: str, relation: str = IS_A) -> dict[str, int]:
        """Return all that a node leads to by a relation with the steps it takes, itself at 0; a cycle ends."""
        steps, edge = {node: 0}, [node]
        while edge:
            tails = sorted({fact.tail for at in edge for fact in self._pattern(at, relation)} - steps.keys())
            steps |= {tail: steps[edge[0]] + 1 for tail in tails}
            edge = tails
        return steps

    @property
    def relations(self) -> dict[str, int]:
        """The relations of the graph with how many triples each has."""
        return dict(self.about["relations"])

    def origins(self, fact: Fact) -> list[Origin]:
        """Return where a fact is said, in order of file and line."""
        return self._origins.of(fact)

    def file(self, name: str) -> dict[str, Any]:
        """Return what is known of a file of the graph: licence, edition, hash."""
        return next((file for file in self.about["files"] if file["name"] == name), {})

    # --- the store -----------------------------------------------------------------------------------------------

    @cached_property
    def store(self) -> Any:
        """The RDF store (pyoxigraph's), read only."""
        import pyoxigraph

        return pyoxigraph.Store.read_only(str(self.path / "store"))

    @cached_property
    def names(self) -> Names:
        """The names of the nodes."""
        return Names(self.path / "names.db")

    @cached_property
    def _origins(self) -> Origins:
        return Origins(self.path / "origins.db")

    def _pattern(self, node: str, relation: str | None = None) -> Iterator[Fact]:
        from pyoxigraph import DefaultGraph, NamedNode

        verbs = [NamedNode(one) for one in predicates(relation)] if relation else [None]
        for verb in verbs:
            for quad in self.store.quads_for_pattern(NamedNode(address(node)), verb, None, DefaultGraph()):
                if fact := fact_of(quad):
                    yield fact

    def _towards(self, node: str, relation: str | None = None) -> Iterator[Fact]:
        from pyoxigraph import DefaultGraph, NamedNode

        verbs = [NamedNode(one) for one in predicates(relation)] if relation else [None]
        for verb in verbs:
            for quad in self.store.quads_for_pattern(None, verb, NamedNode(address(node)), DefaultGraph()):
                if fact := fact_of(quad):
                    yield fact


def open_graph(path: Path | str | None = None, *, embedder: Model | None = None) -> KnowledgeGraph:
    """Return a graph that was loaded to a folder; None: HPO with its disease annotations, built once into the cache.

    Raises SourceError where the folder holds no graph, or one of another version of Residency's.
    """
    if path is None:
        from residency.infer.graph.default import default_graph

        path = default_graph()
    path = Path(path)
    about = read_manifest(path)
    if about is None or about.get("stage") != "graph":
        raise SourceError(f"{path} is no graph; make one: residency graph load FILE … --out {path}")
    if about.get("format") != FORMAT:
        raise SourceError(
            f"{path} was made by another version; make it again: residency graph load FILE … --out {path}"
        )
    return KnowledgeGraph(path, about, embedder)


def known_node(graph: KnowledgeGraph, said: str) -> str:
    """Return the node that a person means by a name or an id. Raises SourceError with the nearest names."""
    if node := graph.code(said):
        return node
    alike = [name.text for name in graph.names.alike(said, most=5)]
    hint = f"; the most alike: {', '.join(dict.fromkeys(alike))}" if alike else ""
    raise SourceError(f"the graph has no node called {said!r}{hint}")
