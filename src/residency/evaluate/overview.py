"""The page of one evaluation: every number of one model with its interval, and how it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residency.core.store import atomic_path, write_json
from residency.evaluate.names import metric_name
from residency.evaluate.numbers import cell, few_note, shown
from residency.evaluate.report import environment
from residency.evaluate.tasks import TASKS

Row = dict[str, Any]


def write_overview(out: Path, model: str, rows: Sequence[Row], cost: dict[str, Any]) -> Path:
    """Write ``ledger.json`` and ``evaluation.html`` of an evaluation, and return the page's file."""
    write_json(out / "ledger.json", {"model": model, "cost": cost, "rows": list(rows), "comparisons": []})
    target = out / "evaluation.html"
    with atomic_path(target) as temporary:
        temporary.write_text(overview(model, rows), encoding="utf-8")
    return target


def overview(model: str, rows: Sequence[Row]) -> str:
    """Return the page."""
    families: dict[str, list[Row]] = {}
    varied = [_shown(row) for row in rows if variant_text(row)]
    for row in rows:
        if not variant_text(row):
            families.setdefault(row["family"], []).append(_shown(row))
    template = environment().get_template("evaluation.html.jinja")
    return template.render(
        model=model,
        rows=rows,
        count=counted(len(rows), "number"),
        tasks=counted(len({row["task"] for row in rows}), "task"),
        families=list(families.items()),
        varied=varied,
        places=[_places(row) for row in varied if "places" in row],
        few_note=few_note(rows),
    )


def variant_text(row: Row) -> str:
    """Return which variant of the asking a row belongs to, or how many it sums up; "" for the usual asking."""
    protocol = row["protocol"]
    variant = str(protocol.get("variant", ""))
    if "variants" not in protocol:
        return variant.replace("-", " ")
    return f"{variant}, {protocol['variants']} variants" + (f": {protocol['at']}" if "at" in protocol else "")


def _places(row: Row) -> Row:
    """Return a task's places with their values as text."""
    made = [
        {
            "name": f"option {place['place']}",
            "chosen": shown(place["chosen"], "chosen"),
            "right": shown(place["right"], "right"),
            "cell": cell({**place, "metric": "excess"}),
            "n": place["n"],
        }
        for place in row["places"]
    ]
    return {"title": row["title"], "places": made}


def counted(number: int, word: str) -> str:
    """Return "1 task", "2 tasks"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def _detectable(row: Row) -> str:
    value = row.get("detectable")
    if value is None:
        return "not known"
    return "none: too few items" if value >= 1 and row["metric"] != "perplexity" else shown(value, row["metric"])


def _shown(row: Row) -> Row:
    task, protocol = TASKS.get(row["task"]), row["protocol"]
    asked = f"{protocol.get('method', '')}, {protocol.get('shots', 0)} examples, {protocol.get('precision', '')}"
    return {
        **row,
        "title": task.title if task else row["task"],
        "metric_name": metric_name(row["metric"]),
        "cell": cell(row),
        "detectable_text": _detectable(row),
        "asked": asked,
        "variant": variant_text(row),
    }
