"""RDF and OWL as triples for the store: as they are, with nothing fetched, and what is broken counted.

Relations that OWL states through a blank node (part of some heart) are told as triples as well: afterwards, in the
store, since a file may say the two halves far apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from residency.corpus.graph.facts import Fact
from residency.corpus.graph.terms import KNOWN, OWL, RDF, RDFS, node_id, relation_of
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.readers.rdfstream import triples
from residency.corpus.records import Bad

ENDINGS = (".owl", ".rdf", ".ttl", ".nt", ".nq", ".trig", ".n3", ".xml", ".skos")
RESTRICTIONS = f"""SELECT ?head ?relation ?tail WHERE {{
  ?head <{RDFS}subClassOf> ?some . FILTER(isIRI(?head))
  ?some <{OWL}onProperty> ?relation ; <{OWL}someValuesFrom> ?tail .
  FILTER(isBlank(?some) && isIRI(?relation) && isIRI(?tail)) }}"""


def triples_of(path: Path) -> Iterator[Any | Bad]:
    """Yield a file's triples (pyoxigraph's), and Bads where it is broken.

    Blank nodes are told apart from those of other files by the parser; triples that a file keeps in named graphs are
    told without them.
    """
    import pyoxigraph

    given = Given(path, path.name, path.name, "", limits=Limits(seconds=86_400.0))
    for one in triples(given):
        if isinstance(one, Bad):
            yield one
        elif isinstance(one, pyoxigraph.Quad):
            yield one.triple
        else:
            yield one


_SCHEMA = (RDF, RDFS, OWL)


def fact_of(quad: Any) -> Fact | None:
    """Return a quad as a fact; None for a blank node, and for what only says how the ontology is written."""
    from pyoxigraph import Literal, NamedNode

    iri = quad.predicate.value
    relation = relation_of(iri)
    if relation == "type" or (relation not in KNOWN and iri.startswith(_SCHEMA)):
        return None
    if not isinstance(quad.subject, NamedNode) or not isinstance(quad.object, NamedNode | Literal):
        return None
    tail = node_id(quad.object.value) if isinstance(quad.object, NamedNode) else quad.object.value
    return Fact(node_id(quad.subject.value), relation, tail, literal=isinstance(quad.object, Literal))
