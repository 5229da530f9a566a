"""The tables of the same items asked in other ways: every variant's values, and where chosen options stood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from residency.evaluate.cuts import variant_text
from residency.evaluate.grids import Column, Grid, Group, Line, cells, grouped
from residency.evaluate.names import label, metric_name
from residency.evaluate.numbers import cell, shown
from residency.evaluate.tables import COUNTS, told
from residency.evaluate.views import counts, title_of

Row = dict[str, Any]
WAYS = {"wording": "In other words", "order": "With the options turned", "repeat": "With replies drawn again"}


def variants(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return each task and model that was asked in other ways: a table of the variants, and one of the places."""
    found = grouped(rows, lambda row: (row["task"], _asked_model(row)))
    several = len({model for _, model in found}) > 1
    columns = (Column("Metric", "text"), Column("Value", "value"), *COUNTS)
    made = []
    for (task, model), part in found.items():
        title = f"{title_of(task)}: {label(model)}" if several else title_of(task)
        caption = told(f"{title}: every variant, and what sums them up", part)
        groups = [Group(WAYS.get(way, way), list(_variants(own))) for way, own in grouped(part, _way).items()]
        places = [_places(title, row) for row in part if "places" in row]
        made.append({"title": title, "table": Grid(caption, "Variant", columns, groups), "places": places})
    return made


def _asked_model(row: Row) -> str:
    """Return the model that a variant's name stands for: "x" for "x.order-1"."""
    return str(row["model"]).removesuffix(f".{row['protocol']['variant']}")


def _way(row: Row) -> str:
    return str(row["protocol"]["variant"]).partition("-")[0]


def _variants(rows: Sequence[Row]) -> Iterator[Line]:
    for text, part in grouped(rows, variant_text).items():
        for place, row in enumerate(part):
            found = cells(metric_name(row["metric"]), cell(row), *counts(row))
            yield Line(text, found, span=0 if place else len(part))


def _places(title: str, row: Row) -> Grid:
    """Return where the chosen options of a task stood, place by place."""
    lines = []
    for place in row["places"]:
        shares = [shown(place[key], key) for key in ("chosen", "right")]
        found = cells(*shares, cell({**place, "metric": "excess"}), place["n"])
        lines.append(Line(f"option {place['place']}", found))
    columns = [Column("Chosen, of 100"), Column("Right, of 100"), Column("Difference", "value"), Column("Answers")]
    caption = told(f"{title}: where the chosen option stood, over all orders", row["places"])
    return Grid(caption, "Place", columns, [Group("", lines)])
