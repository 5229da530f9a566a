"""The gap map: which cells of task, stakeholder and stage of care have no open model, no open data set or no metric.

A model or data set counts in every cell that it is placed in; a metric counts for its tasks. What can be had by anybody
is open, also where commercial use is forbidden or a form must be filled in first; access that is not known is not open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from residency.catalog.entries import Catalog, Entry
from residency.catalog.words import words

OPEN = ("open", "noncommercial", "registration")
"""The access by which anybody gets a thing for nothing."""
AXES = ("tasks", "stakeholders", "care")
NO_TASK = ("lm",)
"""Values of the first axis that are no task, and have no row."""
COUNTED = {"models": "open model", "datasets": "open data set", "metrics": "metric"}
"""What a cell should have, and what one of each is called."""


@dataclass(frozen=True, slots=True)
class Count:
    """The ids of what stands in a cell: what is open, and what is not or is not known to be.

    ``memory`` names those of either that stand there, or are open, by memory or weak evidence alone.
    """

    open: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    memory: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gap:
    """A cell of the taxonomy with what is there."""

    task: str
    stakeholder: str
    care: str
    models: Count
    datasets: Count
    metrics: tuple[str, ...]

    @property
    def lacks(self) -> tuple[str, ...]:
        """What the cell has none of: models, datasets, metrics."""
        have = {"models": self.models.open, "datasets": self.datasets.open, "metrics": self.metrics}
        return tuple(name for name, found in have.items() if not found)


@dataclass(frozen=True, slots=True)
class GapMap:
    """All cells, and how much of each kind is placed on all three axes and so can be counted."""

    tasks: tuple[str, ...]
    stakeholders: tuple[str, ...]
    care: tuple[str, ...]
    cells: Mapping[tuple[str, str, str], Gap]
    placed: Mapping[str, int]
    all: Mapping[str, int]


def gap_map(catalog: Catalog) -> GapMap:
    """Return the gap map of a catalog."""
    tasks, who, care = (tuple(one for one in catalog.axes[axis] if one not in NO_TASK) for axis in AXES)
    entries = catalog.entries
    metrics = {
        task: tuple(entry.id for entry in entries["metrics"].values() if task in entry.values("tasks"))
        for task in tasks
    }
    counts = {kind: _counts(entries[kind]) for kind in ("models", "datasets")}
    models, sets = counts["models"], counts["datasets"]
    cells = {
        place: Gap(*place, models.get(place, Count()), sets.get(place, Count()), metrics[place[0]])
        for place in product(tasks, who, care)
    }
    placed = {
        kind: sum(all(entry.values(axis) for axis in AXES) for entry in entries[kind].values())
        for kind in ("models", "datasets")
    }
    return GapMap(tasks, who, care, cells, placed, {kind: len(entries[kind]) for kind in placed})


def _counts(entries: Mapping[str, Entry]) -> dict[tuple[str, str, str], Count]:
    """Return what stands in each cell."""
    found: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries.values():
        for place in product(*(entry.values(axis) for axis in AXES)):
            found.setdefault(place, []).append(entry)
    return {place: _count(inner) for place, inner in found.items()}


def _count(entries: list[Entry]) -> Count:
    return Count(
        tuple(entry.id for entry in entries if is_open(entry)),
        tuple(entry.id for entry in entries if not is_open(entry)),
        tuple(entry.id for entry in entries if _by_memory(entry)),
    )


def is_open(entry: Entry) -> bool:
    """Return whether anybody can get an entry for nothing."""
    return any(value in OPEN for value in entry.values("access"))


def _by_memory(entry: Entry) -> bool:
    rests = [entry.cells[axis] for axis in (*AXES, *(["access"] if is_open(entry) else []))]
    return not all(cell.firm for cell in rests)


# --- as data and as text ---------------------------------------------------------------------------------------------


def as_data(found: GapMap) -> dict[str, Any]:
    """Return the gap map as plain data."""
    return {
        "axes": {"tasks": list(found.tasks), "stakeholders": list(found.stakeholders), "care": list(found.care)},
        "open_means": list(OPEN),
        "summary": summary(found),
        "cells": [_cell_data(cell) for cell in found.cells.values()],
    }


def _cell_data(cell: Gap) -> dict[str, Any]:
    told = {
        kind: {"open": list(count.open), "other": list(count.other), "by_memory": list(count.memory)}
        for kind, count in (("models", cell.models), ("datasets", cell.datasets))
    }
    place = {"task": cell.task, "stakeholder": cell.stakeholder, "care": cell.care}
    return {**place, **told, "metrics": list(cell.metrics), "lacks": list(cell.lacks)}


def summary(found: GapMap) -> dict[str, int]:
    """Return how many cells there are, have everything, and lack what; and how much is placed."""
    cells = found.cells.values()
    return {
        "cells": len(cells),
        "complete": sum(not cell.lacks for cell in cells),
        "empty": sum(not (cell.models.open or cell.datasets.open) for cell in cells),
        **{f"without_{kind}": sum(kind in cell.lacks for cell in cells) for kind in COUNTED},
        **{f"{kind}_placed": found.placed[kind] for kind in found.placed},
        **{kind: found.all[kind] for kind in found.all},
    }


def told(found: GapMap) -> list[str]:
    """Return the gap map's summary in sentences."""
    counts = summary(found)
    return [
        f"Of {counts['cells']} cells {counts['complete']} have an open model, an open data set and a metric.",
        f"{counts['without_models']} hold no model that is known to be open, {counts['without_datasets']} no such data "
        f"set, {counts['without_metrics']} no metric, and {counts['empty']} neither a model nor a data set.",
        f"Counted are the entries that are placed on all three axes: {counts['models_placed']} of {counts['models']} "
        f"models and {counts['datasets_placed']} of {counts['datasets']} data sets. What is not placed may fill a gap.",
    ]


def as_text(found: GapMap) -> str:
    """Return the gap map as a table of text: open models / open data sets in each cell, a dash for none."""
    head = ["task", "for whom", "metrics", *(words(care) for care in found.care)]
    rows = [
        [words(task), words(who), _number(len(metrics_for(found, task))), *_row(found, task, who)]
        for task, who in product(found.tasks, found.stakeholders)
    ]
    widths = [max(len(row[number]) for row in [head, *rows]) for number in range(len(head))]
    lines = [
        "  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
    ]
    lead = ["In each cell: open models / open data sets, - where there is none.", *told(found)]
    return "\n".join([*lead, "", *lines])


def _row(found: GapMap, task: str, who: str) -> Iterator[str]:
    for care in found.care:
        cell = found.cells[task, who, care]
        yield f"{_number(len(cell.models.open))} / {_number(len(cell.datasets.open))}"


def metrics_for(found: GapMap, task: str) -> tuple[str, ...]:
    """Return the metrics of a task."""
    return found.cells[task, found.stakeholders[0], found.care[0]].metrics


def _number(count: int) -> str:
    return str(count) if count else "-"
