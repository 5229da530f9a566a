"""The report's tables: a line a model and a column or a group a metric, kinds of item, and every comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from residency.evaluate.findings import verdict
from residency.evaluate.grids import NONE, Cell, Column, Grid, Group, Line, cells, grouped
from residency.evaluate.ledger import FORGETTING, Items, gated, known, metric_for
from residency.evaluate.names import is_rule, label, metric_name
from residency.evaluate.numbers import absent, cell, few_note, interval_text, p_short, shown
from residency.evaluate.tasks import TASKS, Task
from residency.measure.intervals import bootstrap, groups_of, scored

Row = dict[str, Any]
KINDS = {
    "base": "trained against the better base",
    "rule": "trained against the best trivial rule",
    "control": "trained against the shuffled control",
    "tuned": "aligned against tuned",
    "gguf": "compressed against uncompressed",
    "tuned_vs_base": "tuned against the better base",
    "forgetting": "trained against base, general ability",
    "baseline": "every model against a linear CRF, trained here on the task's own training texts",
}
VERDICTS = {"better": "better", "worse": "worse", "open": "no clear difference"}
LOWER = ("ece", "perplexity", "contradiction", "position_bias")
"""Metrics of which less is better."""
COUNTS = (Column("Items"), Column("Unreadable"), Column("Not scored"))


def matrix(rows: list[Row], head: Callable[[Row], str], caption: str, *, counts: bool = True) -> Grid:
    """Return ledger rows as a table: a line a model, a column for each ``head``, and the counts of the first column.

    A cell without a value says why there is none.
    """
    metrics = {head(row): row["metric"] for row in rows}
    of = {(row["model"], head(row)): row for row in rows}
    lines = []
    for model, part in grouped(rows, lambda row: row["model"]).items():
        found = [_value(of.get((model, column)), model, metric) for column, metric in metrics.items()]
        lines.append(Line(label(model), cells(*found, *(_counts(part[0]) if counts else ()))))
    columns = [*(Column(name, "value") for name in metrics), *(COUNTS if counts else ())]
    groups, look = [Group("", lines)] if lines else [], "" if counts else "small"
    return Grid(told(f"{caption}, with 95% intervals", rows), "Model", columns, groups, look)


def by_metric(rows: list[Row], caption: str) -> Grid:
    """Return ledger rows as a table with a group a metric, and in each a line a model."""
    models = list(dict.fromkeys(row["model"] for row in rows))
    groups = []
    for metric, part in grouped(rows, lambda row: row["metric"]).items():
        of = {row["model"]: row for row in part}
        lines = [
            Line(label(model), cells(_value(of.get(model), model, metric), *_counts(of.get(model)))) for model in models
        ]
        groups.append(Group(metric_name(metric), lines, note=lower(metric)))
    caption = told(f"{caption}, with 95% intervals", rows)
    return Grid(caption, "Model", (Column("Value", "value"), *COUNTS), groups, look="small")


def lower(metric: str) -> str:
    """Return what a reader must know of a metric to read it the right way round."""
    return "lower is better" if metric in LOWER else ""


def told(caption: str, rows: Iterable[Row]) -> str:
    """Return a caption that explains the mark of a rough interval where one of the rows has it."""
    note = few_note(rows)
    return f"{caption}. {note}" if note else caption


def _value(row: Row | None, model: str, metric: str) -> str:
    return cell(row) if row else absent(model, metric)


def _counts(row: Row | None) -> tuple[object, ...]:
    return (row["n"], row["unparsed"], row["not_scored"]) if row else (NONE, NONE, NONE)


def others(ledger: Row) -> Grid:
    """Return the table of tasks that are shown and gate nothing: relations, codes."""
    beside = (*gated(ledger["rows"]), *FORGETTING)
    rows = [row for row in ledger["rows"] if row["task"] not in beside and not is_rule(row["model"])]
    caption = "Entity F1 on two tasks beside the four"
    return matrix(rows, lambda row: TASKS[row["task"]].title if row["task"] in TASKS else row["task"], caption)


def calibration(ledger: Row) -> Grid:
    """Return the table of expected calibration errors, a column a family."""
    rows = [row for row in ledger["rows"] if row["metric"] == "ece"]
    return matrix(rows, lambda row: row["family"], "Expected calibration error in points", counts=False)


def forgetting(ledger: Row) -> Grid:
    """Return the table of general ability: perplexity and instructions followed."""
    rows = [row for row in ledger["rows"] if row["task"] in FORGETTING]
    return matrix(rows, lambda row: metric_name(row["metric"]), "General ability", counts=False)


def patterns(task: Task, items: Items, before: str, after: str = "aligned") -> list[Row]:
    """Return the primary metric before and after training for each kind of item, with 95% intervals.

    No test is made here: these parts are small, and there are many.
    """
    models, metric = items.get(task.name, {}), task.metric
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


def comparisons(ledger: Row) -> Grid:
    """Return every comparison in words, in groups of what was asked."""
    columns = (
        Column("From, to", "text"),
        Column("Before"),
        Column("After"),
        Column("Difference", "value"),
        Column("p"),
        Column("p, Holm"),
        Column("Items"),
        Column("Verdict", "text"),
    )
    groups = [
        Group(_begun(KINDS.get(kind, kind)), [_compared(row) for row in part])
        for kind, part in grouped(ledger["comparisons"], lambda row: row["kind"]).items()
    ]
    caption = "Paired comparisons on the same items. p is corrected by Holm's method over the families within each kind"
    return Grid(told(caption, ledger["comparisons"]), "Family", columns, groups)


def _begun(text: str) -> str:
    return text[:1].upper() + text[1:]


def _compared(row: Row) -> Line:
    """Return a comparison as a line, its verdict in words beside its colour."""
    values = [shown(row[key], row["metric"]) for key in ("from_value", "to_value")]
    ways, look = f"{label(row['from'])} → {label(row['to'])}", verdict(row)
    tests = [p_short(row["p"]), p_short(row["p_holm"])]
    found = [*cells(ways, *values, interval_text(row), *tests, row["n"]), Cell("", VERDICTS[look], look)]
    return Line(row["family"], found, note=metric_name(row["metric"]), look=look)
