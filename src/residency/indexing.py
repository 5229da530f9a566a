"""The verb of retrieval: make an index of documents, bring it up to date, take documents out, and search it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from residency.arguments import whole, words
from residency.core.errors import UserError
from residency.core.legal import Range
from residency.examine import Answer

ACTIONS = ("build", "update", "delete", "search", "show")
HOW = ("fused", "rrf", "bm25", "vector")
FOR_SOME: dict[str, tuple[str, ...]] = {
    "shelf": ("build",), "embedder": ("build",), "no_vectors": ("build",), "words": ("build",), "overlap": ("build",),
    "fresh": ("build",), "again": ("update",), "language": ("build", "search"), "source": ("delete", "search"),
    "how": ("search",), "k": ("search",), "patient": ("search",), "since": ("search",), "until": ("search",),
    "rerank": ("search",),
}  # fmt: skip
"""Options that only some actions take."""


IN_A_RECIPE = (
    ("; say which column is the text with columns: {text: COLUMN}", "; call the column of the text text"),
    ("; name the encoding with encoding: cp1252 (or other)", "; save it as UTF-8"),
    ("; name another with encoding: utf-8 (or other)", "; save it as UTF-8"),
)
"""What the readers advise that can be set in a recipe alone, and what is advised where files are given instead."""


def index(args: argparse.Namespace) -> Answer:
    """Build, update, delete from, search or show an index."""
    _agree(args)
    return {"build": _build, "update": _update, "delete": _delete, "search": _search, "show": _show}[args.what](args)


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add what is done to which index, with what."""
    text = (
        "build (from folders and files of any format), update (what changed in them), delete (documents), search, show"
    )
    one.add_argument("what", choices=ACTIONS, metavar="|".join(ACTIONS), help=text)
    one.add_argument("path", metavar="PATH", help="the index's folder")
    text = "build, update: folders and files; delete: documents, as a search shows them; search: the question"
    one.add_argument("items", nargs="*", metavar="FOLDER|FILE|DOCUMENT|QUESTION", help=text)
    text = "build: evidence (default; documents of a patient go to the chart shelf) or chart (no others are taken)"
    one.add_argument("--shelf", choices=("evidence", "chart"), metavar="SHELF", help=text)
    one.add_argument(
        "--embedder", type=words, metavar="MODEL", help="build: the encoder that makes vectors (default: minilm)"
    )
    one.add_argument("--no-vectors", action="store_true", help="build: search by words alone")
    text = "build: the language that words are stemmed by, and of texts that do not say theirs; search: only these, A,B"
    one.add_argument("--language", type=words, metavar="CODE", help=text)
    one.add_argument(
        "--words",
        type=whole(Range(least=20, most=2000)),
        metavar="N",
        help="build: the most words of a passage (default: 150)",
    )
    one.add_argument(
        "--overlap",
        type=whole(Range(least=0, most=1000)),
        metavar="N",
        help="build: words that neighbours share (default: 30)",
    )
    one.add_argument("--fresh", action="store_true", help="build: make an index anew that is there already")
    one.add_argument("--again", action="store_true", help="update: read all files again, changed or not")
    text = "search: only these sources, A,B; delete: all documents of these sources"
    one.add_argument("--source", type=words, metavar="A,B", help=text)
    one.add_argument(
        "--how", choices=HOW, metavar="HOW", help="search: fused (default), rrf (fused by rank), bm25 or vector"
    )
    one.add_argument(
        "--k", type=whole(Range(least=1, most=1000)), metavar="N", help="search: passages to show (default: 5)"
    )
    one.add_argument("--patient", type=words, metavar="ID", help="search: this patient's chart, and nothing else")
    one.add_argument(
        "--since", type=words, metavar="DATE", help="search: documents of this day, month or year, or later"
    )
    one.add_argument(
        "--until", type=words, metavar="DATE", help="search: documents of this day, month or year, or earlier"
    )
    text = "search: rank the first passages again by how likely this model finds the question after each"
    one.add_argument("--rerank", type=words, metavar="MODEL", help=text)


def _agree(args: argparse.Namespace) -> None:
    """Raise UserError where an option does not go with what is done, or what it is done with is missing."""
    for name, takes in FOR_SOME.items():
        if getattr(args, name, None) and args.what not in takes:
            raise UserError(f"--{name.replace('_', '-')} goes with {' and '.join(takes)}, not with {args.what}")
    if args.embedder and args.no_vectors:
        raise UserError("--embedder names what makes vectors, and --no-vectors wants none: give one of them")
    missing = {
        "build": "folders or files to index",
        "update": "the folders and files to look at",
        "search": "a question",
    }
    if args.what in missing and not args.items:
        raise UserError(f"give {missing[args.what]}: residency index {args.what} {args.path} …")
    if args.what == "search" and not " ".join(args.items).strip():
        raise UserError("the question is blank; write it out, in quotes where it has spaces")
    if args.what != "search" and not all(one.strip() for one in args.items):
        raise UserError(f"one of the names given to {args.what} is blank; write it out, in quotes where it has spaces")
    if args.what == "show" and args.items:
        raise UserError("show takes the index alone")


def may_write(out: str, called: str, *, folder: bool = False) -> None:
    """Raise UserError where a file (or a folder) cannot be made at ``out``, before any work is done for it."""
    import tempfile

    path = Path(out).expanduser()
    if path.exists() and path.is_dir() != folder:
        found, legal = ("a folder", "a file") if path.is_dir() else ("a file", "a folder")
        raise UserError(f"{called} {out}: there is {found} of that name; give the name of {legal}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path if path.is_dir() else path.parent):
            pass
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise UserError(f"{called} {out} cannot be written ({what}); choose a place that you may write to") from None


def for_files(reason: str) -> str:
    """Return why a file cannot be read with advice that holds where no recipe says how it is read."""
    for advice, instead in IN_A_RECIPE:
        reason = reason.replace(advice, instead)
    return reason


def _listed(words: str | None) -> list[str]:
    return [one.strip() for one in (words or "").split(",") if one.strip()]


def _build(args: argparse.Namespace) -> Answer:
    from residency.infer.retrieve import Cut, build

    sizes = {"words": args.words, "overlap": args.overlap}
    given = {name: value for name, value in sizes.items() if value is not None}
    if args.words is not None and args.overlap is None:
        given["overlap"] = min(Cut().overlap, args.words // 5)
    embedder = None if args.no_vectors else args.embedder or "minilm"
    shelf, cut = args.shelf or "evidence", Cut(**given)
    may_write(args.path, "the index", folder=True)
    return _told(
        build(args.items, args.path, shelf=shelf, embedder=embedder, language=args.language, cut=cut, fresh=args.fresh)
    )


def _update(args: argparse.Namespace) -> Answer:
    from residency.infer.retrieve import update

    return _told(update(args.path, args.items, again=args.again))


def _delete(args: argparse.Namespace) -> Answer:
    from residency.infer.retrieve import delete

    return _told(delete(args.path, args.items, sources=_listed(args.source)))


def _told(report: dict[str, Any]) -> Answer:
    """Return a report with its words."""
    report |= {name: list(map(for_files, report[name])) for name in ("bad_first", "still_bad_first") if name in report}
    shelves = ", ".join(f"{count} on the {name} shelf" for name, count in report["shelves"].items()) or "none"
    lines = [
        f"{report['documents']} documents ({shelves}) in {report['passages']} passages",
        f"{report['read']} files read ({report['changed']} of them changed), {report['unchanged']} as they were, "
        f"{report['removed']} gone; {report['seconds']} s",
    ]
    lines += [f"not read: {report['bad']}"] * bool(report["bad"]) + [f"  {one}" for one in report["bad_first"]]
    if report.get("still_bad"):
        lines.append(f"not read before, and as they were: {report['still_bad']} (--again reads them again)")
        lines += [f"  {one}" for one in report["still_bad_first"]]
    lines += [f"left out: {count} × {reason}" for reason, count in report["left_out"].items()]
    return report, "\n".join([*lines, f"snapshot {report['snapshot'][:16]}", f"index    {report['index']}"])


def _search(args: argparse.Namespace) -> Answer:
    from residency.infer.retrieve import by_likelihood, open_index
    from residency.models.load import load

    opened = open_index(args.path)
    if args.patient and not opened.has_patient(args.patient):
        raise UserError(f"{args.path} holds nothing of this patient; look at the id, and at what it was built of")
    found = opened.search(
        " ".join(args.items),
        k=args.k or 5,
        how=args.how or "fused",
        rerank=by_likelihood(load(args.rerank)) if args.rerank else None,  # type: ignore[arg-type]
        patient=args.patient,
        since=args.since,
        until=args.until,
        sources=_listed(args.source),
        languages=_listed(args.language),
    )
    document: dict[str, Any] = {"evidence": [one.told() for one in found.evidence], "snapshot": found.snapshot}
    document |= {"expired": found.expired, "why": found.why}
    lines = [f"{place_of(one)}\n{one.text}" for one in found.evidence]
    lines += [f"{found.expired} left out that are no longer valid"] * bool(found.expired)
    return document, "\n\n".join([*lines, *([found.why] if found.why else []), f"snapshot {found.snapshot[:16]}"])


def place_of(one: Any) -> str:
    """Return where a passage stands, in words: document, title, section, page, characters, edition, day."""
    parts = [one.document, one.title if one.title != one.section else "", one.section]
    parts += [f"page {one.page}" if one.page else "", f"characters {one.start}-{one.end}"]
    parts += [f"edition {one.edition}" if one.edition else "", one.date or ""]
    parts += [f"valid until {one.valid_until}" if one.valid_until else ""]
    return ", ".join(part for part in parts if part)


def _show(args: argparse.Namespace) -> Answer:
    from residency.infer.retrieve import open_index

    about = {"index": str(Path(args.path)), **open_index(args.path).about}
    made = about["embedder"]
    lines = [f"{about['documents']} documents in {about['passages']} passages"]
    lines += [f"{name}: {', '.join(f'{one} {count}' for one, count in about[name].items())}"
              for name in ("shelves", "sources", "languages") if about[name]]  # fmt: skip
    lines += [f"days: {about['oldest']} to {about['newest']}"] * bool(about["newest"])
    lines += [f"vectors: {made['name']} ({made['hash'][:12]})" if made else "vectors: none, words alone"]
    return about, "\n".join([*lines, f"snapshot {about['snapshot'][:16]}"])
