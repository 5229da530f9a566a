"""The ledger: every model's every number on the same items, with intervals, and the comparisons that decide.

It is read from the items that an evaluation kept (``items/<task>/<model>.jsonl``) and can be built again at any time.
nan, "not scored", stands as None here and as null in the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.parts import Rows
from residency.core.runs import read_record
from residency.core.store import read_json
from residency.evaluate.contamination import LEAKS
from residency.evaluate.facts import cost, manifest, parity
from residency.evaluate.findings import finding, findings, no_baseline, verdict
from residency.evaluate.names import (
    TRAINED,
    in_order,
    is_base,
    is_baseline,
    is_gating_rule,
    model_name,
    over_baselines,
    stage_of,
)
from residency.evaluate.tasks import SUITES, TASKS, Task
from residency.measure import intervals
from residency.measure.metrics import metric_for
from residency.measure.paired import holm, paired

Items = dict[str, dict[str, list[dict[str, Any]]]]  # task -> model -> item rows
Protocols = dict[tuple[str, str], dict[str, Any]]  # (task, model) -> how it was asked


BESIDE = {
    "accuracy": ("ece",),
    "macro_f1": ("accuracy", "balanced_accuracy", "ece"),
    "entity_f1": ("entity_f1_relaxed",),
    "rouge_l": ("bertscore", "rouge_1", "rouge_2", "bleu", "chrf", "distinct_1", "distinct_2"),
    "finding_f1": ("contradiction", "rouge_l", "bertscore"),
    "micro_f1": ("label_f1", "exact_match"),
    "label_f1": ("micro_f1", "exact_match"),
    "exact_match": ("micro_f1", "label_f1"),
    "pearson": ("spearman",),
    "spearman": ("pearson",),
}
"""Metrics shown beside a task's own, where an answer carries what they need."""

TOLD = 6
"""Groups from which on two models can differ at 5% at all: one of 2^6 exchanges in each direction."""
GATED = tuple(name for name, task in TASKS.items() if task.primary)
FORGETTING = ("general_text", "general_instructions")


def build(run: Path) -> dict[str, Any]:
    """Return the ledger of a run folder: ``run``, ``lineage``, ``cost``, ``rows``, ``comparisons`` and ``findings``.

    The lineage says by which receipts and waivers texts of patients were trained on, if any were.
    Whatever has not been evaluated is absent from the rows, and its absence is a finding.
    """
    items, protocols = read_items(run)
    leaks = partial(contaminated, run)
    privacy = read_record(run).get("privacy") or {}
    ledger: dict[str, Any] = {"run": run.resolve().name, "lineage": {"privacy": privacy}, "cost": cost(run)}
    ledger["rows"] = [
        row
        for task in sorted(items, key=_place)
        for model in in_order(items[task])
        for row in rows(task, model, items[task][model], protocols.get((task, model), {}), leaks(task))
    ]
    ledger["comparisons"], refused = comparisons(items, ledger["rows"])
    told = [*findings(ledger, gated(ledger["rows"]), parity(run)), *refused]
    ledger["findings"] = [*told, *no_baseline(manifest(run, "evaluate"))]
    return ledger


def gated(ledger_rows: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the tasks that a run's model is held to: the four families of its own, and those asked for by name.

    A run that made no items of its own has the named ones alone.
    """
    there = dict.fromkeys(row["task"] for row in ledger_rows)
    named = tuple(task for task in there if task not in SUITES["quickstart"])
    return (*GATED, *named) if not named or any(task in there for task in GATED) else named


def about(task: str, ledger_rows: list[dict[str, Any]]) -> Task:
    """Return the declaration of a task of a ledger."""
    return facts_of(task, next((row["protocol"] for row in ledger_rows if row["task"] == task), {}))


def read_items(run: Path) -> tuple[Items, Protocols]:
    """Return the run's item rows by task and model, and their protocols by (task, model).

    A model is named by what was done: a base that was shown no example is ``base-0shot`` however it was called, and a
    second file of the same name and prompts is the same measurement.
    """
    files, protocols = item_files(run)
    return {task: {m: list(found) for m, found in models.items()} for task, models in files.items()}, protocols


def item_files(run: Path) -> tuple[dict[str, dict[str, Rows]], Protocols]:
    """Return what ``read_items`` returns, the rows left on the disk and read when they are gone through."""
    items: dict[str, dict[str, Rows]] = {}
    protocols: Protocols = {}
    for path in sorted((run / "items").glob("*/*.jsonl")):
        about = path.with_name(f"{path.stem}.protocol.json")
        protocol = read_json(about) if about.exists() else {}
        task, model = path.parent.name, model_name(path.stem, protocol)
        if (task, model) not in protocols:
            items.setdefault(task, {})[model] = Rows(path)
            protocols[task, model] = protocol | ({"model": model} if "model" in protocol else {})
    return items, protocols


def _place(task: str) -> tuple[int, str]:
    return (list(TASKS).index(task) if task in TASKS else len(TASKS)), task


# --- rows ----------------------------------------------------------------------------------------------------------


def rows(
    task: str, model: str, items: Iterable[dict[str, Any]], protocol: dict[str, Any], leaks: bool | None
) -> list[dict[str, Any]]:
    """Return a ledger row for each metric of the task; one beside the primary only where its field was measured.

    The items are gone through a few times for each metric.
    """
    facts = facts_of(task, protocol)
    made = []
    for name in metrics_of(facts):
        found = figures(items, metric_for(name, items))
        if not found["n"] and name != facts.metric:
            continue
        made.append(
            {
                "model": model,
                "stage": stage_of(model),
                "task": task,
                "family": facts.family,
                "stakeholder": facts.stakeholder,
                "care": facts.care,
                "metric": name,
                **found,
                "contaminated": leaks,
                "protocol": {**protocol, "metric": name},
            }
        )
    return made


def metrics_of(facts: Task) -> list[str]:
    """Return the metrics that a task can have, its own first."""
    usual = ("rouge_l", *BESIDE["rouge_l"]) if facts.kind == "generate" else ()
    return list(dict.fromkeys((facts.metric, *facts.beside, *BESIDE.get(facts.metric, ()), *usual)))


def figures(items: Iterable[intervals.Row], metric: intervals.Metric) -> dict[str, Any]:
    """Return a metric over items as a ledger row holds it: its value with limits, and what that rests on."""
    scored = intervals.tally(items, metric)
    found = intervals.interval(scored, metric)
    return {
        "value": known(found.value),
        "low": known(found.low),
        "high": known(found.high),
        "n": scored.n,
        "groups": scored.groups,
        "detectable": known(intervals.detectable(found)) if scored.groups >= TOLD else None,
        "unparsed": sum(row.get("parsed") is False for row in items),
        "not_scored": scored.not_scored,
    }


def facts_of(task: str, protocol: dict[str, Any]) -> Task:
    """Return a task of ours, or what one of the user's own said of itself when it was asked."""
    if task in TASKS:
        return TASKS[task]
    said = protocol.get("about", {})
    return Task(
        task,
        said.get("family", task),
        said.get("kind", "own"),
        said.get("metric", "score"),
        said.get("stakeholder", "not stated"),
        said.get("care", "not stated"),
    )


def known(value: float) -> float | None:
    """Return the value, or None for nan: it was not scored."""
    return None if math.isnan(value) else value


def contaminated(run: Path, task: str) -> bool | None:
    """Return whether items of a task were left in the training data; None: not checked.

    The evaluation has looked for those of named tasks, the run's decontamination for those of its own.
    """
    found, card = run / "items" / task / LEAKS, run / "examples" / "card.json"
    if found.exists():
        return bool(read_json(found)["items"])
    left = read_json(card).get("decontamination", {}).get("left") if card.exists() else None
    return None if left is None else left > 0


# --- comparisons ---------------------------------------------------------------------------------------------------


def comparisons(items: Items, ledger_rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the paired comparisons, Holm-corrected over the families within each kind, and findings on refused ones.

    Each holds the contract's fields, ``kind``, ``n`` and both values on the paired items. The better base and the best
    rule are chosen by their value on the same items, which favours them.
    """
    made: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for kind, task, first, second in _planned(items, ledger_rows):
        try:
            made.append(compare(kind, about(task, ledger_rows), first, second, items[task]))
        except UserError as error:
            says = f"{second} could not be compared with {first}: {error}"
            refused.append(finding("red", task, about(task, ledger_rows).family, says))
    for kind in dict.fromkeys(row["kind"] for row in made):
        correct([row for row in made if row["kind"] == kind])
    return made, refused


def versus(items: Items, protocols: Protocols, first: str, kind: str = "models") -> list[dict[str, Any]]:
    """Return the paired comparison of every other model with the first, on every task, Holm-corrected over all.

    They stand in the order of the tasks and models given; a baseline is none of the others.
    Each says its ``verdict``: "better", "worse" or "open".
    """
    made = [
        compare(kind, facts_of(task, protocols.get((task, first), {})), first, second, models)
        for task, models in items.items()
        if first in models
        for second in models
        if second != first and not is_baseline(second)
    ]
    correct(made)
    return [row | {"verdict": verdict(row)} for row in made]


def with_evidence(items: Items, protocols: Protocols, pairs: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the paired comparison of every model that was shown evidence with the same one without, Holm-corrected."""
    made = [
        compare("evidence", facts_of(task, protocols.get((task, alone), {})), alone, shown, models)
        for task, models in items.items()
        for alone, shown in pairs.items()
        if alone in models and shown in models
    ]
    correct(made)
    return [row | {"verdict": verdict(row)} for row in made]


def correct(made: list[dict[str, Any]]) -> None:
    """Fill in ``p_holm`` of comparisons that are looked at together."""
    ps = [math.nan if row["p"] is None else row["p"] for row in made]
    for row, p in zip(made, holm(ps), strict=True):
        row["p_holm"] = known(p)


def _planned(items: Items, ledger_rows: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    """Return (kind, task, from, to) of every comparison whose two models were evaluated, kind by kind."""
    plan, final = [], final_model(ledger_rows)
    for task in gated(ledger_rows):
        base, rule = best(ledger_rows, task, is_base), best(ledger_rows, task, is_gating_rule)
        plan += [("base", task, base, final), ("rule", task, rule, final), ("control", task, "control", final)]
        plan += [("tuned", task, "tuned", "aligned"), ("gguf", task, final, "gguf")]
        plan += [("tuned_vs_base", task, base, "tuned")] if final != "tuned" else []
    plan += [("forgetting", task, "base-0shot", final) for task in FORGETTING]
    plan += [("baseline", task, *pair) for task, models in items.items() for pair in over_baselines(models)]
    kinds = list(dict.fromkeys(kind for kind, *_ in plan))
    possible = [(k, t, a, b) for k, t, a, b in plan if a and a in items.get(t, {}) and b in items[t]]
    return sorted(possible, key=lambda row: kinds.index(row[0]))


def final_model(ledger_rows: list[dict[str, Any]]) -> str:
    """Return the last trained model that was scored: aligned, else tuned, else pretrained; aligned where none was."""
    there = {row["model"] for row in ledger_rows if row["value"] is not None}
    return next((name for name in TRAINED if name in there), TRAINED[0])


def best(ledger_rows: list[dict[str, Any]], task: str, among: Callable[[str], bool]) -> str | None:
    """Return which of the models has the best primary value on a task; None where none was scored."""
    primary = (task, about(task, ledger_rows).metric)
    found = [
        row
        for row in ledger_rows
        if (row["task"], row["metric"]) == primary and among(row["model"]) and row["value"] is not None
    ]
    return max(found, key=lambda row: row["value"])["model"] if found else None


def compare(kind: str, facts: Task, first: str, second: str, models: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the paired comparison ``second`` minus ``first`` on the task's primary metric.

    Where one model was given a part of the other's items (of a cap), the pair is made on that part.
    """
    rows_a, rows_b = models[first], models[second]
    ids_a, ids_b = {row["id"] for row in rows_a}, {row["id"] for row in rows_b}
    if ids_a < ids_b or ids_b < ids_a:
        shared = ids_a & ids_b
        rows_a, rows_b = ([row for row in side if row["id"] in shared] for side in (rows_a, rows_b))
    found = paired(rows_a, rows_b, metric_for(facts.metric, rows_a))
    return {
        "kind": kind,
        "task": facts.name,
        "family": facts.family,
        "metric": facts.metric,
        "from": first,
        "to": second,
        "from_value": known(found.first),
        "to_value": known(found.second),
        "difference": known(found.difference.value),
        "low": known(found.difference.low),
        "high": known(found.difference.high),
        "p": known(found.p),
        "p_holm": None,
        "n": found.n,
        "groups": found.groups,
    }
