"""What a file says, fact by fact, with the line that says it: ontologies in OBO, HPO's annotations, tables of triples.

RDF is not among them: its triples go into the store as they are (``rdf.py``).
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.store import read_jsonl
from residency.corpus.graph.terms import DEFINITION, HAS, IS_A, LACKS, NAME, SYNONYM, TEXTS
from residency.corpus.make.graph import COLUMNS
from residency.corpus.readers.guard import Given, in_utf8, lines
from residency.corpus.readers.obo import frame, stanzas
from residency.corpus.records import Bad, Left

KINDS = {"term": "Term", "relation": "Typedef"}
ASPECTS = {"P": HAS, "I": "has inheritance", "C": "has course", "M": "has modifier"}
"""HPO's annotations by what they are about; those of past medical history (H) are left out."""
_OFTEN = {"HP:0040280": "always", "HP:0040281": "very frequent", "HP:0040282": "frequent"}
_OFTEN |= {"HP:0040283": "occasional", "HP:0040284": "very rare", "HP:0040285": "excluded"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A triple of ids or, where it is ``literal``, of an id, a relation and a text; such a triple is the fact.

    ``line`` is where it is said; ``about`` what else is said of it there, such as ("frequency", "1/2").
    """

    head: str
    relation: str
    tail: str
    line: int | None = field(default=None, compare=False)
    about: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    literal: bool | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Take the tail as a text where its relation says so, unless told."""
        if self.literal is None:
            object.__setattr__(self, "literal", self.relation in TEXTS)

    @property
    def id(self) -> str:
        """The triple as one line of text."""
        return f"{self.head} | {self.relation} | {self.tail}"


Said = Iterator[Fact | Bad | Left]


def obo_facts(path: Path) -> Said:
    """Yield what an ontology in OBO says; obsolete terms, and stanzas that are neither term nor relation, are left."""
    given = Given(path, path.name, path.name, "")
    for line, kind, pairs in stanzas(lines(given), "utf-8" if in_utf8(given) else given.encoding):
        if isinstance(pairs, Bad | str):
            yield pairs if isinstance(pairs, Bad) else given.bad(pairs, line)
        elif kind in ("Term", "Typedef"):
            yield from _stanza(given, line, frame(pairs))
        elif kind:
            yield Left("stanza that is no term and no relation")


def _stanza(given: Given, line: int, term: dict[str, Any] | str) -> Said:
    if isinstance(term, str):
        yield given.bad(term, line)
    elif not term.get("id"):
        yield given.bad("the stanza has no id", line)
    elif term.get("obsolete"):
        yield Left("obsolete term")
    else:
        yield from dict.fromkeys(replace(fact, line=line) for fact in _term(term))


def _term(term: dict[str, Any]) -> Iterator[Fact]:
    key = term["id"]
    for part, relation in (("name", NAME), ("definition", DEFINITION), ("comment", "comment")):
        if text := " ".join(term.get(part, "").split()):
            yield Fact(key, relation, text)
    yield from (Fact(key, IS_A, parent) for parent in term.get("is_a", ()))
    yield from (Fact(key, kind.replace("_", " "), target) for kind, target in term.get("relationships", ()))
    yield from (Fact(key, "old id", other) for other in term.get("alt_ids", ()))
    yield from (Fact(key, "also coded", other) for other in term.get("xrefs", ()))
    for synonym in term.get("synonyms", ()):
        if (relation := _called(synonym)) and (text := " ".join(synonym["text"].split())):
            yield Fact(key, relation, text)


def _called(synonym: dict[str, str]) -> str:
    """Return the relation that a synonym stands in; "" for one that is no longer used."""
    kind = synonym.get("type", "").lower()
    if "obsolete" in kind:
        return ""
    if "abbreviation" in kind or "acronym" in kind:
        return "abbreviation"
    return SYNONYM if synonym["scope"] == "EXACT" else f"{synonym['scope'].lower()} synonym"


def hpoa_facts(path: Path) -> Said:
    """Yield what HPO's annotations (phenotype.hpoa) say of diseases: findings had and not had, inheritance, course.

    ``about`` has the frequency as said, the reference and the kind of evidence (PCS, TAS, IEA).
    """
    named: set[str] = set()
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.reader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        for line, cells in enumerate(rows, 1):
            if not cells or cells[0].startswith("#") or cells[0] == "database_id":
                continue
            if len(cells) != 12 or not all((cells[0], cells[1], cells[3])):
                yield Bad(path.name, line, "not the twelve columns of an annotation, or no disease or term in them")
                continue
            if cells[0] not in named:
                named.add(cells[0])
                yield Fact(cells[0], NAME, cells[1], line)
            yield _annotation(cells, line)


def _annotation(cells: list[str], line: int) -> Fact | Left:
    relation = ASPECTS.get(cells[10])
    if relation is None or (cells[2] == "NOT" and relation != HAS):
        return Left("annotation of past medical history, or a denied one that is no finding")
    often = _OFTEN.get(cells[7], cells[7])
    if often == "excluded" or often.startswith("0/"):
        relation = LACKS if relation == HAS else relation
    told = (
        ("reference", cells[4]),
        ("evidence", cells[5]),
        ("frequency", often),
        ("onset", cells[6]),
        ("sex", cells[8]),
    )
    about = tuple((key, value) for key, value in told if value)
    return Fact(cells[0], LACKS if cells[2] == "NOT" else relation, cells[3], line, about)


def table_facts(path: Path) -> Said:
    """Yield the facts of a CSV, TSV or JSONL file: head, relation, tail (or subject, predicate, object).

    Other columns that are not empty are said of the fact (``about``). A line without one of the three is bad.
    """
    main = {name for names in COLUMNS for name in names}
    for number, row in _rows(path):
        parts = [next((" ".join(str(row[k]).split()) for k in names if row.get(k)), "") for names in COLUMNS]
        if not all(parts):
            yield Bad(path.name, number, "no head, relation and tail")
            continue
        rest = sorted((key, value) for key, value in row.items() if key and key not in main and _plain(value))
        about = tuple((key.strip().lower().replace(" ", "_"), " ".join(str(value).split())) for key, value in rest)
        yield Fact(parts[0], parts[1].replace("_", " "), parts[2], number, about)


def _plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and str(value).strip() != ""


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from ((n, row if isinstance(row, dict) else {}) for n, row in enumerate(read_jsonl(path), 1))
        return
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.reader(handle, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        heads = [head.strip().lower() for head in next(reader, [])]
        if not all(any(name in heads for name in names) for names in COLUMNS):
            raise SourceError(f"{path}: its first line must name the columns head, relation, tail")
        for row in reader:
            if row:
                yield reader.line_num, dict(zip(heads, row, strict=False))


READERS: dict[str, Callable[[Path], Said]] = {
    ".obo": obo_facts,
    ".hpoa": hpoa_facts,
    ".csv": table_facts,
    ".tsv": table_facts,
    ".jsonl": table_facts,
    ".ndjson": table_facts,
}
"""Who reads a file, by its ending."""
