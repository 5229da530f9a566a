"""The gap map as a picture: a row a task, two numbers in each cell, hollow where there is no open model or data set."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from markupsafe import Markup

from residency.catalog import draw
from residency.catalog.entries import Catalog
from residency.catalog.gaps import AXES, COUNTED, Gap, GapMap, metrics_for, told
from residency.catalog.words import words

NAMES, METRICS, WIDE, HIGH, BETWEEN = 124.0, 58.0, 54.0, 30.0, 10.0  # columns, a cell, the space between stakeholders
HEAD, LEGEND = 66.0, 36.0
STEPS = (1, 2, 4, 8)
"""The least count of each shade."""


def gap_picture(found: GapMap, catalog: Catalog, *, link: bool = False) -> Markup:
    """Return the gap map as an SVG: a row a task, a column a stage of care for each stakeholder.

    With ``link``, numbers lead to the tables of the page (``#tab-models``), whose script then shows what was counted.
    """
    kept = METRICS + NAMES
    parts = [*_legend(), *_heads(found)]
    for number, task in enumerate(found.tasks):
        y = HEAD + LEGEND + number * HIGH
        parts.append(draw.label(NAMES - 10, y + HIGH / 2 + 4, words(task), "name", "end"))
        metrics = len(metrics_for(found, task))
        parts.append(_half(NAMES, y, METRICS - 12, "metrics", metrics, 0))
        for column, (who, care) in enumerate(product(found.stakeholders, found.care)):
            x = kept + column * WIDE + (column // len(found.care)) * BETWEEN
            parts.append(_cell(found.cells[task, who, care], x, y, catalog, link))
    columns = len(found.stakeholders) * len(found.care)
    width = kept + columns * WIDE + (len(found.stakeholders) - 1) * BETWEEN + 8
    return draw.picture(
        parts, width, HEAD + LEGEND + len(found.tasks) * HIGH + 10, name="gaps", title="Gap map",
        description=" ".join(told(found)),
    )  # fmt: skip


def _cell(cell: Gap, x: float, y: float, catalog: Catalog, link: bool) -> Markup:
    half = (WIDE - 4) / 2
    parts = [
        _half(at, y, half, kind, len(count.open), len(count.other), f"#tab-{kind}" if link else "")
        for at, kind, count in ((x, "models", cell.models), (x + half, "datasets", cell.datasets))
    ]
    where = dict(zip(AXES, (cell.task, cell.stakeholder, cell.care), strict=True))
    return draw.group(parts, "cell lacking" if cell.lacks else "cell", title=_told(cell, catalog), data=where)


def _half(x: float, y: float, width: float, kind: str, count: int, other: int, href: str = "") -> Markup:
    """Return one number of a cell: shaded by how many there are, hollow where there is none."""
    shade = sum(count >= step for step in STEPS) if kind != "metrics" else min(count, 1)
    look = f"{kind} n{shade}" + (" closed" if not count and other else "")
    text = str(count) if count else f"({other})" if other else "–"
    middle = (x + width / 2, y + HIGH / 2 + 4)
    parts = [draw.box(x + 1, y + 2, width - 2, HIGH - 4, round_=2), draw.label(*middle, text, "", "middle")]
    return draw.group(parts, look, href=href if count or other else "")


def _told(cell: Gap, catalog: Catalog) -> str:
    """Return what a cell holds, by name."""
    lines = [f"{words(cell.task)}, {words(cell.stakeholder)}, {words(cell.care)}"]
    for kind, count in (("models", cell.models), ("datasets", cell.datasets)):
        called = COUNTED[kind] + "s"
        names = [
            catalog.entries[kind][name].name + (" (by memory)" if name in count.memory else "") for name in count.open
        ]
        shown = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")
        closed = f"; {len(count.other)} not open, or not known to be" if count.other else ""
        lines.append(f"{called}: {shown or 'none'}{closed}")
    return "\n".join([*lines, f"metrics for the task: {len(cell.metrics) or 'none'}"])


def _heads(found: GapMap) -> Iterator[Markup]:
    y = HEAD + LEGEND - 6
    yield draw.label(NAMES + (METRICS - 12) / 2, y, "metrics", "tick", "middle")
    for number, who in enumerate(found.stakeholders):
        x = METRICS + NAMES + number * (len(found.care) * WIDE + BETWEEN)
        yield draw.label(x, LEGEND + 14, words(who), "head")
        yield draw.line(x, LEGEND + 20, x + len(found.care) * WIDE - 4, LEGEND + 20, "rule")
        for column, care in enumerate(found.care):
            lines = draw.wrapped(words(care), WIDE, 10)
            for place, text in enumerate(lines):
                at = y - 13 * (len(lines) - 1 - place)
                yield draw.label(x + column * WIDE + (WIDE - 4) / 2, at, text, "tick", "middle")


def _legend() -> Iterator[Markup]:
    x = NAMES
    shown = [("models", 3, 0, "open models"), ("datasets", 3, 0, "open data sets")]
    shown += [("models", 0, 0, "none"), ("models", 0, 2, "none open: two that are not, or not known to be")]
    for kind, count, other, text in shown:
        yield _half(x, 2, 26, kind, count, other)
        yield draw.label(x + 34, 21, text, "legend")
        x += 34 + draw.text_width(text) + 22
