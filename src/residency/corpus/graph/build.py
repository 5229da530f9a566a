"""From files to a graph on disk: ``store/`` (RDF), ``names.db``, ``origins.db``, and ``manifest.json``, written last.

A triple stands once in the store, whoever says it; who does is in ``origins.db``. The whole is built beside its place
and renamed: a graph that is in use stays as it is until the new one is whole.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from residency.core.errors import SourceError
from residency.core.progress import say
from residency.core.store import atomic_path, read_manifest, sha256_file, sha256_json, write_manifest
from residency.corpus.graph import rdf
from residency.corpus.graph.facts import READERS, Fact
from residency.corpus.graph.names import Naming
from residency.corpus.graph.origins import Noting
from residency.corpus.graph.rdf import fact_of
from residency.corpus.graph.terms import CALLED, address, is_named, predicate, relation_of
from residency.corpus.records import Bad, Left

FORMAT = 3
"""Raised when the same files would give another graph."""
TOGETHER = 250_000
"""How many quads are sorted at a time: what bounds the memory."""
SHOWN = 20
MOST_BAD = 0.05


@dataclass(slots=True)
class File:
    """A file of a graph: ``bad`` counts what could not be read, ``left`` what was not wanted, by reason."""

    name: str
    sha256: str
    licence: str = "unknown"
    edition: str = ""
    facts: int = 0
    bad: int = 0
    places: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)


def build(
    sources: Sequence[Path | str],
    out: Path | str,
    *,
    licence: str = "unknown",
    edition: str = "",
    acknowledgement: str = "",
) -> dict[str, Any]:
    """Return the manifest of the graph made of files and folders of files: OBO, HPOA, RDF/OWL, CSV, TSV, JSONL.

    ``snapshot`` in it is the hash of what was read, whatever its order; a graph that stands at ``out`` is replaced.
    Raises SourceError where there is no file, where one is of no known kind, or where more than a twentieth is bad.
    """
    files = _files(sources)
    told = [File(name, sha256_file(path), licence, edition or _edition(path)) for name, path in files.items()]
    out = Path(out)
    if out.exists() and read_manifest(out) is None:
        raise SourceError(f"{out} exists and is no graph; name a folder that does not exist yet")
    with atomic_path(out) as folder:
        folder.mkdir()
        relations, names = _fill(folder, dict(zip(files.values(), told, strict=True)))
        manifest = {
            "stage": "graph",
            "format": FORMAT,
            "snapshot": snapshot(told),
            "triples": sum(relations.values()),
            "names": names,
            "relations": relations,
            "acknowledgement": acknowledgement,
            "files": [asdict(file) for file in told],
        }
        write_manifest(folder, **manifest)
    made = read_manifest(out)
    assert made is not None
    return made


def snapshot(files: Iterable[File]) -> str:
    """Return the hash of a graph of these files."""
    return sha256_json([FORMAT, sorted([file.name, file.sha256, file.licence] for file in files)])


def _files(sources: Sequence[Path | str]) -> dict[str, Path]:
    """Return the files by the name that they go by in the graph, sorted."""
    found: dict[str, Path] = {}
    for source in map(Path, sources):
        if not source.exists():
            raise SourceError(f"there is no {source}; give files or folders of {', '.join(_endings())}")
        inside = sorted(p for p in source.rglob("*") if p.is_file() and _ending(p)) if source.is_dir() else [source]
        for path in inside:
            if not _ending(path):
                raise SourceError(
                    f"{path} is no graph by its ending; legal: {', '.join(_endings())} (also with .gz: RDF)"
                )
            name = path.relative_to(source).as_posix() if source.is_dir() else path.name
            if found.setdefault(name, path) != path:
                raise SourceError(f"two files are called {name}; rename one, since it says where a triple is from")
    if not found:
        raise SourceError(f"no file of a graph in {', '.join(map(str, sources))}; legal: {', '.join(_endings())}")
    return dict(sorted(found.items()))


def _endings() -> list[str]:
    return [*READERS, *rdf.ENDINGS]


def _ending(path: Path) -> str:
    name = path.name.lower()
    plain = name.removesuffix(".gz")
    if plain.endswith(rdf.ENDINGS):
        return "rdf"
    return path.suffix.lower() if path.suffix.lower() in READERS else ""


def _edition(path: Path) -> str:
    """Return what a file's head calls its version; "" where it does not say."""
    if path.suffix.lower() not in (".obo", ".hpoa"):
        return ""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in islice(lines, 50):
            for mark in ("data-version:", "#version:"):
                if line.startswith(mark):
                    return line.removeprefix(mark).strip().rsplit("/", 1)[-1]
    return ""


# --- into the store --------------------------------------------------------------------------------------------------


def _fill(folder: Path, files: dict[Path, File]) -> tuple[dict[str, int], int]:
    """Return how many triples each relation has, and how many names there are, when all files have been read."""
    import pyoxigraph

    store = pyoxigraph.Store(str(folder / "store"))
    names, origins = Naming(folder / "names.db"), Noting(folder / "origins.db")
    primary: dict[str, str] = {}
    ordered = sorted(files.items(), key=lambda one: (_ending(one[0]) != ".obo", one[1].name))
    for key, (path, file) in enumerate(ordered):
        say(f"reading {file.name}")
        origins.file(key, file.name)
        rdf_file = _ending(path) == "rdf"
        triples = _of_rdf(path, file) if rdf_file else _of_facts(path, file, primary)
        quads = _noted(triples, key, names, origins)
        while piece := list(islice(quads, TOGETHER)):
            store.bulk_extend(piece)
        if rdf_file:
            store.bulk_extend(_noted(_restrictions(store), key, names, origins))
        _judge(path, file)
    counted = names.finish()
    origins.finish()
    store.flush()
    store.optimize()
    return _relations(store), counted


def _relations(store: Any) -> dict[str, int]:
    relations: Counter[str] = Counter()
    for row in store.query("SELECT ?p (COUNT(*) AS ?n) { ?s ?p ?o } GROUP BY ?p"):
        relations[relation_of(row["p"].value)] += int(row["n"].value)
    return dict(sorted(relations.items()))


def _judge(path: Path, file: File) -> None:
    if not file.facts or file.bad > MOST_BAD * (file.facts + file.bad):
        what = f"{file.bad} of {file.facts + file.bad} records are bad" if file.bad else "it holds no triple"
        places = f": {'; '.join(file.places)}" if file.places else ""
        raise SourceError(f"{path}: {what}{places}")


def _count(file: File, record: Bad | Left) -> None:
    if isinstance(record, Left):
        file.left[record.reason] = file.left.get(record.reason, 0) + record.count
        return
    file.bad += 1
    if len(file.places) < SHOWN:
        file.places.append(str(record))


def _of_facts(path: Path, file: File, primary: dict[str, str]) -> Iterator[tuple[Fact, Any]]:
    """Yield a file's facts as said, and as quads.

    ``primary`` has the term that took in an id: the facts of files that come after OBO's are told of that term.
    """
    from pyoxigraph import Literal, NamedNode, Quad

    verbs: dict[str, Any] = {}
    for said in _said(path):
        if not isinstance(said, Fact):
            _count(file, said)
            continue
        file.facts += 1
        if said.relation == "old id":
            primary.setdefault(said.tail, said.head)
        fact = _now(said, primary)
        verb = verbs.get(fact.relation)
        if verb is None:
            verb = verbs[fact.relation] = NamedNode(predicate(fact.relation))
        tail = Literal(fact.tail) if fact.literal else NamedNode(address(fact.tail))
        yield fact, Quad(NamedNode(address(fact.head)), verb, tail)


def _said(path: Path) -> Iterator[Fact | Bad | Left]:
    """Yield what a file says; SourceError where it is no text in UTF-8, or no table."""
    try:
        yield from READERS[path.suffix.lower()](path)
    except UnicodeDecodeError:
        raise SourceError(f"{path} is not UTF-8; save it as UTF-8") from None
    except csv.Error:
        raise SourceError(f"{path} is no table that can be read; write it anew as CSV or TSV in UTF-8") from None


def _now(fact: Fact, primary: dict[str, str]) -> Fact:
    """Return a fact with the ids that its ends go by now."""
    head, tail = primary.get(fact.head, fact.head), fact.tail if fact.literal else primary.get(fact.tail, fact.tail)
    return fact if (head, tail) == (fact.head, fact.tail) else replace(fact, head=head, tail=tail)


def _of_rdf(path: Path, file: File) -> Iterator[tuple[Fact | None, Any]]:
    """Yield a file's triples as facts (None: one with a blank node, or about the schema), and as quads."""
    from pyoxigraph import Quad

    for triple in rdf.triples_of(path):
        if isinstance(triple, Bad):
            _count(file, triple)
            continue
        file.facts += 1
        quad = Quad(triple.subject, triple.predicate, triple.object)
        yield fact_of(quad), quad


def _restrictions(store: Any) -> Iterator[tuple[Fact | None, Any]]:
    """Yield what OWL's restrictions in the store say, as far as it does not stand there yet."""
    from pyoxigraph import Quad

    for row in list(store.query(rdf.RESTRICTIONS)):
        quad = Quad(row["head"], row["relation"], row["tail"])
        if quad not in store:
            yield fact_of(quad), quad


def _noted(triples: Iterator[tuple[Fact | None, Any]], file: int, names: Naming, origins: Noting) -> Iterator[Any]:
    """Yield the quads; what they say of names, and who says it, is put down on the way."""
    for fact, quad in triples:
        if fact is not None:
            origins.add(fact, file)
            _name(fact, names)
        yield quad


def _name(fact: Fact, names: Naming) -> None:
    if fact.relation in CALLED:
        names.add(fact.head, fact.tail, fact.relation)
    if is_named(fact.head):
        names.add(fact.head, fact.head, "name")
    if not fact.literal and is_named(fact.tail):
        names.add(fact.tail, fact.tail, "name")
