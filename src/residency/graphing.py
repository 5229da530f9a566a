"""The verb of knowledge graphs: load one, ask it in SPARQL, walk it, link and check against it, make one out of text.

Without ``--graph`` it is HPO with its disease annotations that is asked.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.arguments import number, whole, words
from residency.core.errors import SourceError, UserError
from residency.core.legal import Range
from residency.indexing import for_files, may_write

if TYPE_CHECKING:
    from residency.core.types import Document
    from residency.infer.graph import KnowledgeGraph

Answer = tuple[Any, str]
TAKES = {
    "show": ("", 0, 0),
    "load": ("FILE …", 1, None),
    "query": ("SPARQL", 1, 1),
    "path": ("FROM TO", 2, 2),
    "link": ("TEXT", 1, 1),
    "facts": ("QUESTION", 1, 1),
    "check": ("CLAIM", 1, 1),
    "extract": ("FILE …", 1, None),
}
"""What is done, what it is done to, and how many of these it takes at least and at most."""
FOR_ONE = {"out": ("load", "extract"), "licence": ("load",), "edition": ("load",), "model": ("extract",)}
FOR_ONE |= {"relations": ("path", "extract"), "embedder": ("link", "facts", "check"), "seconds": ("query",)}
ROWS, SECONDS = Range(least=1, most=100_000), Range(above=0, most=3600)


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add what is done with a graph, and to what."""
    text = "show (what the graph holds; default), load, query, path, link, facts, check or extract"
    one.add_argument("what", nargs="?", choices=[*TAKES], default="show", metavar="WHAT", help=text)
    text = "load: files or folders of OBO, OWL, RDF, phenotype.hpoa, CSV, TSV, JSONL; query: SPARQL (- reads it from "
    text += "standard input); path: two names or ids; link, facts, check: a text, in quotes; extract: files of text"
    one.add_argument("given", nargs="*", metavar="TEXT", help=text)
    text = "the folder of a loaded graph (default: hpo, HPO with its disease annotations)"
    one.add_argument("--graph", type=words, metavar="DIR", help=text)
    text = "load: the folder to write the graph to, which one there gives way to; extract: the table to write (JSONL)"
    one.add_argument("--out", type=words, metavar="PATH", help=text)
    one.add_argument("--licence", type=words, metavar="WORDS", help="load: the licence of the files")
    one.add_argument("--edition", type=words, metavar="DATE", help="load: their edition, where they do not say it")
    text = "path: the relations to walk, in order, such as 'has finding,is a*' (^ backwards, * any number of times); "
    text += "extract: the relations to look for"
    one.add_argument("--relations", type=words, metavar="A,B", help=text)
    text = f"at most N rows, paths or facts, {ROWS.legal} (default: 1000 rows, 5 paths, 10 facts)"
    one.add_argument("--most", type=whole(ROWS), metavar="N", help=text)
    text = f"query: how long it may take, {SECONDS.legal} (default: 10)"
    one.add_argument("--seconds", type=number(SECONDS), metavar="S", help=text)
    text = "link, facts, check: also link by meaning, with this embedder, such as minilm (its vectors are made once)"
    one.add_argument("--embedder", type=words, metavar="MODEL", help=text)
    one.add_argument("--model", type=words, metavar="MODEL", help="extract: who reads the texts, as for ask")


def graph(args: argparse.Namespace) -> Answer:
    """Load a graph, ask it, or make a table of triples out of texts."""
    _agree(args)
    actions: dict[str, Callable[[argparse.Namespace], Answer]] = {"show": _show, "load": _load, "query": _query}
    actions |= {"path": _path, "link": _link, "facts": _facts, "check": _check, "extract": _extract}
    return actions[args.what](args)


def _agree(args: argparse.Namespace) -> None:
    """Raise UserError where what is given does not go together, before anything is read."""
    called, least, most = TAKES[args.what]
    if len(args.given) < least or (most is not None and len(args.given) > most):
        texts = " (in quotes where it has spaces)" if least else ""
        raise UserError(
            f"{args.what} takes {called or 'nothing'}{texts}: residency graph {args.what} {called}".rstrip()
        )
    for name, takes in FOR_ONE.items():
        if getattr(args, name) is not None and args.what not in takes:
            raise UserError(f"--{name} goes with {' and '.join(takes)} alone, not with {args.what}")
    if args.what in FOR_ONE["out"] and not args.out:
        raise UserError(f"say where to write it: residency graph {args.what} {called} --out PATH")
    if args.what == "extract" and not args.model:
        raise UserError("say who reads the texts: residency graph extract FILE … --model smollm2-135m --out FILE.jsonl")
    if args.what == "load" and args.graph:
        raise UserError("load makes a graph of files alone; name the files of the other graph again, and --out")


def _opened(args: argparse.Namespace) -> KnowledgeGraph:
    from residency.infer.graph import open_graph

    embedder = None
    if args.embedder:
        from residency.models.load import load

        embedder = load(args.embedder)
    return open_graph(None if args.graph in (None, "hpo") else args.graph, embedder=embedder)


def _about(found: KnowledgeGraph) -> dict[str, Any]:
    return {"graph": str(found.path), "snapshot": found.snapshot}


# --- what is answered ------------------------------------------------------------------------------------------------


def _show(args: argparse.Namespace) -> Answer:
    """Return what a graph holds: its files, relations and snapshot."""
    found = _opened(args)
    return _told(found.path, found.about)


def _told(path: Path, about: dict[str, Any]) -> Answer:
    from residency.summary import table

    files = [[f["name"], f["edition"], str(f["facts"]), str(f["bad"]), f["licence"]] for f in about["files"]]
    counts = [[relation, str(count)] for relation, count in about["relations"].items()]
    parts = [f"{about['triples']} triples, {about['names']} names in {path}", f"snapshot {about['snapshot']}"]
    parts += [
        "",
        table(["file", "edition", "facts", "bad", "licence"], files),
        "",
        table(["relation", "triples"], counts),
    ]
    if about["acknowledgement"]:
        parts += ["", about["acknowledgement"]]
    return {"graph": str(path), **about}, "\n".join(parts)


def _load(args: argparse.Namespace) -> Answer:
    """Make a graph of files."""
    from residency.corpus.graph.build import build

    may_write(args.out, "--out", folder=True)
    out = Path(args.out)
    try:
        about = build(args.given, out, licence=args.licence or "unknown", edition=args.edition or "")
    except SourceError as error:
        raise SourceError(for_files(str(error))) from None
    return _told(out, about)


def _query(args: argparse.Namespace) -> Answer:
    """Answer SPARQL."""
    import sys

    from residency.summary import table

    found = _opened(args)
    sparql = sys.stdin.read() if args.given[0] == "-" else args.given[0]
    rows = found.query(sparql, seconds=args.seconds or 10.0, rows=args.most or 1000)
    shown = [["" if cell is None else cell for cell in row] for row in rows.rows]
    more = f"\nThere are more; --most N shows more than {len(shown)}." if rows.more else ""
    return {**_about(found), **asdict(rows)}, (table(rows.columns, shown) if shown else "no rows") + more


def _path(args: argparse.Namespace) -> Answer:
    """Walk from one node to another."""
    from residency.infer.graph.facts import evidence
    from residency.infer.graph.knowledge import known_node

    found = _opened(args)
    start, end = (known_node(found, said) for said in args.given)
    relations = [part.strip() for part in args.relations.split(",")] if args.relations else None
    paths = found.paths(start, end, most=args.most or 5, relations=relations)
    told = [[{**evidence(found, step.fact).told(), "back": step.back} for step in path] for path in paths]
    lines = [f"{n}. " + " ".join(step["text"] for step in path) for n, path in enumerate(told, 1)]
    why = None if paths else _why_no_path(found, args.given, (start, end), relations)
    document = {**_about(found), "from": start, "to": end, "paths": told, "why": why}
    return document, "\n".join(lines) or str(why)


def _why_no_path(
    found: KnowledgeGraph, given: Sequence[str], nodes: tuple[str, str], relations: Sequence[str] | None
) -> str:
    """Return why there is no path between two nodes, and which others are called as these are."""
    from residency.infer.graph.paths import LONGEST, LOOKED_AT, steps

    start, end = (f"{found.name(node)} ({node})" if found.name(node) != node else node for node in nodes)
    if nodes[0] == nodes[1] and not relations:
        return f"no path: both ends are {start}"
    alone = [told for told, node in ((start, nodes[0]), (end, nodes[1])) if not steps(found, node)]
    why = f"they are not connected within {LONGEST} steps (at most {LOOKED_AT:,} nodes are looked at)"
    why = f"they are not connected along {', then '.join(relations)}" if relations else why
    verb = "have" if len(alone) > 1 else "has"
    why = f"{' and '.join(alone)} {verb} no relation to another node" if alone else why
    others = {said: sorted({name.node for name in found.names.said(said)} - {*nodes}) for said in given}
    more = [f"{said} is also the name of {', '.join(ids[:5])}: give the id" for said, ids in others.items() if ids]
    return "; ".join([f"no path from {start} to {end}: {why}", *more])


def _link(args: argparse.Namespace) -> Answer:
    """Link a text's words to nodes."""
    from residency.summary import table

    found = _opened(args)
    linked = found.link(args.given[0])
    rows = [[args.given[0][one.start : one.end], one.node, one.name, one.how, f"{one.score:.2f}"] for one in linked]
    document = {**_about(found), "linked": [asdict(one) for one in linked]}
    return document, table(["words", "node", "name", "by", "score"], rows) if rows else "nothing is linked"


def _facts(args: argparse.Namespace) -> Answer:
    """Find the facts that bear on a question."""
    opened = _opened(args)
    found = opened.facts(args.given[0], k=args.most or 10)
    lines = [f"{one.text} [{one.source}]" for one in found.evidence]
    document = {**_about(opened), "facts": [one.told() for one in found.evidence], "why": found.why}
    return document, "\n".join(lines) or (found.why or "")


def _check(args: argparse.Namespace) -> Answer:
    """Hold a claim against the graph."""
    found = _opened(args)
    verdict = found.check(args.given[0])
    lines = [verdict.verdict + (f": {verdict.why}" if verdict.why else "")]
    lines += [f"  {one.text} [{one.source}]" for one in verdict.evidence]
    shown = [one.told() for one in verdict.evidence]
    return {**_about(found), "verdict": verdict.verdict, "why": verdict.why, "evidence": shown}, "\n".join(lines)


def _extract(args: argparse.Namespace) -> Answer:
    """Make a table of triples out of texts."""
    from residency.infer.graph.extract import RELATIONS, extract, write_table
    from residency.models.load import load

    may_write(args.out, "--out")
    found = _opened(args)
    relations = [part.strip() for part in args.relations.split(",")] if args.relations else RELATIONS
    refused: Counter[str] = Counter()
    unread: list[str] = []
    texts = _documents(args.given, unread)
    written = write_table(args.out, extract(texts, load(args.model), relations=relations, graph=found, refused=refused))
    counted = dict(sorted(refused.items()))
    lines = [f"{written} triples in {args.out}", *(f"not kept, {why}: {count}" for why, count in counted.items())]
    lines += [*(f"not read: {place}" for place in unread), "", f"residency graph load {args.out} --out GRAPH"]
    return {**_about(found), "table": args.out, "triples": written, "refused": counted, "unread": unread}, "\n".join(
        lines
    )


def _documents(paths: list[str], unread: list[str]) -> Iterator[Document]:
    """Yield the documents of files and folders; places of what could not be read are put into ``unread``."""
    from residency.core.types import Document
    from residency.corpus.readers import parts
    from residency.corpus.records import Bad

    for path in paths:
        for part in parts(path, source=Path(path).name, licence="unknown")[1]:
            for record in part():
                if isinstance(record, Document):
                    yield record
                elif isinstance(record, Bad):
                    unread.append(for_files(str(record)))
