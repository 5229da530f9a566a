"""Which items a task is examined on, and which may be shown solved: of a run, of a public set, of a user's file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from residency.core.store import read_examples
from residency.core.types import Example
from residency.corpus.general import general_instructions, general_text
from residency.evaluate.tasks import Task
from residency.evaluate.tasks.read import each_example, examples_of


def test_items(examples: Path | None, task: Task, limit: int = 0) -> list[Example]:
    """Return the test items of a task in a fixed order, at most ``limit`` where that is given.

    Of a public set these are always the same ones, drawn by a hash of the id, since a set's first items are often of
    one source; of a run's items and a user's file they are the first. Items whose options have no such turn are left
    out: a question of four options has turns 0 to 3.
    """
    return list(each_test_item(examples, task, limit))


def each_test_item(examples: Path | None, task: Task, limit: int = 0) -> Iterator[Example]:
    """Yield what ``test_items`` returns; items of a user's file are read as they are asked for."""
    if task.name == "general_text":
        found = iter(general_text())
    elif task.name == "general_instructions":
        found = iter(general_instructions())
    elif task.data and limit:
        found = iter(drawn(list(each_example(task)), limit))
    elif task.data or task.own:
        found = each_example(task)
    else:
        found = _of_run(examples, task, "test")
    found = islice(found, limit) if limit else found
    return (e for e in found if not task.ask.turn or task.ask.turn < len(e.choices))


def drawn(examples: Sequence[Example], count: int) -> list[Example]:
    """Return ``count`` of the examples by a hash of their ids, in the order given."""
    marks = [hashlib.sha256(e.id.encode()).digest() for e in examples]
    chosen = sorted(range(len(examples)), key=marks.__getitem__)[:count]
    return [examples[i] for i in sorted(chosen)]


def train_items(examples: Path | None, task: Task) -> list[Example]:
    """Return the items of a task that may be learned, their options in their own order."""
    if task.data or task.own:
        return examples_of(replace(task, ask=replace(task.ask, turn=0)), "train")[0]
    return list(_of_run(examples, task, "train"))


def solved_items(examples: Path | None, task: Task) -> list[Example]:
    """Return the solved items of a task that may be shown before a question, their options in their own order."""
    if task.own:
        return examples_of(replace(task, ask=replace(task.ask, turn=0)), "shots")[0]
    return train_items(examples, task)


def _of_run(examples: Path | None, task: Task, split: str) -> Iterator[Example]:
    return read_examples(examples / "examples.jsonl", split=split, task=task.name) if examples else iter(())
