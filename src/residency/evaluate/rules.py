"""Trivial rules on the items that the models answer, scored by the same functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from residency.core.store import read_examples, read_jsonl, sha256_json, write_json, write_jsonl
from residency.evaluate.names import stem_of
from residency.evaluate.score import row_of
from residency.evaluate.selection import test_items
from residency.evaluate.tasks import Suite, named
from residency.measure.rules import RULES, SHOWN, dictionary


def run_rules(examples: Path, items: Path, suite: Suite) -> None:
    """Write the rows of every trivial rule on every task it applies to; they cost seconds and are always made anew."""
    for task in named(None, suite):
        test = test_items(examples, task)
        rules = rules_for(task.name, examples) if test else {}
        train = list(read_examples(examples / "examples.jsonl", split="train", task=task.name)) if rules else []
        for name, rule in rules.items():
            target = items / task.name / f"{stem_of(name)}.jsonl"
            answers = rule(train, test)
            write_jsonl(target, [row_of(task, e, a) for e, a in zip(test, answers, strict=True)])
            write_json(
                target.with_suffix(".protocol.json"),
                {
                    "model": name,
                    "task": task.name,
                    "n": len(test),
                    "method": "rule, no model",
                    "metric": task.metric,
                    "items_sha256": sha256_json([[e.id, e.prompt, e.wanted] for e in test]),
                },
            )


def rules_for(task: str, examples: Path) -> dict[str, Any]:
    """Return the trivial rules of a task by name; the dictionaries know the names of train, and those of all of HPO."""
    found = {name: rule for name, (rule, tasks) in {**RULES, **SHOWN}.items() if task in tasks}
    names = examples / "names.jsonl"
    if task == "ie" and names.exists():
        known = list(read_jsonl(names))
        found["rule:dictionary_train"] = dictionary(r["name"] for r in known if r["split"] == "train")
        found["rule:dictionary_hpo"] = dictionary(r["name"] for r in known)
    return found
