"""The page of one evaluation: every number with its interval, how it was asked, and what differs from the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residency.core.store import atomic_path, write_json
from residency.evaluate.findings import verdict
from residency.evaluate.ledger import TOLD
from residency.evaluate.names import label, metric_name
from residency.evaluate.numbers import cell, few_note, shown
from residency.evaluate.report import environment
from residency.evaluate.tables import comparison_table
from residency.evaluate.tasks import TASKS

Row = dict[str, Any]


def write_overview(
    out: Path, models: Sequence[str], rows: Sequence[Row], compared: Sequence[Row], cost: dict[str, Any]
) -> Path:
    """Write ``ledger.json`` and ``evaluation.html`` of an evaluation, and return the page's file."""
    document = {"models": list(models), "cost": cost, "rows": list(rows), "comparisons": list(compared)}
    write_json(out / "ledger.json", document)
    target = out / "evaluation.html"
    with atomic_path(target) as temporary:
        temporary.write_text(overview(models, rows, compared), encoding="utf-8")
    return target


def overview(models: Sequence[str], rows: Sequence[Row], compared: Sequence[Row] = ()) -> str:
    """Return the page."""
    families: dict[str, list[Row]] = {}
    varied = [_shown(row) for row in rows if variant_text(row)]
    for row in rows:
        if not variant_text(row):
            families.setdefault(row["family"], []).append(_shown(row))
    template = environment().get_template("evaluation.html.jinja")
    return template.render(
        model=" and ".join(models),
        several=len(models) > 1,
        rows=rows,
        count=counted(len(rows), "number"),
        tasks=counted(len({row["task"] for row in rows}), "task"),
        families=list(families.items()),
        compared=[{**row, "title": _title(row["task"])} for row in comparison_table({"comparisons": compared})],
        worse=counted(sum(verdict(row) == "worse" for row in compared), "task"),
        unclear=sum(verdict(row) == "open" for row in compared),
        varied=varied,
        places=[_places(row) for row in varied if "places" in row],
        few_note=few_note([*rows, *compared]),
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
    if row["groups"] < TOLD:
        return "none: too few items"
    if value is None:
        return "not known"
    return "none: too few items" if value >= 1 and row["metric"] != "perplexity" else shown(value, row["metric"])


def _shown(row: Row) -> Row:
    protocol = row["protocol"]
    asked = f"{protocol.get('method', '')}, {protocol.get('shots', 0)} examples, {protocol.get('precision', '')}"
    return {
        **row,
        "title": _title(row["task"]),
        "model_name": label(row.get("model", "")),
        "metric_name": metric_name(row["metric"]),
        "cell": cell(row),
        "detectable_text": _detectable(row),
        "asked": asked,
        "variant": variant_text(row),
    }


def _title(task: str) -> str:
    return TASKS[task].title if task in TASKS else task
