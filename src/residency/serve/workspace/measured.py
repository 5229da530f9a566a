"""What a ledger holds, in the reader's words: its tasks one by one, its metrics, its findings by what they weigh."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from residency.evaluate.names import TRAINED, label, metric_name, shots
from residency.evaluate.tasks import TASKS
from residency.serve.workspace.words import Words

Row = Mapping[str, Any]
LEVELS = ("red", "caution", "good", "note")
"""The levels of findings, in the order in which they are read: what is bad is never below what is good."""
OPEN = ("red", "caution")
"""The levels that are not folded."""


@dataclass(frozen=True, slots=True)
class Part:
    """One task of a ledger: its rows, and the row that stands for it while it is folded."""

    task: str
    rows: tuple[Row, ...]
    head: Row


@dataclass(frozen=True, slots=True)
class Weighed:
    """The findings of one level; ``open``: they are not folded."""

    level: str
    findings: tuple[Row, ...]
    open: bool


def parts_of(rows: Iterable[Row]) -> list[Part]:
    """Return the rows by task, in the order in which the tasks come."""
    by_task: dict[str, list[Row]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row)
    return [Part(task, tuple(found), _head(found)) for task, found in by_task.items()]


def _head(rows: list[Row]) -> Row:
    """Return the row of the task's own metric for the model that the journey ends with, else the last that has it."""
    own = TASKS[rows[0]["task"]].metric if rows[0]["task"] in TASKS else rows[0]["metric"]
    of_own = [row for row in rows if row["metric"] == own] or rows
    trained = (row for model in TRAINED for row in of_own if row["model"] == model)
    return next(trained, of_own[-1])


def weighed(findings: Iterable[Row]) -> list[Weighed]:
    """Return the findings by level, the worst first; a level that we do not know stands with what is bad."""
    by_level: dict[str, list[Row]] = {}
    for one in findings:
        by_level.setdefault(str(one.get("level")), []).append(one)
    order = [*(level for level in by_level if level not in LEVELS), *(level for level in LEVELS if level in by_level)]
    return [Weighed(level, tuple(by_level[level]), level in OPEN or level not in LEVELS) for level in order]


def task_title(task: str, t: Words) -> str:
    """Return what a task is called: in the reader's words where it is ours, else by its title."""
    known = TASKS.get(task)
    return t.or_else(f"task.{task}", (known.title if known else "") or task)


def model_title(model: str, t: Words) -> str:
    """Return what a model of a ledger is called: "Tuned", "Base, 3 solved examples before it", "Rule: copy"."""
    if (shown := shots(model)) is not None:
        return t("model_of.base", n=shown)
    return t.or_else(f"model_of.{model}", label(model))


def metric_title(metric: str, t: Words) -> str:
    """Return what a metric is called."""
    return t.or_else(f"metric.{metric}", metric_name(metric))
