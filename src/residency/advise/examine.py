"""The evaluation: which tasks, by which metric, and what so many items can tell: half the width of a 95% interval.

Of what is right or wrong the width follows from the number of items alone (the worst case, one half right). Of F1 and
ROUGE it is that of a run of ours, over the root of the number: an estimate, since it hangs on how unlike the items are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from residency.advise.case import Case
from residency.advise.evidence import figure, published, rows, stands_here
from residency.advise.reason import Point, Reason, code
from residency.evaluate.tasks import TASKS
from residency.measure.limits import FEW

WISHED = 0.05
"""Half the width that is aimed at: two models 5 points apart or more are then told apart, mostly."""
MEASURED = {"extract": "crf_width", "relate": "crf_width", "generate": "notes_written", "converse": "notes_written"}
"""The figure whose interval stands for a kind's metric."""
SHOWN = 2
"""Published results that are shown beside a set."""


@dataclass(frozen=True, slots=True)
class Examined:
    """A task that the models are examined on; ``half`` is half the width of the interval to expect, None: not known."""

    name: str
    metric: str
    items: int
    half: float | None
    needed: int
    reason: Reason


def examined(case: Case, most: int = 0) -> tuple[Examined, ...]:
    """Return the tasks of the evaluation, each with what its items can tell, ``most`` of a task (0: all)."""
    return tuple(_one(case, name, most) for name in case.examined)


def _one(case: Case, name: str, most: int) -> Examined:
    own = next((one for one in case.own if one.name == name), None)
    does = own.does if own else TASKS[name].kind
    metric = str(own.extra["metric"]) if own else TASKS[name].metric
    items = own.test if own else _test_items(case, name)
    items = min(items, most or items)
    half, needed = (half_width(does, items) if items else None), items_for(does, WISHED)
    if half is None:
        text = f"{metric}; how many items it has is counted when it is read"
    else:
        text = f"{metric} on {items:,} items: about ±{100 * half:.1f} points; ±{100 * WISHED:.0f} need about {needed:,}"
    if items and items < FEW:
        text += f". Fewer than {FEW} tell next to nothing, and are marked as such"
    shown = Point("file", name) if own else code(name, "residency data")
    points = (shown, _width(does), *rows(stands_here(case.catalog, "metrics", metric)[:1]))
    return Examined(name, metric, items, half, needed, Reason(text, points))


def _test_items(case: Case, name: str) -> int:
    found = case.counts(name)
    return found[2] if found else 0


def _width(does: str) -> Point:
    """Return what shows how wide an interval is: a run of ours, or the rule of a share."""
    return figure(MEASURED[does]).point if does in MEASURED else code("intervals", "src/residency/measure/intervals.py")


def half_width(does: str, items: int) -> float:
    """Return half the width of a 95% interval to expect of so many items of a kind."""
    if does not in MEASURED:
        return 1.96 * math.sqrt(0.25 / items)
    known = figure(MEASURED[does]).numbers
    return known["half"] * math.sqrt(known["items"] / items)


def items_for(does: str, half: float) -> int:
    """Return about how many items leave so much on either side."""
    return math.ceil((half_width(does, 1) / half) ** 2)


def parts_of(labelled: int) -> tuple[int, int, int]:
    """Return how many labelled items to learn, to watch and to examine: a quarter is examined, at most as many as the
    wished width needs in the worst case and at least as many as tell anything; a tenth of the rest is watched.
    """
    test = min(max(FEW, labelled // 4), items_for("classify", WISHED), labelled // 2)
    dev = max(1, (labelled - test) // 10) if labelled > test else 0
    return labelled - test - dev, dev, test


def beside(case: Case) -> Reason | None:
    """Return what was published on the set that is learned; never ranked with ours, whose protocol is another."""
    if case.taught is None or case.taught.own:
        return None
    sets = [one.id for one in stands_here(case.catalog, "datasets", case.taught.name, TASKS[case.taught.name].data)]
    found = list({entry.id: (entry, result) for entry, result in published(case.catalog, *sets)}.values())[:SHOWN]
    if not found:
        return None
    told = "; ".join(f"{entry.name}: {result.metric} {result.value:g} ({result.protocol})" for entry, result in found)
    where = "residency catalog results --set"
    points = tuple(Point("catalog", entry.id, f"{where} {result.set}", result.mark) for entry, result in found)
    return Reason(f"published on it, each under its own protocol, so not to be ranked with ours: {told}", points)
