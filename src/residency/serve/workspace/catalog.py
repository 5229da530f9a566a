"""The catalog as a page: models, data sets, methods, metrics and published results, filtered by every axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from residency.catalog.entries import Catalog, Cell, Entry, Result, load
from residency.catalog.query import SORTS, UNSURE, WISHES, Found, Query, answer
from residency.catalog.show import NO_FACT, UNKNOWN, doubt, groups, measure, number, short, variant
from residency.catalog.wanted import ASKED, MODEL_KINDS
from residency.core.errors import UserError
from residency.serve.types import Refused
from residency.serve.workspace.given import Form
from residency.serve.workspace.render import page, spoken
from residency.serve.workspace.words import Words

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
FIRST = ("task", "stakeholder", "set", "metric", "max_params", "text", "sort")
"""The wishes that most people have; the others are folded."""
A_PAGE = 50


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
    t = spoken(request)
    values = _filters(catalog, kind, asked, t)
    try:
        result = answer(catalog, kind, query_of(asked, WISHES[kind]))
    except UserError as error:
        return page(request, "catalog", status=422, **values, **_empty(), error=str(error))
    return page(request, "catalog", **values, **_told(catalog, kind, result, _start(asked), t), error="")


def _filters(catalog: Catalog, kind: str, asked: Form, t: Words) -> dict[str, Any]:
    """Return the filters of a kind: those that most people want, and the others; choices as pairs of value and name."""
    legal = WISHES[kind]
    choices = {wish: list(catalog.axes[axis]) for wish, axis in AXES.items() if wish in legal}
    choices |= {"kind": list(MODEL_KINDS if kind == "models" else catalog.axes["kind"])} if "kind" in legal else {}
    shown = [wish for wish in (*choices, *WRITTEN, "sort", "firm") if wish in legal]
    axes = {wish: [(one, t(f"catalog.value.{one}")) for one in values] for wish, values in choices.items()}
    axes["sort"] = [(one, t(f"catalog.sort.{one}")) for one in SORTS]
    values: dict[str, Any] = {"kind": kind, "kinds": ASKED, "asked": asked, "axes": axes, "name_of": _name}
    others = [wish for wish in shown if wish not in FIRST]
    values |= {"first": [wish for wish in FIRST if wish in shown], "others": others, "a_page": A_PAGE}
    return {**values, "folded": not any(wish in asked for wish in others)}


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


def _told(catalog: Catalog, kind: str, result: Found, skip: int, t: Words) -> dict[str, Any]:
    shown, count = result.entries[skip : skip + A_PAGE], len(result.entries)
    said = {UNKNOWN: t("catalog.unknown"), UNSURE: t("catalog.unsure")}
    left = [(wish, said.get(why, why), n) for wish, reasons in result.left_out.items() for why, n in reasons.items()]
    found = {**_empty(), "count": count, "left_out": left, "undecided": result.undecided, "skip": skip}
    found["more"] = skip + A_PAGE if skip + A_PAGE < count else None
    if kind == "results":
        return {**found, "groups": [_group(catalog, group, t) for group in groups(catalog, shown)]}
    rows = [(entry, [_plain(catalog, entry, column, t) for column in COLUMNS[kind]]) for entry in shown]
    heads = [t("catalog.name"), *(t(f"catalog.cell.{one}") for one in COLUMNS[kind])]
    return {**found, "heads": heads, "rows": rows}


def _empty() -> dict[str, Any]:
    empty: dict[str, Any] = {"heads": (), "rows": (), "groups": (), "left_out": (), "count": 0, "undecided": 0}
    return {**empty, "skip": 0, "more": None}


def _plain(catalog: Catalog, entry: Entry, cell: str, t: Words) -> str | None:
    """Return a cell in words, with what stands behind a value that is no plain fact; None where it is unknown."""
    said = _value(catalog, entry, cell, t)
    if said is None or cell not in entry.cells:
        return said
    held = entry.cells[cell]
    doubts = [t(f"catalog.doubt.{held.mark}")] if held.mark in NO_FACT else []
    doubts += [t("catalog.doubt.weak")] if held.weak else []
    return f"{said} ({', '.join(doubts)})" if doubts else said


def _value(catalog: Catalog, entry: Entry, cell: str, t: Words) -> str | None:
    """Return what a cell says, values of an axis by their names; None where it is unknown."""
    written = short(catalog, entry, cell)
    if written == UNKNOWN:
        return None
    if cell not in entry.cells:
        return t.or_else(f"catalog.value.{written}", written)
    held = entry.cells[cell]
    if cell in catalog.axes:
        return ", ".join(t.or_else(f"catalog.value.{one}", str(one)) for one in held.values)
    return written.removesuffix(doubt(held))


def _ground(held: Cell | Result, t: Words) -> str:
    """Return what a value rests on, in words."""
    said = t(f"catalog.mark.{held.mark}")
    return f"{said} ({t('catalog.doubt.weak')})" if held.weak else said


def _group(catalog: Catalog, group: Any, t: Words) -> dict[str, Any]:
    rows = [(variant(catalog, one), number(one), _ground(one, t), one.note) for one in group.results]
    return {"measure": measure(catalog, group), "protocol": group.protocol, "ranked": group.ranked, "rows": rows}


# --- one entry -------------------------------------------------------------------------------------------------------


def _entry(request: Request, catalog: Catalog, kind: str, id: str) -> Response:
    found = catalog.entries.get(kind, {}).get(id)
    if found is None:
        raise Refused("there is no such entry", status=404, code="not_found")
    t = spoken(request)
    results = [_group(catalog, group, t) for group in groups(catalog, found.results)]
    values: dict[str, Any] = {"entry": found, "kind": kind, "cells": list(_cells(catalog, found, t)), "groups": results}
    values["facts"] = {name: _value(catalog, found, name, t) for name in found.facts}
    values["unknown"] = [name for name in COLUMNS[kind] if name not in found.cells and name not in found.facts]
    return page(request, "catalog_entry", **values)


def _cells(catalog: Catalog, entry: Entry, t: Words) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """Yield each cell that is known: its name, its value, what it rests on in words, and the names of its sources."""
    sources = catalog.entries["sources"]
    for name, cell in entry.cells.items():
        from_ = tuple(sources[one].name if one in sources else one for one in cell.sources)
        yield name, _value(catalog, entry, name, t) or "", _ground(cell, t), from_
