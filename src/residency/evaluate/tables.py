"""The report's tables: ledger rows as a row a model and a column a metric, kinds of item, and every comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from residency.evaluate.findings import verdict
from residency.evaluate.ledger import FORGETTING, GATED, Items, known, metric_for
from residency.evaluate.names import is_rule, label, metric_name
from residency.evaluate.numbers import absent, cell, few_note, interval_text, p_text, shown
from residency.evaluate.tasks import TASKS
from residency.measure.intervals import bootstrap, groups_of, scored

Row = dict[str, Any]
KINDS = {
    "base": "aligned against the better base",
    "rule": "aligned against the best trivial rule",
    "control": "aligned against the shuffled control",
    "tuned": "aligned against tuned",
    "gguf": "compressed against aligned",
    "tuned_vs_base": "tuned against the better base",
    "forgetting": "aligned against base, general ability",
}
VERDICTS = {"better": "better", "worse": "worse", "open": "no clear difference"}


def pivot(rows: list[Row], head: Callable[[Row], str]) -> Row:
    """Return ledger rows as a table: a row a model, a column for each ``head``, and the counts of the first column.

    A cell without a value says why there is none.
    """
    metrics = {head(row): row["metric"] for row in rows}
    cells = {(row["model"], head(row)): cell(row) for row in rows}
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row["model"], row)
    return {
        "heads": list(metrics),
        "rows": [
            {
                "model": label(model),
                "cells": [cells.get((model, column)) or absent(model, metrics[column]) for column in metrics],
                "counts": [row["n"], row["unparsed"], row["not_scored"]],
            }
            for model, row in first.items()
        ],
    }


def others(ledger: Row) -> Row:
    """Return the table of tasks that are shown and gate nothing: relations, codes."""
    rows = [row for row in ledger["rows"] if row["task"] not in (*GATED, *FORGETTING) and not is_rule(row["model"])]
    return pivot(rows, lambda row: TASKS[row["task"]].title if row["task"] in TASKS else row["task"])


def calibration(ledger: Row) -> Row:
    """Return the table of expected calibration errors, a column a family."""
    return pivot([row for row in ledger["rows"] if row["metric"] == "ece"], lambda row: row["family"])


def forgetting(ledger: Row) -> Row:
    """Return the table of general ability: perplexity and instructions followed."""
    return pivot([row for row in ledger["rows"] if row["task"] in FORGETTING], lambda row: metric_name(row["metric"]))


def patterns(task: str, items: Items, before: str, after: str = "aligned") -> list[Row]:
    """Return the primary metric before and after training for each kind of item, with 95% intervals.

    No test is made here: these parts are small, and there are many.
    """
    models, metric = items.get(task, {}), TASKS[task].metric
    if before not in models or after not in models:
        return []
    made = []
    for name in kinds_of(models[after]):
        parts = [measured(metric, part_of(models[model], name)) for model in (before, after)]
        made.append(
            {
                "name": name.replace("_", " ") or "all",
                "n": len(part_of(models[after], name)),
                "before": cell(parts[0]),
                "after": cell(parts[1]),
                "note": few_note(parts),
            }
        )
    return made


def kinds_of(rows: list[Row]) -> list[str]:
    """Return the kinds of item among a model's rows, in order."""
    return sorted({row.get("pattern") or "" for row in rows})


def part_of(rows: list[Row], name: str) -> list[Row]:
    """Return a model's rows on one kind of item."""
    return [row for row in rows if (row.get("pattern") or "") == name]


def measured(metric: str, part: list[Row]) -> Row:
    """Return a metric on some items with its interval, in the fields of a ledger row that are shown."""
    made = metric_for(metric, part)
    found = bootstrap(part, made, n=1000)
    kept, _ = scored(part, made)
    limits = {"value": known(found.value), "low": known(found.low), "high": known(found.high)}
    return {**limits, "metric": metric, "groups": groups_of(kept), "n": len(kept)}


def comparison_table(ledger: Row) -> list[Row]:
    """Return every comparison in words."""
    return [
        {
            "what": KINDS.get(row["kind"], row["kind"]),
            "task": row["task"],
            "family": row["family"],
            "metric": metric_name(row["metric"]),
            "from": label(row["from"]),
            "to": label(row["to"]),
            "n": row["n"],
            "before": shown(row["from_value"], row["metric"]),
            "after": shown(row["to_value"], row["metric"]),
            "difference": interval_text(row),
            "p": p_text(row["p"]).removeprefix("p = "),
            "p_holm": p_text(row["p_holm"]).removeprefix("p = "),
            "look": verdict(row),
            "verdict": VERDICTS[verdict(row)],
        }
        for row in ledger["comparisons"]
    ]
