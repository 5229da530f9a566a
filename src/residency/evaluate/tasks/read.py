"""A task's items as examples: from a public set, or from a user's own files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from residency.core.errors import RecipeError, UserError
from residency.core.types import Example
from residency.corpus import benchmarks
from residency.evaluate.tasks import own
from residency.evaluate.tasks.form import Ask, Item, example_of
from residency.evaluate.tasks.task import Task


def examples_of(task: Task, split: str = "") -> tuple[list[Example], Counter[str]]:
    """Return the examples of a task that brings its own items, sorted by id, and how many were left out for what.

    ``split`` defaults to the one that the task is examined on. Raises SourceError where the data is absent.
    """
    split = split or task.split
    if task.own:
        path = Path(task.own)
        declared = own.read_declaration(path)
        file = "items" if split == task.split else "shots"
        if file not in declared:
            return [], Counter()
        declared["style"] = task.ask.style
        return own.examples_of(declared, path.parent, file=file, split=split), Counter()
    found = benchmarks.items(task.data, split)
    items = list(task.adapt(found.items) if task.adapt else found.items)
    ask = _with_labels(task, found.items)
    made = [example_of(task.kind, ask, item, task=task.name, source=task.data, split=split) for item in items]
    return sorted(made, key=lambda e: e.id), found.skipped


def _with_labels(task: Task, items: Iterable[Item]) -> Ask:
    """Return how the task asks; an extract task that names no label takes all that its set's test items hold."""
    if task.kind != "extract" or task.ask.labels:
        return task.ask
    known = items if task.split in {i["split"] for i in items} else benchmarks.items(task.data, task.split).items
    return replace(task.ask, labels=tuple(sorted({e["label"] for item in known for e in item["entities"]})))


def own_task(path: Path) -> Task:
    """Return the task of a user's YAML file, after reading all of its items once; every mistake is told at once."""
    declared, wrong = own.declared(path)
    problems = []
    for file in ("items", "shots"):
        try:
            if own.can_read(declared, file):
                own.items_of(declared, path.parent, file)
        except UserError as error:
            problems.append(str(error))
    if wrong or problems:
        raise (RecipeError if wrong else UserError)("\n".join([*wrong, *problems]))
    kind = declared["kind"]
    writes = kind in ("extract", "generate")
    return Task(
        declared["task"],
        declared.get("family", "own"),
        kind,
        declared.get("metric", own.METRICS[kind][0]),
        declared.get("stakeholder", "not stated"),
        declared.get("care", "not stated"),
        declared.get("max_tokens", 256) if writes else 0,
        ("]",) if kind == "extract" else (),
        kind == "extract",
        title=declared["task"],
        ask=Ask(style=declared.get("style", "letters"), language=declared.get("language", "en")),
        own=str(path.resolve()),
    )
