"""The catalog as a page: models, data sets, methods, metrics and published results, filtered by every axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from residency.catalog.entries import MARKS, Catalog, Entry, load
from residency.catalog.query import SORTS, WISHES, Found, Query, answer
from residency.catalog.show import UNKNOWN, doubt, groups, measure, number, short, variant
from residency.catalog.wanted import ASKED, MODEL_KINDS
from residency.core.errors import UserError
from residency.serve.types import Refused
from residency.serve.workspace.given import Form
from residency.serve.workspace.render import page, spoken

router = APIRouter(include_in_schema=False)
AXES = {"task": "tasks", "stakeholder": "stakeholders", "care": "care", "paradigm": "paradigm"}
AXES |= {name: name for name in ("algorithm", "application", "compression", "use", "form", "access")}
"""The wishes that are chosen from an axis, and which."""
WRITTEN = ("language", "licence", "base", "data", "max_params", "min_params", "since", "set", "metric", "text")
"""The wishes that are written."""
COLUMNS = {
    "models": ("sizes", "tasks", "access", "release"),
    "datasets": ("tasks", "form", "languages", "access"),
    "methods": ("kind", "tasks", "release"),
    "metrics": ("tasks", "better"),
}
A_PAGE = 100


@router.get("/catalog")
def catalog(request: Request) -> Response:
    """Return the entries that fit the wishes in the address, or one entry with all that is known of it."""
    given = {name: value.strip()[:200] for name, value in request.query_params.items() if name != "language"}
    asked = Form(str, {_wish(name): value for name, value in given.items() if value})
    kind = asked.get("of", "models")
    if kind not in ASKED:
        raise Refused("there is no such kind of entry", status=404, code="not_found")
    found = load()
    if "entry" in asked:
        return _entry(request, found, kind, asked["entry"])
    return _list(request, found, kind, asked)


def _name(wish: str) -> str:
    """Return what a wish is called in the address: "language" there is that of the page."""
    return "lang" if wish == "language" else wish


def _wish(name: str) -> str:
    return "language" if name == "lang" else name


def _list(request: Request, catalog: Catalog, kind: str, asked: Form) -> Response:
    legal = WISHES[kind]
    axes = {wish: list(catalog.axes[axis]) for wish, axis in AXES.items() if wish in legal}
    axes |= {"kind": list(MODEL_KINDS if kind == "models" else catalog.axes["kind"])} if "kind" in legal else {}
    values: dict[str, Any] = {"kind": kind, "kinds": ASKED, "asked": asked, "axes": axes}
    values |= {"name_of": _name, "a_page": A_PAGE}
    values |= {"written": [wish for wish in WRITTEN if wish in legal], "sorts": SORTS if "sort" in legal else ()}
    try:
        result = answer(catalog, kind, query_of(asked, legal))
    except UserError as error:
        return page(request, "catalog", status=422, **values, **_empty(), error=str(error))
    return page(request, "catalog", **values, **_told(catalog, kind, result, _start(asked)), error="")


def query_of(asked: dict[str, str], legal: tuple[str, ...]) -> Query:
    """Return the wishes of an address that say something about a kind; of several values of one, any."""
    several = {name for name, value in Query.__dataclass_fields__.items() if value.type.startswith("tuple")}
    wishes: dict[str, Any] = {name: asked[name] for name in legal if name in asked}
    for name in wishes.keys() & several:
        wishes[name] = tuple(part.strip() for part in wishes[name].split(",") if part.strip())
    if "firm" in wishes:
        wishes["firm"] = True
    return Query(**wishes)


def _start(asked: dict[str, str]) -> int:
    text = asked.get("skip", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _told(catalog: Catalog, kind: str, result: Found, skip: int) -> dict[str, Any]:
    shown, count = result.entries[skip : skip + A_PAGE], len(result.entries)
    left = [(wish, why, n) for wish, reasons in result.left_out.items() for why, n in reasons.items()]
    found = {**_empty(), "count": count, "left_out": left, "undecided": result.undecided, "skip": skip}
    found["more"] = skip + A_PAGE if skip + A_PAGE < count else None
    if kind == "results":
        return {**found, "groups": [_group(catalog, group) for group in groups(catalog, shown)]}
    rows = [(entry, [_plain(catalog, entry, column) for column in COLUMNS[kind]]) for entry in shown]
    return {**found, "columns": COLUMNS[kind], "rows": rows}


def _empty() -> dict[str, Any]:
    empty: dict[str, Any] = {"columns": (), "rows": (), "groups": (), "left_out": (), "count": 0, "undecided": 0}
    return {**empty, "skip": 0, "more": None}


def _plain(catalog: Catalog, entry: Entry, cell: str) -> str | None:
    """Return a cell in words; None where it is unknown."""
    words = short(catalog, entry, cell)
    return None if words == UNKNOWN else words


def _group(catalog: Catalog, group: Any) -> dict[str, Any]:
    rows = [(variant(catalog, one), f"{number(one)}{doubt(one)}", one) for one in group.results]
    return {"measure": measure(catalog, group), "protocol": group.protocol, "ranked": group.ranked, "rows": rows}


# --- one entry -------------------------------------------------------------------------------------------------------


def _entry(request: Request, catalog: Catalog, kind: str, id: str) -> Response:
    found = catalog.entries.get(kind, {}).get(id)
    if found is None:
        raise Refused("there is no such entry", status=404, code="not_found")
    cells = list(_cells(catalog, found))
    results = [_group(catalog, group) for group in groups(catalog, found.results)]
    t = spoken(request)
    unknown = [name for name in COLUMNS[kind] if name not in found.cells and name not in found.facts]
    return page(
        request, "catalog_entry", entry=found, cells=cells, groups=results, kind=kind, unknown=unknown, marks=_marks(t)
    )


def _cells(catalog: Catalog, entry: Entry) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Yield each cell that is known: its name, its value, its mark, and the names of its sources."""
    sources = catalog.entries["sources"]
    for name, cell in entry.cells.items():
        from_ = tuple(sources[one].name if one in sources else one for one in cell.sources)
        yield name, short(catalog, entry, name), cell.mark, from_


def _marks(t: Any) -> dict[str, str]:
    return {mark: t(f"catalog.mark.{mark}") for mark in MARKS}
