"""Published rows beside what is measured here: the same metric on the same items, the protocols side by side.

A row is measured by a rule, or by a model through our own evaluation. What cannot be the same (no hub is reachable, the
part that makes it is not there yet) is said, never filled in.
"""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import RecipeError, ResidencyError
from residency.core.types import Example
from residency.corpus import benchmarks
from residency.evaluate.ledger import metrics_of
from residency.evaluate.score import row_of
from residency.evaluate.tasks import TASKS, Task
from residency.evaluate.tasks.read import examples_of
from residency.measure import intervals
from residency.measure.metrics import metric_for
from residency.measure.rules import majority

NEEDED = ("name", "task", "metric", "model", "published", "source", "protocol")
LEGAL = (*NEEDED, "parts", "not_yet")
TEXTS = tuple(name for name in NEEDED if name != "published")
WITH_OPTIONS = ("choice", "classify")
"""Kinds of task whose items have options, from which one can be drawn."""
Row = dict[str, Any]


def read_rows(path: Path) -> list[Row]:
    """Return the published rows of a YAML file; RecipeError names every mistake at once."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise RecipeError(f"{path}, line {line}: not UTF-8") from None
    except (OSError, yaml.YAMLError) as error:
        raise RecipeError(f"{path} cannot be read: {type(error).__name__}") from None
    rows = found.get("rows") if isinstance(found, dict) else None
    if not isinstance(rows, list) or not rows:
        raise RecipeError(f"{path} holds no `rows:` list")
    wrong = [problem for number, row in enumerate(rows, 1) for problem in _mistakes(number, row)]
    if wrong:
        raise RecipeError("\n".join(f"{path.name}: {problem}" for problem in wrong))
    return rows


def _mistakes(number: int, row: Any) -> Iterable[str]:
    if not isinstance(row, dict):
        yield f"row {number} is not a mapping"
        return
    yield from (f"row {number}: {name} is missing" for name in NEEDED if name not in row)
    yield from (f"row {number}: {name} is not legal; legal are {', '.join(LEGAL)}" for name in row if name not in LEGAL)
    yield from (f"row {number}: {name} is no text" for name in TEXTS if name in row and not isinstance(row[name], str))
    published, parts = row.get("published"), row.get("parts", [])
    if not isinstance(published, int | float) or isinstance(published, bool) or not 0 <= published <= 100:
        yield f"row {number}: published is {published!r}; expected a value from 0 to 100"
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        yield f"row {number}: parts is no list of names, such as [train, validation, test]"
    if "not_yet" not in row:
        yield from (f"row {number}: {problem}" for problem in _unmeasurable(row))


def _unmeasurable(row: Row) -> Iterable[str]:
    """Yield why a row that is to be measured cannot be: its task, and what does not suit the task."""
    name, metric, model = (row.get(key) for key in ("task", "metric", "model"))
    task = TASKS.get(name) if isinstance(name, str) else None
    if task is None:
        if not isinstance(name, str) or not name.startswith("lm-eval:"):
            yield f"no task is called {name}; legal are the tasks of `residency evaluate` and lm-eval:NAME"
        return
    if not task.data:
        yield f"task {name} is made anew by every run, so nothing published stands beside it; legal are " + ", ".join(
            t.name for t in TASKS.values() if t.data
        )
        return
    legal = metrics_of(task)
    if isinstance(metric, str) and metric not in legal:
        near = difflib.get_close_matches(metric, legal, 1)
        hint = f"; did you mean {near[0]}?" if near else ";"
        yield f"{name} has no metric {metric}{hint} legal are {', '.join(legal)}"
    if model == "rule:random" and task.kind not in WITH_OPTIONS:
        yield f"rule:random draws one of the options, and {name} has none"


def reproduce(rows: Iterable[Row], out: Path) -> list[Row]:
    """Return each published row with what was measured, the difference, or why there is none."""
    return [{**row, **_measured(row, out)} for row in rows]


def _measured(row: Row, out: Path) -> Row:
    if "not_yet" in row:
        return {"status": f"not yet run: {row['not_yet']}"}
    try:
        made = _by_rule(row) if row["model"].startswith("rule:") else _by_model(row, out)
    except ResidencyError as error:
        return {"status": f"cannot be measured here: {error}"}
    value = made["value"]
    if value is None or math.isnan(value):
        return {"status": f"cannot be measured here: {row['model']} gives nothing that {row['metric']} is made of"}
    return {"status": "measured", **made, "difference": 100 * value - row["published"]}


def _by_rule(row: Row) -> Row:
    task = TASKS[row["task"]]
    test = [e for part in row.get("parts", [task.split]) for e in examples_of(task, part)[0]]
    if not test:
        raise ResidencyError(f"{task.data} has no item in {', '.join(row.get('parts', [task.split]))}")
    rule = {"rule:majority": _majority, "rule:random": _random}.get(row["model"])
    if rule is None:
        raise ResidencyError(f"no rule is called {row['model']}; legal are rule:majority and rule:random")
    said = rule(task, test)
    items = [row_of(task, e, answer) for e, answer in zip(test, said, strict=True)]
    found = intervals.bootstrap(items, metric_for(row["metric"], items))
    ours = f"{row['model']} on {len(items)} items of {task.data}, parts {', '.join(row.get('parts', [task.split]))}"
    return {"value": found.value, "low": found.low, "high": found.high, "n": len(items), "measured_protocol": ours}


def _majority(task: Task, test: list[Example]) -> list[str]:
    return majority(examples_of(task, "train")[0] or test, test)


def _random(task: Task, test: list[Example]) -> list[str]:
    draw = random.Random(f"0:{task.name}")
    return [draw.choice(e.choices) for e in test]


def _by_model(row: Row, out: Path) -> Row:
    if row["task"].startswith("lm-eval:"):
        return _by_harness(row)
    from residency.evaluate.run import evaluate_models

    benchmarks.folder_of(TASKS[row["task"]].data)  # looked for before a model is fetched
    made = evaluate_models([row["model"]], tasks=row["task"], out=out, precision="fp32")["rows"]
    found = next((r for r in made if r["metric"] == row["metric"]), None)
    if found is None:
        raise ResidencyError(f"{row['model']} gives nothing that {row['metric']} is made of")
    about = benchmarks.SETS[TASKS[row["task"]].data]
    ours = f"{found['protocol']['method']}, {found['protocol']['shots']} examples, {about.url} at {about.commit}"
    return {key: found[key] for key in ("value", "low", "high", "n")} | {"measured_protocol": ours}


def _by_harness(row: Row) -> Row:
    """Return what lm-evaluation-harness gives with our scorer, where its data can be had."""
    from residency.evaluate.harness import NAME, register

    register()
    import lm_eval

    name = row["task"].removeprefix("lm-eval:")
    try:
        made = lm_eval.simple_evaluate(
            model=NAME, model_args={"pretrained": row["model"]}, tasks=[name], bootstrap_iters=0, log_samples=False
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise ResidencyError(f"its data or model needs a hub that is not reachable ({type(error).__name__})") from None
    result = made["results"][name]
    if f"{row['metric']},none" not in result:
        known = sorted(key.split(",")[0] for key in result if key.endswith(",none") and "_stderr" not in key)
        raise ResidencyError(f"{name} has no metric {row['metric']}; legal are {', '.join(known)}")
    value = float(result[f"{row['metric']},none"])
    spread = float(result.get(f"{row['metric']}_stderr,none") or "nan")
    ours = f"lm-evaluation-harness {lm_eval.__version__}, task {name}"
    low, high = value - 1.96 * spread, value + 1.96 * spread
    return {
        "value": value,
        "low": low,
        "high": high,
        "n": made["n-samples"][name]["effective"],
        "measured_protocol": ours,
    }
