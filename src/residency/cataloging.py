"""The verb of the catalog: ask it, show an entry, check a folder of entries, place a model, draw the page and the gaps.

Of what is asked for, only that part of the catalog is imported: a query takes half a second.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import UserError
from residency.examine import Answer

if TYPE_CHECKING:
    from residency.catalog.entries import Catalog, Entry
    from residency.catalog.query import Found, Query

COLUMNS = {
    "models": ("sizes", "tasks", "access", "release", "named"),
    "datasets": ("tasks", "form", "languages", "access", "named"),
    "methods": ("kind", "tasks", "release", "named"),
    "metrics": ("tasks", "better", "named"),
}
"""What the table of a kind shows beside the name; cells that were asked about come after."""
ACTIONS = ("check", "place", "page", "gaps")
FOR_ONE = {"path": ("check", "place"), "out": ("page", "gaps"), "runs": ("page",)}
"""Arguments that only some actions take."""


def catalog(args: argparse.Namespace) -> Answer:
    """Ask the catalog, show an entry, check it, place a model on its axes, draw it, or list its gaps."""
    from residency.catalog.wanted import ASKED

    _agree(args)
    actions = {"check": _check, "place": _place, "page": _page, "gaps": _gaps}
    if args.what in actions:
        return actions[args.what](args)
    loaded = _load(args)
    if not args.what:
        return _overview(loaded)
    return _asked(loaded, args.what, wished(args)) if args.what in ASKED else _shown(loaded, args.what)


def wished(args: argparse.Namespace) -> Query:
    """Return the wishes of a command; lists are given with commas."""
    from dataclasses import fields

    from residency.catalog.query import Query

    given = {field.name: value for field in fields(Query) if (value := getattr(args, field.name, None))}
    lists = {field.name for field in fields(Query) if field.type.startswith("tuple")}
    split = {name: tuple(one.strip() for one in given[name].split(",") if one.strip()) for name in lists & {*given}}
    return Query(**{**given, **split})


def _agree(args: argparse.Namespace) -> None:
    """Raise UserError where an option does not go with what is asked for."""
    from residency.catalog.wanted import ASKED, option

    wishes = wished(args).wishes
    if wishes and args.what not in ASKED:
        listed = ", ".join(map(option, wishes))
        raise UserError(f"{listed}: of what? residency catalog {'|'.join(ASKED)} {option(next(iter(wishes)))} …")
    for name, takes in FOR_ONE.items():
        if getattr(args, name) and args.what not in takes:
            called = name if name == "path" else f"--{name}"
            raise UserError(f"{called} goes with {' and '.join(takes)} alone, not with {args.what or 'the overview'}")
    if args.what == "page" and not args.out:
        raise UserError("say where to write the page: residency catalog page --out FILE.html")
    if args.what == "place" and not args.path:
        raise UserError("say what to place: residency catalog place runs/latest, or a model card's file or folder")


def _load(args: argparse.Namespace) -> Catalog:
    from residency.catalog.entries import load

    return load(more=_folder(args.more))


def _folder(name: str | None) -> Path | None:
    if name and not Path(name).is_dir():
        raise UserError(f"there is no folder {name}; a folder of entries holds models/, datasets/, methods/ and so on")
    return Path(name) if name else None


# --- what is answered ------------------------------------------------------------------------------------------------


def _overview(loaded: Catalog) -> Answer:
    """Return what the catalog holds, by kind and mark, and the values of its axes."""
    from residency.catalog.entries import MARKS
    from residency.catalog.show import counts, table

    found = counts(loaded)
    rows = [[kind, *map(str, count.values())] for kind, count in found.items()]
    legend = "; ".join(f"{mark} {words}" for mark, words in MARKS.items())
    axes = {name: list(values) for name, values in loaded.axes.items()}
    lines = "\n".join(f"  {name.ljust(12)} {', '.join(values)}" for name, values in axes.items())
    steps = "residency catalog models --task ner --max-params 3B\nresidency catalog biogpt"
    sources = len(loaded.entries["sources"])
    words = f"{table(['', 'entries', *MARKS, 'weak'], rows)}\n"
    words += f"The letters count values by what they rest on: {legend}. {sources} sources."
    return {"counts": found, "sources": sources, "axes": axes}, f"{words}\n\nThe axes:\n{lines}\n\nNext:\n{steps}"


def _asked(loaded: Catalog, kind: str, query: Query) -> Answer:
    """Return what fits a query, as (a document, words)."""
    from residency.catalog.query import answer
    from residency.catalog.show import entry_document, group_document, group_words, groups

    found = answer(loaded, kind, query)
    document: dict[str, Any] = {"kind": kind, "asked": query.wishes, "count": len(found.entries)}
    if kind == "results":
        grouped = groups(loaded, found.entries)
        document["groups"] = [group_document(loaded, group) for group in grouped]
        words = "\n\n".join(group_words(loaded, group) for group in grouped)
    else:
        document["entries"] = [entry_document(entry) for entry in found.entries]
        words = _table(loaded, kind, query, found.entries)
    document |= {"left_out": found.left_out, "undecided": found.undecided}
    return document, "\n\n".join(part for part in (words, _told(loaded, kind, query, found)) if part)


def _table(loaded: Catalog, kind: str, query: Query, entries: Sequence[Entry]) -> str:
    from residency.catalog.show import short, table
    from residency.catalog.wanted import ON_CELLS

    further = {"licence": "licence", "max_params": "sizes", "min_params": "sizes", "since": "release", **ON_CELLS}
    asked = [further[wish] for wish in query.wishes if wish in further]
    columns = list(dict.fromkeys([*COLUMNS[kind], *asked]))
    rows = [[one.name, *(short(loaded, one, column) for column in columns)] for one in entries]
    return table(["name", *(column.replace("named", "surveys") for column in columns)], rows) if rows else ""


def _told(loaded: Catalog, kind: str, query: Query, found: Found) -> str:
    """Return how many fit, how many were left out because nobody can tell, and what helps where nothing fits."""
    from residency.catalog.wanted import option

    of = len(loaded.results if kind == "results" else loaded.entries[kind])
    name = kind.replace("datasets", "data sets")
    lines = [f"{len(found.entries)} of {of} {name}."]
    reasons = [f"{option(w)} {why}: {n}" for w, count in found.left_out.items() for why, n in count.items()]
    if reasons:
        lines.append(f"Left out because it is not known whether they fit: {found.undecided} ({'; '.join(reasons)}).")
    if query.text and not found.entries:
        lines.append("Every word of --text must occur, or begin a word; try fewer.")
    return "\n".join(lines)


def _shown(loaded: Catalog, name: str) -> Answer:
    """Return everything about what is called so."""
    from residency.catalog.search import called
    from residency.catalog.show import entry_document, entry_words

    found = called(loaded, name)
    document = {"entries": [entry_document(entry) for entry in found]}
    return document, "\n\n\n".join(entry_words(loaded, entry) for entry in found)


# --- check, page, gaps -----------------------------------------------------------------------------------------------


def _check(args: argparse.Namespace) -> Answer:
    """Return all that is wrong with our entries, or with those of a folder beside ours; then the exit code is 2."""
    from residency.catalog.check import problems
    from residency.catalog.entries import DATA, load

    folder = _folder(args.path or args.more)
    own = folder is None or folder.resolve() == DATA
    where = DATA if folder is None else folder
    found = problems(DATA) if own else problems(where, load())
    rows = [{"file": _near(one.path), "line": one.line, "text": one.text} for one in found]
    count = sum(1 for _ in where.glob("*/*.yaml"))
    document: dict[str, Any] = {"folder": str(where), "files": count, "problems": rows}
    lines = [f"{row['file']}:{row['line']}: {row['text']}" for row in rows]
    lines.append(f"{count} entries in {_near(where)}: {len(rows) or 'no'} problem{'s' if len(rows) != 1 else ''}")
    return {**document, "exit_code": 2} if rows else document, "\n".join(lines)


def _near(path: Path) -> str:
    """Return a path as it is shortest from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _place(args: argparse.Namespace) -> Answer:
    """Place a run of ours, or a model card, on the axes; its numbers stand beside the published ones."""
    from residency.catalog import beside
    from residency.catalog.place import place
    from residency.catalog.show import entry_document, entry_words

    if not Path(args.path).exists():
        raise UserError(f"there is no {args.path}; give a run's folder, or a model card's file or folder")
    loaded = _load(args)
    placed = place(Path(args.path), loaded)
    compared = beside.beside(loaded, placed)
    untold = f"Nothing told: {', '.join(placed.untold)}." if placed.untold else ""
    numbers = beside.as_text(compared, loaded)
    parts = [entry_words(loaded, placed.entry), untold, f"Beside what is published\n{numbers}" if numbers else ""]
    document = {"what": placed.what, "entry": entry_document(placed.entry), "untold": list(placed.untold)}
    return {**document, "beside": beside.as_data(compared)}, "\n\n".join(part for part in parts if part)


def _is_writable(out: str) -> None:
    """Raise UserError where a file cannot be written, or would take the place of one that is of no page or picture."""
    path = Path(out)
    if path.is_dir() or path.suffix.lower() not in (".html", ".htm", ".svg"):
        raise UserError(f"--out {out}: a page is NAME.html and a picture NAME.svg; give the name of such a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise UserError(f"--out {out} cannot be written ({error.strerror})") from None


def _page(args: argparse.Namespace) -> Answer:
    """Write the page with filters, timeline and lineage."""
    from residency.catalog.page import write_page

    runs = list(dict.fromkeys(Path(run).resolve() for run in args.runs or ()))
    _is_writable(args.out)
    write_page(_load(args), Path(args.out), runs=runs)
    return {"page": args.out, "runs": list(map(str, runs))}, f"page  {args.out}"


def _gaps(args: argparse.Namespace) -> Answer:
    """Return the cells of the taxonomy that lack something open; with --out, their picture too."""
    from residency.catalog import gaps

    loaded = _load(args)
    found = gaps.gap_map(loaded)
    if args.out:
        _is_writable(args.out)
        from residency.catalog.gap_picture import gap_picture
        from residency.catalog.page import picture_file
        from residency.core.store import atomic_path

        with atomic_path(args.out) as temporary:
            temporary.write_text(picture_file(gap_picture(found, loaded)), encoding="utf-8")
    written = f"\n\npicture  {args.out}" if args.out else ""
    return {**gaps.as_data(found), "picture": args.out}, gaps.as_text(found) + written
