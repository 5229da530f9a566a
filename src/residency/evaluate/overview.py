"""The page of one evaluation: every number with its interval, how it was asked, and what differs from the first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from residency.core.machine import machine, versions
from residency.core.store import atomic_path, read_json, write_json
from residency.evaluate import glossary
from residency.evaluate.cuts import by_axes, by_language, primary_of
from residency.evaluate.findings import verdict
from residency.evaluate.ledger import TOLD
from residency.evaluate.names import label, metric_name
from residency.evaluate.numbers import cell, few_note, shown
from residency.evaluate.report import environment
from residency.evaluate.tables import comparison_table
from residency.evaluate.tasks import TASKS

Row = dict[str, Any]
SHOWN = 4000
"""Characters of an example's prompt that the page shows."""
EXPLAINED = ("Micro F1", "All labels right", "Pearson and Spearman correlation")
"""Words of the glossary that the page explains where a metric is called so; the usual ones it always does."""


def write_overview(
    out: Path, models: Sequence[str], rows: Sequence[Row], compared: Sequence[Row], cost: Row, command: str = ""
) -> Path:
    """Write ``ledger.json`` and ``evaluation.html`` of an evaluation, and return the page's file.

    Both say by which ``command`` they were made, when, and on what machine and versions.
    """
    about: Row = {"command": command, "made": datetime.now(UTC).isoformat(timespec="seconds")}
    about |= {"machine": machine(), "versions": versions()}
    document = {"models": list(models), **about, "cost": cost, "rows": list(rows), "comparisons": list(compared)}
    write_json(out / "ledger.json", document)
    target = out / "evaluation.html"
    text = overview(models, rows, compared, about={**about, "cost": cost}, examples=examples(out, rows))
    with atomic_path(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target


def examples(out: Path, rows: Sequence[Row]) -> list[Row]:
    """Return the first question of each public task as the first model that has one was given it."""
    found: dict[str, Row] = {}
    for row in rows:
        path = out / "items" / row["task"] / f"{row['model']}.example.json"
        if row["task"] not in found and path.exists():
            asked = read_json(path)
            prompt, more = asked["prompt"][:SHOWN], len(asked["prompt"]) - SHOWN
            found[row["task"]] = {
                "title": _title(row["task"]),
                "model": label(row["model"]),
                "prompt": f"{prompt} … (and {more:,} more characters)" if more > 0 else prompt,
                "wanted": asked["wanted"][0] if asked["wanted"] else "",
            }
    return list(found.values())


def overview(
    models: Sequence[str],
    rows: Sequence[Row],
    compared: Sequence[Row] = (),
    *,
    about: Row | None = None,
    examples: Sequence[Row] = (),
) -> str:
    """Return the page; ``about`` says how it was made."""
    families: dict[str, list[Row]] = {}
    varied = [_shown(row) for row in rows if variant_text(row)]
    for row in rows:
        if not variant_text(row):
            families.setdefault(row["family"], []).append(_shown(row))
    primary = [_shown(row) for row in primary_of(rows)]
    named = dict.fromkeys(metric_name(row["metric"]) for row in rows)
    template = environment().get_template("evaluation.html.jinja")
    return template.render(
        model=" and ".join(models),
        several=len(models) > 1,
        rows=rows,
        count=counted(len(rows), "number"),
        tasks=counted(len({row["task"] for row in rows}), "task"),
        families=list(families.items()),
        axes=by_axes(primary),
        languages=by_language(primary),
        compared=[{**row, "title": _title(row["task"])} for row in comparison_table({"comparisons": compared})],
        worse=counted(sum(verdict(row) == "worse" for row in compared), "task"),
        unclear=sum(verdict(row) == "open" for row in compared),
        varied=varied,
        places=[_places(row) for row in varied if "places" in row],
        few_note=few_note([*rows, *compared]),
        about=about,
        examples=examples,
        words=[word for word in glossary.occurring(" ".join(named)) if word.name in EXPLAINED],
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
