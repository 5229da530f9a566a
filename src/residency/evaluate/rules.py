"""Trivial rules on the items that the models answer, scored by the same functions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residency.core.store import read_jsonl, sha256_json, write_json, write_jsonl
from residency.core.types import Example
from residency.evaluate.names import stem_of
from residency.evaluate.score import row_of
from residency.evaluate.selection import test_items, train_items
from residency.evaluate.statement import about
from residency.evaluate.tasks import Task
from residency.measure.rules import RULES, SHOWN, dictionary, longer, majority


def run_rules(examples: Path, items: Path, tasks: Sequence[Task], limit: int = 0) -> None:
    """Write the rows of every trivial rule on every task it applies to; they cost seconds and are always made anew."""
    for task in tasks:
        test = test_items(examples, task, limit)
        rules = rules_for(task, examples) if test else {}
        train = train_items(examples, task) if rules else []
        for name, rule in rules.items():
            target = items / task.name / f"{stem_of(name)}.jsonl"
            answers = rule(train, test)
            write_jsonl(target, [row_of(task, e, a) for e, a in zip(test, answers, strict=True)])
            write_json(
                target.with_suffix(".protocol.json"),
                {
                    "model": name,
                    "task": task.name,
                    "about": about(task),
                    "n": len(test),
                    "method": "rule, no model",
                    "metric": task.metric,
                    "items_sha256": sha256_json([[e.id, e.prompt, e.wanted] for e in test]),
                },
            )


def rules_for(task: Task, examples: Path) -> dict[str, Any]:
    """Return the trivial rules of a task by name; the dictionaries know the names of train, and those of all of HPO."""
    if task.data or task.own:
        return _by_kind(task)
    found = {name: rule for name, (rule, tasks) in {**RULES, **SHOWN}.items() if task.name in tasks}
    names = examples / "names.jsonl"
    if task.name == "ie" and names.exists():
        known = list(read_jsonl(names))
        found["rule:dictionary_train"] = dictionary(r["name"] for r in known if r["split"] == "train")
        found["rule:dictionary_hpo"] = dictionary(r["name"] for r in known)
    return found


def _by_kind(task: Task) -> dict[str, Any]:
    """Return the rules of a public task or a user's own: its commonest answer, a dictionary of what training
    marks, or the longer of two answers.
    """
    if task.kind in ("choice", "classify"):
        return {"rule:majority": majority}
    if task.kind == "prefer":
        return {"rule:longer": longer}
    if task.kind == "extract" and len(task.ask.labels) == 1:  # of several labels a phrase alone does not tell which
        return {"rule:dictionary_train": marked}
    return {}


def marked(train: list[Example], test: list[Example]) -> list[str]:
    """Return what a dictionary of the phrases that training examples mark finds."""
    return dictionary(e.meta["text"][s.start : s.end] for e in train for s in e.spans)(train, test)
