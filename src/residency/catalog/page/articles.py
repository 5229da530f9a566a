"""What the page says of one entry with all its evidence, and the published numbers in groups that nothing ranks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from residency.catalog.beside import Row, number
from residency.catalog.entries import Catalog, Cell, Entry, Result
from residency.catalog.page.tables import (
    PLACED,
    Filter,
    Shown,
    Value,
    filters,
    href,
    named,
    refer,
    run_key,
    sources_of,
    value,
)
from residency.catalog.place import Placed
from residency.catalog.words import CELLS


@dataclass(frozen=True, slots=True)
class ResultLine:
    """A published number as it is shown."""

    system: Shown
    size: str
    result: Result
    sources: tuple[Shown, ...]
    set: Shown
    metric: Shown
    facets: str


@dataclass(frozen=True, slots=True)
class ResultGroup:
    """The numbers of one data set and metric, by protocol and name: never by value."""

    set: Shown
    metric: Shown
    lines: tuple[ResultLine, ...]


def result_groups(catalog: Catalog) -> list[ResultGroup]:
    """Return all published numbers, those of one set and metric together."""
    place = {True: "", False: "~"}  # sets of the catalog first
    sets = catalog.entries["datasets"]

    def order(one: Result) -> tuple[str, ...]:
        return (place[one.set in sets] + one.set, one.metric, one.part, one.protocol, one.of or one.model, one.size)

    groups = groupby(sorted(catalog.results, key=order), key=lambda one: (one.set, one.metric))
    return [
        ResultGroup(*named(catalog, *pair), tuple(_result(catalog, one) for one in found)) for pair, found in groups
    ]


def result_filters(catalog: Catalog, groups: Sequence[ResultGroup]) -> tuple[Filter, ...]:
    """Return what the table of results can be filtered by."""
    return tuple(filters(catalog, "results", [json.loads(line.facets) for group in groups for line in group.lines]))


def _result(catalog: Catalog, one: Result) -> ResultLine:
    entry = catalog.of(one)
    known = catalog.entries["datasets"].get(one.set)
    facets: dict[str, Any] = {
        "set": [[one.set], one.firm],
        "metric": [[one.metric], one.firm],
        "protocol": [["stated" if one.stated else "not wholly stated"], True],
    }
    if known and known.values("tasks"):
        facets["tasks"] = [[str(task) for task in known.values("tasks")], known.cells["tasks"].firm]
    if one.scale:
        facets["scale"] = [[one.scale], True]
    system = Shown(one.of or entry.name, href(entry))
    return ResultLine(
        system,
        one.size,
        one,
        sources_of(catalog, one.sources),
        *named(catalog, one.set, one.metric),
        json.dumps(facets),
    )


# --- articles --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MeasuredLine:
    """A number that was measured here, as it is shown."""

    of: str
    number: str
    set: Shown
    metric: Shown
    protocol: str


@dataclass(frozen=True, slots=True)
class Article:
    """All that is known of an entry; ``lists`` holds what refers to it: heading -> entries."""

    id: str
    entry: Entry
    what: str
    cells: tuple[Value, ...]
    unknown: tuple[str, ...]
    results: tuple[ResultLine, ...]
    lists: Mapping[str, tuple[Shown, ...]]
    links: tuple[str, ...]
    measured: tuple[MeasuredLine, ...] = ()


WHAT = {"models": "Model", "datasets": "Data set", "methods": "Method", "metrics": "Metric", "sources": "Source"}
_UNKNOWN = {
    "models": ("base", "sizes", "paradigm", "data", *PLACED, "release"),
    "datasets": ("form", "size", *PLACED, "release"),
    "methods": ("base", "tasks", "stakeholders", "care", "release"),
}
"""Cells that an entry of a kind should have, and that are said to be unknown where it has not."""


def articles(catalog: Catalog) -> list[Article]:
    """Return all that the catalog knows of each of its entries."""
    pointed = references(catalog)
    entries = [entry for kind in catalog.entries.values() for entry in kind.values()]
    return [_article(catalog, one, href(one)[1:], WHAT[one.kind], pointed.get(href(one), {})) for one in entries]


def run_article(catalog: Catalog, one: Placed) -> Article:
    """Return all that is known of a run of ours."""
    made = _article(catalog, one.entry, run_key(one.entry), "A run of ours", {})
    lines = [
        MeasuredLine(
            row.result.of, number(Row("", row.result, measured=row)),
            *named(catalog, row.result.set, row.result.metric), row.result.protocol,
        )
        for row in one.measured
    ]  # fmt: skip
    cells = tuple(replace(cell, mark="") for cell in made.cells)  # the note says which field was read
    return replace(made, cells=cells, measured=tuple(lines))


def _article(catalog: Catalog, entry: Entry, key: str, what: str, lists: Mapping[str, tuple[Shown, ...]]) -> Article:
    facts = [name for name in entry.facts if name not in ("link",)]
    cells = [value(catalog, entry, name) for name in (*facts, *(name for name in CELLS if name in entry.cells))]
    cells += [_named(catalog, cell) for cell in entry.named]
    unknown = tuple(CELLS[name] for name in _UNKNOWN.get(entry.kind, ()) if name not in entry.cells)
    results = () if key.startswith("runs-") else tuple(_result(catalog, one) for one in entry.results)
    links = (str(entry.facts["link"]),) if "link" in entry.facts else entry.links
    return Article(key, entry, what, tuple(cells), unknown, results, lists, links)


def _named(catalog: Catalog, cell: Cell) -> Value:
    """Return one survey that names an entry."""
    survey = refer(catalog, "sources", str(cell.is_))
    return Value("named", (survey,), cell.mark, cell.weak, sources_of(catalog, cell.sources), cell.note)


def references(catalog: Catalog) -> dict[str, dict[str, tuple[Shown, ...]]]:
    """Return what refers to each entry: where it stands on the page -> in which way -> what does."""
    found: dict[str, dict[str, dict[Shown, None]]] = {}
    for kind in catalog.entries.values():
        for entry in kind.values():
            for place, title in _pointers(entry):
                found.setdefault(place, {}).setdefault(title, {})[Shown(entry.name, href(entry))] = None
    return {place: {title: tuple(shown) for title, shown in lists.items()} for place, lists in found.items()}


def _pointers(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield (where, in which way) for all that an entry refers to."""
    yield from ((f"#models-{base}", "Made from it") for base in entry.values("base"))
    yield from ((f"#datasets-{name}", "Learned from it") for name in entry.values("data"))
    yield from ((f"#datasets-{name}", "Part of it") for name in entry.values("within"))
    for row in entry.results:
        yield f"#datasets-{row.set}", "Measured on it"
        yield f"#metrics-{row.metric}", "Measured by it"
    read = [one.sources for one in (*entry.cells.values(), *entry.named)] + [one.sources for one in entry.results]
    yield from ((f"#sources-{source}", "Read for") for sources in read for source in sources)
    yield from ((f"#sources-{cell.is_}", "Read for") for cell in entry.named)
