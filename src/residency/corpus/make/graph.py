"""Triples (head, relation, tail) out of ontology documents or a user's own table, and the graph that they make.

Nodes are known by id and shown by name; a triple remembers the document that says it, so that every row made of it can
be traced, split and left out with its source.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.store import read_jsonl
from residency.core.types import Document

IS_A, SYNONYM, DEFINITION = "is a", "synonym", "definition"
COLUMNS = (("head", "subject"), ("relation", "predicate"), ("tail", "object"))


@dataclass(frozen=True, slots=True)
class Triple:
    """A fact: ``head`` and ``tail`` are node ids (a text is its own id), ``source`` the id of what says it first."""

    head: str
    relation: str
    tail: str
    source: str = field(compare=False)


@dataclass(slots=True)
class Graph:
    """Facts with the names of their nodes and the documents that they come from; the order is that of reading."""

    triples: list[Triple] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    origins: dict[str, Document] = field(default_factory=dict)
    of: dict[str, list[Triple]] = field(default_factory=lambda: defaultdict(list))
    to: dict[str, list[Triple]] = field(default_factory=lambda: defaultdict(list))
    nameless: int = 0

    def add(self, triple: Triple) -> None:
        """Add a fact; the caller sees to it that none stands twice."""
        self.triples.append(triple)
        self.of[triple.head].append(triple)
        self.to[triple.tail].append(triple)

    def name(self, node: str) -> str:
        """Return what a node is called."""
        return self.names.get(node, node)

    def tails(self, head: str, relation: str) -> list[str]:
        """Return the ids that a node has a relation to."""
        return [t.tail for t in self.of.get(head, ()) if t.relation == relation]

    def heads(self, relation: str, tail: str) -> list[str]:
        """Return the ids that have a relation to a node."""
        return [t.head for t in self.to.get(tail, ()) if t.relation == relation]

    def above(self, node: str, relation: str = IS_A) -> set[str]:
        """Return all that a node leads to by a relation, over any number of steps, and itself."""
        seen, waiting = {node}, [node]
        while waiting:
            for tail in self.tails(waiting.pop(), relation):
                if tail not in seen:
                    seen.add(tail)
                    waiting.append(tail)
        return seen

    def siblings(self, node: str) -> list[str]:
        """Return what shares a parent with a node, in the order of reading; without the node."""
        found = (head for parent in self.tails(node, IS_A) for head in self.heads(IS_A, parent))
        return [other for other in dict.fromkeys(found) if other != node]

    def around(self, node: str, *, hops: int, most: int, rng: random.Random) -> list[Triple]:
        """Return at most ``most`` facts within ``hops`` steps of a node, the nearest first, neighbours drawn."""
        taken: dict[Triple, None] = {}
        edge, seen = [node], {node}
        for _ in range(hops):
            near = [t for at in edge for t in (*self.of.get(at, ()), *self.to.get(at, ())) if t not in taken]
            fresh = list(dict.fromkeys(near))
            for triple in rng.sample(fresh, min(len(fresh), most - len(taken))):
                taken[triple] = None
            reached = (end for t in taken for end in (t.head, t.tail))
            edge = [end for end in dict.fromkeys(reached) if end not in seen]
            seen.update(edge)
        return list(taken)


# --- from documents --------------------------------------------------------------------------------------------------


def graph_of(documents: Iterable[Document]) -> Graph:
    """Return the graph of ontology documents: HPO's, ICD-10-CM's, or what an OBO or RDF reader gives.

    A relation to a node that no document names is left out and counted in ``nameless``; a fact said twice counts once.
    """
    graph, facts = Graph(), dict[Triple, None]()
    for document in documents:
        graph.origins[document.id] = document
        graph.names[document.id] = _name(document)
        for triple in _facts(document):
            facts.setdefault(triple)
    for triple in facts:
        literal = triple.relation in (SYNONYM, DEFINITION, "includes", "excludes")
        if literal or triple.tail in graph.names:
            graph.add(triple)
        else:
            graph.nameless += 1
    return graph


def _name(document: Document) -> str:
    meta = document.meta
    if "code" in meta and "description" in meta:
        return f"{meta['description']} ({meta['code']})"
    return str(meta.get("name") or meta.get("title") or document.id)


def _facts(document: Document) -> Iterator[Triple]:
    meta, key = document.meta, document.id
    parents = [*_ids(meta.get("parents")), *_ids(meta.get("is_a")), *_ids(meta.get("parent"))]
    yield from (Triple(key, IS_A, parent, key) for parent in parents)
    for kind, target in _relations(meta):
        yield Triple(key, kind.replace("_", " "), target, key)
    for text in _synonyms(meta):
        yield Triple(key, SYNONYM, text, key)
    definition = str(meta.get("definition") or document.text)
    if meta.get("kind") == "term" and definition.strip() and definition != _name(document):
        yield Triple(key, DEFINITION, " ".join(definition.split()), key)
    for row in meta.get("phenotypes") or []:
        yield Triple(key, "lacks finding" if row.get("negated") else "has finding", row["hpo"], key)
    yield from (Triple(key, "includes", text, key) for text in _ids(meta.get("inclusion_terms")))
    yield from (Triple(key, "excludes", text, key) for text in _ids(meta.get("excludes1")))


def _ids(value: Any) -> list[str]:
    """Return ids, however a reader keeps them: one, a list, or with the name behind ``!`` as OBO writes it."""
    found = [value] if isinstance(value, str) else value or []
    parts = (part.get("id", "") if isinstance(part, dict) else str(part) for part in found)
    return [part.split(" ! ")[0].strip() for part in parts if part.strip()]


def _relations(meta: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (kind, id) of ``relationship``: "part_of X ! name", [kind, id], {"type", "target"} or {kind: ids}."""
    found = meta.get("relationship") or meta.get("relationships") or []
    if isinstance(found, dict):
        found = [(kind, one) for kind, ids in found.items() for one in _ids(ids)]
    for row in found:
        parts = [row.get("type", ""), row.get("target", "")] if isinstance(row, dict) else row
        parts = parts.split(" ! ")[0].split(None, 1) if isinstance(parts, str) else list(parts)
        if len(parts) == 2 and all(parts):
            yield str(parts[0]), str(parts[1]).strip()


def _synonyms(meta: dict[str, Any]) -> Iterator[str]:
    """Yield exact synonyms that are neither obsolete nor mere abbreviations, each once, and not the name itself."""
    seen = {str(meta.get("name", "")).casefold()}
    for row in meta.get("synonyms") or []:
        about = row if isinstance(row, dict) else {"text": str(row)}
        wrong = about.get("obsolete") or about.get("abbreviation") or about.get("scope", "EXACT") != "EXACT"
        text = " ".join(str(about.get("text", "")).split())
        if text and not wrong and text.casefold() not in seen:
            seen.add(text.casefold())
            yield text


# --- from a table ----------------------------------------------------------------------------------------------------


def graph_from(path: Path, *, licence: str = "unknown", language: str = "en") -> Graph:
    """Return the graph of a CSV, TSV or JSONL file: head, relation, tail (or subject, predicate, object).

    Raises SourceError with the lines that lack one of them.
    """
    graph, facts, wrong = Graph(), dict[Triple, None](), []
    for number, row in _rows(path):
        parts = [next((str(row[k]).strip() for k in names if row.get(k)), "") for names in COLUMNS]
        if not all(parts):
            wrong.append(str(number))
            continue
        key = f"{path.name}:{number}"
        triple = Triple(parts[0], parts[1].replace("_", " "), parts[2], key)
        if triple not in facts:
            facts[triple] = None
            graph.origins[key] = Document(key, "", path.name, licence, language)
    if wrong or not facts:
        what = f"no head, relation and tail in line {', '.join(wrong[:20])}" if wrong else "it holds no triple"
        raise SourceError(f"{path}: {what}; a line is head, relation, tail, in CSV or as JSON")
    for triple in facts:
        graph.add(triple)
    return graph


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from ((n, row if isinstance(row, dict) else {}) for n, row in enumerate(read_jsonl(path), 1))
        return
    with path.open(encoding="utf-8-sig", newline="") as handle:
        mark = "\t" if path.suffix.lower() == ".tsv" else ","
        reader = csv.DictReader(handle, delimiter=mark)
        yield from ((reader.line_num, {str(k).strip().lower(): v for k, v in row.items()}) for row in reader)
