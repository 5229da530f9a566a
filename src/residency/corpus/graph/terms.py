"""How nodes and relations are written: short ids and plain words for people, addresses (IRIs) in the store.

An id such as HP:0000118 stands for the address that OBO gives it; any other text is a node of its own name.
Addresses: OBO Foundry identifier policy, http://obofoundry.org/id-policy.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote

OBO = "http://purl.obolibrary.org/obo/"
NODE, RELATION = "urn:residency:node:", "urn:residency:relation:"
RDF, RDFS = "http://www.w3.org/1999/02/22-rdf-syntax-ns#", "http://www.w3.org/2000/01/rdf-schema#"
OIO, SKOS = "http://www.geneontology.org/formats/oboInOwl#", "http://www.w3.org/2004/02/skos/core#"
OWL = "http://www.w3.org/2002/07/owl#"
IS_A, NAME, SYNONYM, DEFINITION = "is a", "name", "synonym", "definition"
HAS, LACKS = "has finding", "lacks finding"
KNOWN: dict[str, tuple[str, ...]] = {
    IS_A: (f"{RDFS}subClassOf", f"{SKOS}broader"),
    NAME: (f"{RDFS}label", f"{SKOS}prefLabel"),
    SYNONYM: (f"{OIO}hasExactSynonym", f"{SKOS}altLabel"),
    "broad synonym": (f"{OIO}hasBroadSynonym",),
    "narrow synonym": (f"{OIO}hasNarrowSynonym",),
    "related synonym": (f"{OIO}hasRelatedSynonym",),
    "abbreviation": (f"{RELATION}abbreviation",),
    DEFINITION: (f"{OBO}IAO_0000115", f"{SKOS}definition"),
    "comment": (f"{RDFS}comment",),
    "also coded": (f"{OIO}hasDbXref", f"{SKOS}exactMatch"),
    "old id": (f"{OIO}hasAlternativeId",),
    "type": (f"{RDF}type",),
}
"""The address of relations that others name too: the first is written, all are read."""
CALLED = {NAME: 0, SYNONYM: 1, "abbreviation": 2, "narrow synonym": 3, "related synonym": 4, "broad synonym": 5}
"""The relations that give a node its names, the firmest first."""
TEXTS = frozenset({*CALLED, DEFINITION, "comment", "also coded", "old id"})
"""The relations whose other end is a text and no node."""
PREFIXES = {"obo": OBO, "rel": RELATION, "node": NODE, "rdf": RDF, "rdfs": RDFS, "owl": OWL}
PREFIXES |= {"skos": SKOS, "oio": OIO}
"""What a query may write short without saying so."""
_CURIE = re.compile(r"([A-Za-z][A-Za-z0-9]*):([A-Za-z0-9]+)")
_PURL = re.compile(re.escape(OBO) + r"([A-Za-z][A-Za-z0-9]*)_([A-Za-z0-9]+)")
_IRI = re.compile(r"(?:https?://|urn:)[^\s<>\"{}|^`\\]+")
_WRITTEN = {address: relation for relation, many in KNOWN.items() for address in many}


@lru_cache(maxsize=1 << 16)
def address(node: str) -> str:
    """Return the IRI of a node's id."""
    if short := _CURIE.fullmatch(node):
        return f"{OBO}{short[1]}_{short[2]}"
    return node if _IRI.fullmatch(node) else NODE + quote(node, safe="")


@lru_cache(maxsize=1 << 16)
def node_id(iri: str) -> str:
    """Return the id of an IRI: what ``address`` was made of."""
    if iri.startswith(NODE):
        return unquote(iri.removeprefix(NODE))
    found = _PURL.fullmatch(iri)
    return f"{found[1]}:{found[2]}" if found else iri


def is_named(node: str) -> bool:
    """Return whether an id is itself a name (a table's "heart failure"), and neither a code nor an address."""
    return not _CURIE.fullmatch(node) and not _IRI.fullmatch(node)


def predicate(relation: str) -> str:
    """Return the IRI that a relation is written with."""
    if relation in KNOWN:
        return KNOWN[relation][0]
    return relation if _IRI.fullmatch(relation) else RELATION + quote(relation.replace(" ", "_"), safe="")


def predicates(relation: str) -> tuple[str, ...]:
    """Return all IRIs that a relation is read from."""
    return KNOWN.get(relation) or (predicate(relation),)


@lru_cache(maxsize=1 << 12)
def relation_of(iri: str) -> str:
    """Return the plain words of a relation's IRI, those of its last part where we know no others."""
    if iri in _WRITTEN:
        return _WRITTEN[iri]
    if iri.startswith(RELATION):
        return unquote(iri.removeprefix(RELATION)).replace("_", " ")
    return iri


def words_of(relation: str) -> str:
    """Return a relation as it is said: of an address its last part."""
    last = re.split(r"[/#:]", relation)[-1] if _IRI.fullmatch(relation) else relation
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unquote(last)).replace("_", " ").lower()
