"""The tables of the page: rows of entries with every value's evidence, and what they can be filtered by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.catalog.entries import Catalog, Cell, Entry
from residency.catalog.place import Placed
from residency.catalog.sizes import parameters
from residency.catalog.words import CELLS, source_brief, source_text, value_text, words

COLUMNS = {
    "models": ("sizes", "base", "paradigm", "tasks", "stakeholders", "care", "release", "access", "named"),
    "datasets": ("use", "form", "tasks", "languages", "size", "access", "here", "named"),
    "methods": ("kind", "tasks", "base", "compression", "here", "named"),
    "metrics": ("tasks", "better", "here", "named"),
    "sources": ("kind", "year", "read"),
}
HEADS = {"named": "Named by", "here": "In Residency", "better": "Better", "year": "Year", "read": "What was read of it"}
PLACED = ("tasks", "stakeholders", "care", "application", "algorithm", "languages", "access", "licence")
FILTERS = {
    "models": ("paradigm", *PLACED, "compression", "kind", "named", "most", "since"),
    "datasets": ("use", "form", *PLACED, "here", "named", "since"),
    "methods": ("kind", *PLACED, "compression", "here", "named"),
    "results": ("set", "metric", "tasks", "protocol", "scale"),
    "metrics": ("tasks", "here"),
    "sources": ("kind",),
}
"""What each table can be filtered by."""
FILTER_HEADS = {
    "most": "Size at most",
    "since": "Released since",
    "set": "Data set",
    "metric": "Metric",
    "scale": "Scale",
}
SIZES = ("350M", "1B", "3B", "8B", "15B", "70B")
POINTS_TO = {"base": "models", "data": "datasets", "within": "datasets", "metrics": "metrics", "named": "sources"}
ALSO = 3
"""So many other names stand in a table."""
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class Shown:
    """A text, and where it leads."""

    text: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A cell as it is shown: its values, the mark of its evidence (empty: none is needed), sources and note."""

    name: str
    values: tuple[Shown, ...]
    mark: str = ""
    weak: bool = False
    sources: tuple[Shown, ...] = ()
    note: str = ""
    sort: str = ""

    @property
    def firm(self) -> bool:
        """Whether it may be shown as a fact."""
        return self.mark != "M" and not self.weak


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table; ``facets`` is JSON: filter -> [values, whether they are firm]."""

    id: str
    name: str
    note: str
    cells: tuple[Value, ...]
    facets: str


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice of values: (value, what it is called); ``how`` is same, most or since."""

    name: str
    title: str
    how: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a kind."""

    columns: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]
    filters: tuple[Filter, ...]


def href(entry: Entry) -> str:
    """Return where an entry stands on the page."""
    return f"#{entry.kind}-{entry.id}"


def named(catalog: Catalog, set_: str, metric: str) -> tuple[Shown, Shown]:
    """Return a data set and a metric as they are shown."""
    return refer(catalog, "datasets", set_), refer(catalog, "metrics", metric)


# --- tables ----------------------------------------------------------------------------------------------------------


def table(catalog: Catalog, kind: str, runs: Sequence[Placed] = ()) -> Table:
    """Return the table of a kind; runs of ours stand among the models."""
    entries = sorted(catalog.entries[kind].values(), key=lambda entry: entry.name.casefold())
    lines = [_line(catalog, entry) for entry in entries]
    if kind == "models":
        lines = [*(_line(catalog, one.entry, run=True) for one in runs), *lines]
    columns = tuple((name, HEADS.get(name, CELLS.get(name, name))) for name in COLUMNS[kind])
    facets = [json.loads(line.facets) for line in lines]
    return Table(columns, tuple(lines), tuple(filters(catalog, kind, facets)))


def _line(catalog: Catalog, entry: Entry, run: bool = False) -> Line:
    cells = tuple(value(catalog, entry, name) for name in COLUMNS[entry.kind])
    key = run_key(entry) if run else f"{entry.kind}-{entry.id}"
    facets = {name: found for name in FILTERS[entry.kind] if (found := _facet(entry, name))}
    if run:
        facets["kind"] = [["run of ours"], True]
    note = "a run of ours" if run else ", ".join(entry.also[:ALSO]) + (" …" if len(entry.also) > ALSO else "")
    return Line(key, entry.name, note, cells, json.dumps(facets))


def run_key(entry: Entry) -> str:
    """Return where a run stands on the page."""
    return f"runs-{entry.id}"


def _facet(entry: Entry, name: str) -> list[Any] | None:
    """Return what an entry can be found by under a filter, and whether that is firm; None where it is unknown."""
    if name == "here":
        return [[YES if entry.here else NO], True]
    if name == "named":
        return (
            [[str(cell.is_) for cell in entry.named], any(cell.firm for cell in entry.named)] if entry.named else None
        )
    if name in entry.facts:
        return [[str(entry.facts[name])], True]
    cell = entry.cells.get({"most": "sizes", "since": "release"}.get(name, name))
    if cell is None:
        return None
    if name == "most":
        return [[parameters(size) for size in cell.values], cell.firm]
    return [[str(one) for one in cell.values], cell.firm]


def filters(catalog: Catalog, kind: str, facets: Sequence[Mapping[str, Any]]) -> Iterator[Filter]:
    """Yield the filters of a kind under which there is a choice, by what its rows can be found by."""
    for name in FILTERS[kind]:
        used = {one for facet in facets if name in facet for one in facet[name][0]}
        title = FILTER_HEADS.get(name, HEADS.get(name, CELLS.get(name, name.capitalize())))
        if name == "most":
            options = [(str(parameters(size)), size) for size in SIZES]
            how = "most"
        elif name == "since":
            years = sorted({str(one)[:4] for one in used}, reverse=True)
            options, how = [(year, year) for year in years], "since"
        else:
            options, how = [(one, _option(catalog, name, one)) for one in _ordered(catalog, name, used)], "same"
        if len(used) > 1:
            yield Filter(name, title, how, tuple(options))


def _ordered(catalog: Catalog, name: str, used: Iterable[str]) -> list[str]:
    axis = list(catalog.axes.get(name, ()))
    return sorted(used, key=lambda one: (axis.index(one) if one in axis else len(axis), one.casefold()))


def _option(catalog: Catalog, name: str, one: str) -> str:
    """Return what a value is called in a filter."""
    kind = {"named": "sources", "set": "datasets", "metric": "metrics"}.get(name, "")
    if kind and one in catalog.entries[kind]:
        found = catalog.entries[kind][one]
        return source_text(found) if kind == "sources" else found.name
    return one if name in ("languages", "licence") else words(one)


# --- cells -----------------------------------------------------------------------------------------------------------


def value(catalog: Catalog, entry: Entry, name: str) -> Value:
    """Return a cell, or a plain fact, of an entry as it is shown; without values where it is unknown."""
    if name == "named":
        weakest = next((cell for cell in entry.named if not cell.firm), None) if entry.named else None
        mark = weakest.mark if weakest and not any(cell.firm for cell in entry.named) else ""
        return Value(name, tuple(_survey(catalog, str(cell.is_)) for cell in entry.named), mark)
    if name == "here":
        return Value(name, tuple(Shown(one) for one in entry.here))
    if name in entry.facts:
        text = str(entry.facts[name])
        return Value(name, (Shown(text if name == "read" else words(text)),), sort=text)
    return _cell(catalog, name, entry.cells[name]) if name in entry.cells else Value(name, ())


def _cell(catalog: Catalog, name: str, cell: Cell) -> Value:
    kind = POINTS_TO.get(name, "")
    shown = tuple(refer(catalog, kind, str(one)) if kind else Shown(value_text(name, one)) for one in cell.values)
    return Value(name, shown, cell.mark, cell.weak, sources_of(catalog, cell.sources), cell.note, _sort(name, cell))


def _sort(name: str, cell: Cell) -> str:
    """Return what a column is sorted by where it is not the text."""
    if name == "sizes":
        return f"{min(parameters(size) for size in cell.values):020.0f}"
    return str(cell.is_) if name == "release" else ""


def refer(catalog: Catalog, kind: str, name: str) -> Shown:
    """Return an entry as it is shown, or its bare name where there is none."""
    entry = catalog.entries[kind].get(name)
    if entry is None:
        return Shown(name)
    return Shown(source_text(entry) if kind == "sources" else entry.name, href(entry))


def _survey(catalog: Catalog, name: str) -> Shown:
    entry = catalog.entries["sources"].get(name)
    return Shown(source_brief(entry), href(entry)) if entry else Shown(name)


def sources_of(catalog: Catalog, names: Iterable[str]) -> tuple[Shown, ...]:
    """Return sources as they are shown."""
    return tuple(refer(catalog, "sources", name) for name in names)
