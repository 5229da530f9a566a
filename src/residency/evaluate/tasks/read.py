"""A task's items as examples: from a public set, or from a user's own files."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from residency.core.errors import RecipeError, UserError
from residency.core.progress import say
from residency.core.types import Example
from residency.corpus import benchmarks
from residency.evaluate.tasks import own
from residency.evaluate.tasks.form import Ask, Item, example_of
from residency.evaluate.tasks.task import Task
from residency.infer.prompts.words import WORDINGS


def examples_of(task: Task, split: str = "") -> tuple[list[Example], Counter[str]]:
    """Return the examples of a task that brings its own items, and how many were left out for what.

    ``split`` defaults to the one that the task is examined on. Those of a public set are sorted by id, those of a
    user's file lie as they do there. Raises SourceError where the data is absent.
    """
    split = split or task.split
    if task.own:
        return list(each_example(task, split)), Counter()
    found = benchmarks.items(task.data, split)
    items = list(task.adapt(found.items) if task.adapt else found.items)
    ask = _with_labels(task, found.items)
    made = [example_of(task.kind, ask, item, task=task.name, source=task.data, split=split) for item in items]
    return sorted(made, key=lambda e: e.id), found.skipped


def each_example(task: Task, split: str = "") -> Iterator[Example]:
    """Yield what ``examples_of`` returns; a user's file is read as its examples are asked for."""
    split = split or task.split
    if not task.own:
        yield from examples_of(task, split)[0]
        return
    declared = own.read_declaration(Path(task.own))
    if file := own_file(declared, "test" if split == task.split else split):
        declared |= {key: getattr(task.ask, key) for key in ("instruction", "style", "wording", "turn", "said")}
        yield from own.examples_of(declared, Path(task.own).parent, file=file, split=split)


def own_file(declared: Mapping[str, Any], split: str) -> str:
    """Return the field of a user's task that names the items of a split ("" where none does).

    What is shown solved (``shots``) is in the file of that name, what is learned in ``train``; each stands in for the
    other where that is not there.
    """
    files = {"test": ("items",), "validation": ("dev",), "shots": ("shots", "train")}
    wanted = files.get(split, ("train", "shots"))
    return next((file for file in wanted if file in declared), "")


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
    for file in own.FILES:
        try:
            if own.can_read(declared, file):
                deque(own.each_item_of(declared, path.parent, file), maxlen=0)
        except UserError as error:
            problems.append(str(error))
    if not wrong and not problems and (twice := own.repeated(declared, path.parent)):
        problems.append(twice)
    if wrong or problems:
        raise (RecipeError if wrong else UserError)("\n".join([*wrong, *problems]))
    if (spoken := declared.get("language", "en")) not in WORDINGS:
        say(f"{path.name}: there are no words of ours in {spoken!r}; the answer is asked for in English")
    return declared_task(path)


def declared_task(path: Path) -> Task:
    """Return the task that a user's YAML file declares, without a look at its items."""
    declared = own.read_declaration(path)
    kind = declared["kind"]
    writes = kind in ("tag", "extract", "generate", "rubric")
    lists = kind in ("tag", "extract") and "]" not in "".join(declared.get("labels", ()))
    return Task(
        declared["task"],
        declared.get("family", "own"),
        kind,
        declared.get("metric", own.METRICS[kind][0]),
        declared.get("stakeholder", "not stated"),
        declared.get("care", "not stated"),
        declared.get("max_tokens", 256) if writes else 0,
        ("]",) if lists else (),
        lists,
        title=declared["task"],
        ask=Ask(
            declared.get("instruction", ""),
            style=declared.get("style", "letters"),
            language=declared.get("language", "en"),
        ),
        own=str(path.resolve()),
        judge=declared.get("judge", ""),
    )
