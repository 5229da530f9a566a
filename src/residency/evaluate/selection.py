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
from residency.infer.prompts.shots import instructed

DEVELOPMENT = 0.1
"""The share of a task's training groups that is for development, where its set has no part for it."""


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


def development_items(
    examples: Path | None, task: Task, share: float = DEVELOPMENT
) -> tuple[list[Example], list[Example]]:
    """Return (the items to develop on, the solved items that may be shown before them).

    Those of the task's own part for it ("validation", ``dev``), else a share of the groups that may be learned, drawn
    by a hash of their names: the same ones that training holds out. Never a test item.
    """
    plain = replace(task, ask=replace(task.ask, turn=0))
    own = examples_of(plain, "validation")[0] if task.data or task.own else list(_of_run(examples, task, "dev"))
    train, solved = train_items(examples, task), solved_items(examples, task)
    held = own or [replace(e, split="dev") for e in train if mark(e.group) < share]
    groups = {e.group for e in held}
    return held, [e for e in solved if e.group not in groups]


def mark(group: str) -> float:
    """Return a number from 0 to 1 that a group alone decides."""
    return int.from_bytes(hashlib.sha256(f"dev:{group}".encode()).digest()[:7], "big") / 2**56


def _of_run(examples: Path | None, task: Task, split: str) -> Iterator[Example]:
    """Yield a run's items, which come with their prompts; an instruction of a prompt file stands before these."""
    if examples:
        found = read_examples(examples / "examples.jsonl", split=split, task=task.name)
        yield from (instructed(e, task.ask.instruction) for e in found)
