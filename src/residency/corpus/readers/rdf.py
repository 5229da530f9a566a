"""Ontologies and vocabularies in RDF as documents: one a class (OWL, RDFS) or concept (SKOS), name and definition.

Turtle, TriG, N-Triples, N-Quads and RDF/XML, by W3C's recommendations. What is said of a subject need not stand
together, and a file need not fit in memory: it is put together in a temporary SQLite table, which spills to disk.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from residency.core.types import Document
from residency.corpus.readers.guard import Given
from residency.corpus.readers.rdfstream import RELATIVE, triples
from residency.corpus.records import Bad, Left

_OWL, _RDFS = "http://www.w3.org/2002/07/owl#", "http://www.w3.org/2000/01/rdf-schema#"
_SKOS, _OBO = "http://www.w3.org/2004/02/skos/core#", "http://www.geneontology.org/formats/oboInOwl#"
_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_FIELDS = {
    _TYPE: "type",
    f"{_RDFS}label": "label",
    f"{_SKOS}prefLabel": "label",
    f"{_SKOS}altLabel": "EXACT",
    f"{_OBO}hasExactSynonym": "EXACT",
    f"{_OBO}hasBroadSynonym": "BROAD",
    f"{_OBO}hasNarrowSynonym": "NARROW",
    f"{_OBO}hasRelatedSynonym": "RELATED",
    f"{_SKOS}definition": "definition",
    "http://purl.obolibrary.org/obo/IAO_0000115": "definition",
    f"{_RDFS}comment": "comment",
    f"{_RDFS}subClassOf": "is_a",
    f"{_SKOS}broader": "is_a",
    f"{_OBO}hasDbXref": "xrefs",
    f"{_SKOS}exactMatch": "xrefs",
    f"{_SKOS}notation": "code",
    f"{_OBO}hasOBONamespace": "namespace",
    f"{_OWL}deprecated": "deprecated",
}
_TERMS = {f"{_OWL}Class", f"{_RDFS}Class", f"{_SKOS}Concept"}
_PURL = re.compile(r"http://purl\.obolibrary\.org/obo/([A-Za-z][A-Za-z0-9]*)_([A-Za-z0-9]+)")
_TOGETHER = 1000
_CACHE_KB = 32_000
_ADD = "INSERT INTO subject VALUES (?, ?) ON CONFLICT (iri) DO UPDATE SET said = said || ',' || excluded.said"
Said = tuple[str, str, str]


def read_rdf(given: Given) -> Iterator[Document | Bad | Left]:
    """Yield a class or concept each, in the order of first mention, after the Bads of what is broken in the file.

    The whole file is parsed before the first term is yielded: the limit of ``seconds`` has to be enough for that.
    ``id`` is the compact one for OBO's addresses (HP:0000118), else the IRI. A term is one document: in the language
    of ``given`` where it has such a label, else in that of its untagged label, English, or its first; its labels in
    others are in ``meta["labels"]``. Deprecated terms are left out, and so is what is no class and no concept.
    """
    with closing(sqlite3.connect("", isolation_level=None)) as table:  # a private file, in memory while it is small
        table.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        table.execute("PRAGMA journal_mode = OFF")
        table.execute("CREATE TABLE subject (iri TEXT UNIQUE, said TEXT)")
        table.execute("BEGIN")
        broken = 0
        for bad in _gather(given, table):
            broken += 1
            yield bad
        if not broken and table.execute("SELECT 1 FROM subject").fetchone() is None:
            yield given.bad("no class and no concept in it")
        limit = int(given.limits.record_mb * 1e6)
        for iri, size in table.execute("SELECT iri, length(said) FROM subject ORDER BY rowid"):
            if size > limit:
                yield given.bad(f"a term of more than {given.limits.record_mb:g} MB (limits: record_mb)")
                continue
            (said,) = table.execute("SELECT said FROM subject WHERE iri = ?", (iri,)).fetchone()
            yield _record(given, iri, json.loads(f"[{said}]"))


def _gather(given: Given, table: sqlite3.Connection) -> Iterator[Bad | Left]:
    """Put what is said of each named subject into the table; yield what is broken.

    A subject that is open where the file ends broken is left out: it may be incomplete.
    """
    import pyoxigraph

    named, literal = pyoxigraph.NamedNode, pyoxigraph.Literal
    subject, broken = None, False
    said: list[Said] = []
    for triple in triples(given):
        if broken := isinstance(triple, Bad):
            yield triple
            continue
        if type(triple.subject) is not named:
            continue
        if triple.subject != subject or len(said) == _TOGETHER:
            _put(table, subject, said)
            subject, said = triple.subject, []
        field = _FIELDS.get(triple.predicate.value)
        if field is not None:
            what = triple.object
            if type(what) is literal:
                said.append((field, what.value, what.language or ""))
            elif type(what) is named:
                said.append((field, what.value, ""))
    if broken and said:
        yield Left("term that is open where its file breaks off")
    elif not broken:
        _put(table, subject, said)


def _put(table: sqlite3.Connection, subject: Any, said: list[Said]) -> None:
    if said:
        table.execute(_ADD, (subject.value, json.dumps(said, ensure_ascii=False)[1:-1]))


def _record(given: Given, iri: str, said: list[Said]) -> Document | Left:
    """Return what is said of a subject as a document, or why it is none."""
    values: dict[str, list[Said]] = {}
    for row in said:
        values.setdefault(row[0], []).append(row)
    if not any(value in _TERMS for _, value, _ in values.get("type", ())):
        return Left("no class and no concept")
    if any(value in ("true", "1") for _, value, _ in values.get("deprecated", ())):
        return Left("obsolete term")
    labels = values.get("label", [])
    if not labels:
        return Left("term without a name")
    language = _language([tag for _, _, tag in labels], given.language)
    name, *others = _spoken(labels, language)
    definition = next(iter(_spoken([*values.get("definition", ()), *values.get("comment", ())], language)), "")
    synonyms = [{"text": text, "scope": "EXACT"} for text in others if text != name]
    for scope in ("EXACT", "BROAD", "NARROW", "RELATED"):
        synonyms += [{"text": text, "scope": scope} for text in _spoken(values.get(scope, []), language)]
    meta: dict[str, Any] = {
        "kind": "term",
        "name": name,
        "definition": definition,
        "synonyms": synonyms,
        "is_a": [compact(value) for _, value, _ in values.get("is_a", ())],
        "xrefs": [compact(value) for _, value, _ in values.get("xrefs", ())],
        "labels": {tag: text for _, text, tag in reversed(labels) if tag and _base(tag) != language},
        **{field: values[field][0][1] for field in ("code", "namespace") if field in values},
    }
    meta = {field: value for field, value in meta.items() if value}
    text = "\n\n".join(filter(None, (name, definition)))
    return given.document(compact(iri), text, language=language or given.language, meta=meta)


def compact(iri: str) -> str:
    """Return the compact form of an OBO address, such as HP:0000118; any other IRI as it is."""
    found = _PURL.fullmatch(iri)
    return f"{found[1]}:{found[2]}" if found else iri.removeprefix(RELATIVE)


def _base(tag: str) -> str:
    return tag.lower().partition("-")[0]


def _language(tags: list[str], wanted: str) -> str:
    """Return the language that a term is told in: the wanted one, none ("", untagged), English, or the first."""
    found = [_base(tag) for tag in tags]
    return next((choice for choice in (wanted, "", "en") if choice in found), found[0])


def _spoken(rows: list[Said], language: str) -> list[str]:
    """Return the texts in a language, then the untagged ones."""
    own = [text for _, text, tag in rows if tag and _base(tag) == language]
    return own + [text for _, text, tag in rows if not tag]
