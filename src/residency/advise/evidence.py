"""What reasons rest on: the figures of our own runs, kept as data, and rows of the catalog that are known firmly.

A cell that is only from memory, or weak, counts as unknown here and is never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from residency.advise.reason import Point
from residency.catalog.entries import Catalog, Entry, Result
from residency.catalog.query import Query, find

FILE = Path(__file__).with_name("measured.yaml")
LAB = "docs/lab.md"
_HUB = re.compile(r"https://huggingface\.co/(?!datasets/|collections/|spaces/)([\w.-]+/[\w.-]+)/?$")


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure of ours: what it says, its numbers by name, how and on what it was measured, and where that is told."""

    id: str
    says: str
    numbers: Mapping[str, float]
    protocol: str
    machine: str
    date: str
    section: str
    holds: tuple[str, ...]
    commit: str = ""
    page: str = LAB
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def point(self) -> Point:
        """The point that shows it."""
        return Point("measured", self.id, f'{self.page}, "{self.section}"')


@cache
def measured() -> Mapping[str, Measured]:
    """Return the figures by name."""
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return {name: _figure(name, row, found["machines"]) for name, row in found["figures"].items()}


def _figure(name: str, row: Mapping[str, Any], machines: Mapping[str, str]) -> Measured:
    known = {"machine": machines[row["machine"]], "date": str(row["date"]), "holds": tuple(row["holds"])}
    return Measured(
        name, says=" ".join(row["says"].split()), **{**{k: v for k, v in row.items() if k != "says"}, **known}
    )


def figure(name: str) -> Measured:
    """Return one figure."""
    return measured()[name]


# --- rows of the catalog ----------------------------------------------------------------------------------------------


def row(entry: Entry, cell: str = "") -> Point | None:
    """Return the point that an entry is, with the mark of the cell that is quoted, else of what names it, else of any
    other cell; None where all of it is from memory.
    """
    cells = [entry.cells[cell]] if cell in entry.cells else []
    mark = next((one.mark for one in (*cells, *entry.named, *entry.cells.values()) if one.firm), "")
    return Point("catalog", entry.id, f"residency catalog {entry.id}", mark) if mark else None


def firmly(entry: Entry, cell: str) -> tuple[Any, ...]:
    """Return the values of a cell where it rests on more than memory; none else."""
    found = entry.cells.get(cell)
    return found.values if found and found.firm else ()


def placed(catalog: Catalog, kind: str, **wishes: str) -> list[Entry]:
    """Return the entries of a kind that are firmly placed where the wishes say (task, stakeholder, care, language)."""
    given = {name: (value,) for name, value in wishes.items() if value}
    legal = {name: value for name, value in given.items() if _is_known(catalog, name, value[0])}
    return [] if len(legal) < len(given) else find(catalog, kind, Query(**legal, firm=True))  # type: ignore[arg-type]


def _is_known(catalog: Catalog, wish: str, value: str) -> bool:
    """Return whether any entry has a language; other axes have their values written down."""
    if wish != "language":
        return True
    kinds = ("models", "datasets", "methods")
    return any(value in one.values("languages") for kind in kinds for one in catalog.entries[kind].values())


def of_kind(catalog: Catalog, kind: str, task: str = "") -> list[Entry]:
    """Return the methods of a kind, those for a task first."""
    found = [one for one in catalog.entries["methods"].values() if kind in firmly(one, "kind")]
    return sorted(found, key=lambda one: (task not in firmly(one, "tasks"), one.id))


def stands_here(catalog: Catalog, kind: str, *names: str) -> list[Entry]:
    """Return the entries of a kind that say that they are something of ours, by its name here."""
    return [one for one in catalog.entries[kind].values() if not set(names).isdisjoint(one.here)]


def hub_id(entry: Entry) -> str:
    """Return the hub id that an entry's links name; "" where none does."""
    found = (_HUB.match(link) for link in entry.links)
    return next((match[1] for match in found if match), "")


def published(catalog: Catalog, *sets: str) -> Iterator[tuple[Entry, Result]]:
    """Yield the firm results on some sets whose protocol is known, each with its model or method."""
    for result in catalog.results:
        if result.set in sets and result.firm and result.stated:
            yield catalog.of(result), result


def rows(entries: Iterable[Entry], cell: str = "") -> tuple[Point, ...]:
    """Return the points that entries are, without those that are all from memory."""
    return tuple(point for one in entries if (point := row(one, cell)))
