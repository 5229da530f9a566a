"""A made-up evaluation of several models on all public medical tasks, for tests of its page: nothing was measured."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from residency.evaluate.ledger import BESIDE
from residency.evaluate.tasks import MED, Task

METHOD = {"likelihood": "likelihood of the option's letter and end of turn, summed", "generation": "greedy generation"}


def make_evaluation(models: Sequence[str], seed: int = 0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return ledger rows of every task and metric for each model, and the comparisons with the first.

    The second model is worse on every fifth task; one value of the last was not scored.
    """
    rng = random.Random(f"{seed}:evaluation")
    rows = [row for task in MED for model in models for row in _rows(task, model, rng)]
    rows[-1] |= dict.fromkeys(("value", "low", "high", "detectable")) | {"n": 0, "groups": 0, "not_scored": 40}
    compared = [
        _compared(task, models[0], model, worse=n % 5 == 0 and model == models[1], rng=rng)
        for n, task in enumerate(MED)
        for model in models[1:]
    ]
    return rows, compared


def _rows(task: Task, model: str, rng: random.Random) -> list[dict[str, Any]]:
    usual = ("rouge_l", *BESIDE["rouge_l"]) if task.kind == "generate" else ()
    names = dict.fromkeys((task.metric, *task.beside, *BESIDE.get(task.metric, ()), *usual))
    return [_row(task, model, name, rng) for name in names]


def _row(task: Task, model: str, metric: str, rng: random.Random) -> dict[str, Any]:
    value, spread = rng.random(), rng.uniform(0.02, 0.2)
    how = METHOD["likelihood" if task.kind in ("choice", "classify") else "generation"]
    protocol = {"method": how, "shots": 0, "precision": "q8_0 (llama.cpp)" if model == "gguf" else "bf16"}
    return {
        "model": model, "task": task.name, "family": task.family, "stakeholder": task.stakeholder, "care": task.care,
        "metric": metric, "value": value, "low": max(0.0, value - spread), "high": min(1.0, value + spread),
        "n": 40, "groups": rng.choice((12, 40)), "detectable": spread, "unparsed": rng.randrange(3), "not_scored": 0,
        "contaminated": None if model == "base" else False,
        "protocol": {**protocol, "language": task.ask.language, "variant": ""},
    }  # fmt: skip


def _compared(task: Task, first: str, model: str, *, worse: bool, rng: random.Random) -> dict[str, Any]:
    value, difference = rng.uniform(0.3, 0.6), -0.25 if worse else 0.01
    return {
        "kind": "models", "task": task.name, "family": task.family, "metric": task.metric, "from": first, "to": model,
        "from_value": value, "to_value": value + difference, "difference": difference, "low": difference - 0.1,
        "high": difference + 0.1, "p": 0.002 if worse else 0.8, "p_holm": 0.04 if worse else 1.0, "n": 40, "groups": 40,
    }  # fmt: skip
