"""What the numbers of a run do not show, and what speaks against its model, from this run's own measurements.

Every number in a sentence is read from the ledger, the items or the stages; what was not measured is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from residency.corpus.records import built_in
from residency.evaluate.findings import GGUF_TOLERANCE, verdict, within
from residency.evaluate.ledger import Items, about, best, final_model, gated
from residency.evaluate.names import in_order, is_base, is_rule, metric_name, model_words
from residency.evaluate.numbers import cell, interval_text, parity_text, shown
from residency.evaluate.tables import kinds_of, measured, part_of
from residency.evaluate.tasks import TASKS
from residency.measure.limits import FEW

Row = dict[str, Any]
SOLVED = 0.9
"""A rule with this mean score on one kind of item has solved it."""


def limits(facts: Row, ledger: Row, items: Items) -> list[str]:
    """Return the limits of a run in sentences: what was measured first, then what holds for every run."""
    exercises = GATHERED if facts["examples"].get("gathered") else EXERCISES
    return [*(said for part in PARTS for said in part(facts, ledger, items)), exercises, *ALWAYS]


def _notes(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    simulated = [source for source in facts["sources"] if built_in(source["name"]) == "simulated_hospital"]
    own = [source["name"] for source in facts["sources"] if facts["sources"] and not facts["public"]]
    if simulated and facts["public"]:
        count = sum(source["documents"] for source in simulated)
        yield (
            f"No real note was read. The notes are {count:,} documents of a simulated hospital; "
            "nothing here was measured on a real one."
        )
    if own:
        yield (
            f"The sources are {', '.join(own)}. Texts of your own are read in continued pretraining; the exercises of "
            "the four families come from the knowledge sources alone, and do not measure what those texts taught."
        )


def _fallen(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    """Yield what fell after training: general ability, and families that a later stage made worse."""
    for row in ledger["comparisons"]:
        if row["difference"] is None or row["kind"] not in ("forgetting", "tuned", "base"):
            continue
        bad = row["difference"] > 0 if row["metric"] == "perplexity" else row["difference"] < 0
        if bad:
            way = "rose" if row["metric"] == "perplexity" else "fell"
            sure = "" if verdict(row) == "worse" else "; whether that is chance cannot be told"
            before, after = shown(row["from_value"], row["metric"]), shown(row["to_value"], row["metric"])
            yield (
                f"{row['family']}, {metric_name(row['metric'])}: {way} from {before} ({model_words(row['from'])}) to "
                f"{after} ({model_words(row['to'])}) on {row['n']} items, {interval_text(row)}{sure}."
            )


def _rules(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    """Yield the rules that come as high as the trained model's interval reaches down."""
    final = final_model(ledger["rows"])
    for task in gated(ledger["rows"]):
        metric = about(task, ledger["rows"]).metric
        rows = {row["model"]: row for row in ledger["rows"] if (row["task"], row["metric"]) == (task, metric)}
        aligned = rows.get(final)
        if not aligned or aligned["value"] is None:
            continue
        for model in in_order(filter(is_rule, rows)):
            value = rows[model]["value"]
            if value is not None and value >= (aligned["value"] if aligned["low"] is None else aligned["low"]):
                yield (
                    f"{aligned['family']}: a rule, {model_words(model)}, scores {cell(rows[model])} where "
                    f"{model_words(final)} scores {cell(aligned)}. Such a score can be had without what it learned."
                )


def _solved(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    """Yield the kinds of item that a rule solves."""
    for task in gated(ledger["rows"]):
        for model, rows in sorted(items.get(task, {}).items()):
            for kind in kinds_of(rows) if is_rule(model) else ():
                scores = [row["score"] for row in part_of(rows, kind) if row.get("score") is not None]
                if scores and sum(scores) / len(scores) >= SOLVED:
                    family = about(task, ledger["rows"]).family
                    yield (
                        f"{family}, items of the kind {_kind(kind)}: a rule, {model_words(model)}, solves "
                        f"them ({100 * sum(scores) / len(scores):.1f} on {len(scores)} items)."
                    )


def _kinds(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    """Yield the kinds of item on which the trained model is not above the better base."""
    final = final_model(ledger["rows"])
    for task in gated(ledger["rows"]):
        base, models = best(ledger["rows"], task, is_base), items.get(task, {})
        if base is None or final not in models:
            continue
        told, low = about(task, ledger["rows"]), []
        kinds, metric = kinds_of(models[final]), told.metric
        for kind in kinds:
            before, after = (measured(metric, part_of(models[name], kind)) for name in (base, final))
            if None not in (before["value"], after["value"]) and after["value"] <= before["value"]:
                low.append(f"{_kind(kind)} ({shown(before['value'], metric)} → {shown(after['value'], metric)})")
        if low:
            yield (
                f"{told.family}: on {len(low)} of {len(kinds)} kinds of item {model_words(final)} is not above "
                f"{model_words(base)}: {', '.join(low)}."
            )


def _untrained(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    """Yield the tasks that are examined and were never trained."""
    counts = facts["examples"].get("counts", {})
    for task, uses in counts.items():
        if task in items and not any(uses.get(use) for use in ("instruct", "prefer", "train")):
            title = TASKS[task].title if task in TASKS else task
            yield (
                f"{title} ({task}): no training example was made, so the base could be shown none, and the "
                f"{uses.get('test', 0)} test items say only what carries over from the other exercises."
            )


def _export(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    parity = facts["parity"]
    side = parity.get("next_token", {}).get("torch_fp32")
    if parity and not parity.get("passed"):
        yield f"The exported GGUF did not pass its parity check: {parity_text(parity) or 'see the export'}."
    elif side and side["low"] < parity.get("bar", 0.0):
        yield f"The exported GGUF passed its parity check, but its interval crosses the bar: {parity_text(parity)}."
    rows = [row for row in ledger["comparisons"] if row["kind"] == "gguf"]
    loose = [f"{row['family']} {interval_text(row)}" for row in rows if within(row) != "inside"]
    if loose:
        yield (
            f"The compressed model is not shown to stay within {100 * GGUF_TOLERANCE:g} points of the uncompressed one "
            f"on {len(loose)} of {len(rows)} families: {'; '.join(loose)}."
        )


def _few(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    """Yield the tasks whose intervals rest on few concepts, and those that were put to a model in part."""
    found = {row["task"]: row for row in ledger["rows"] if 0 < row.get("groups", FEW) < FEW}
    if found:
        told = ", ".join(f"{_title(task)} ({row['n']} items of {row['groups']})" for task, row in found.items())
        yield f"Few concepts stand behind some numbers, whose intervals are rough: {told}."
    for task in items:
        sizes = {model: len(rows) for model, rows in items[task].items()}
        part = [
            f"{model_words(model)} {sizes[model]}" for model in in_order(sizes) if sizes[model] < max(sizes.values())
        ]
        if part:
            yield f"{_title(task)}: not every model answered all {max(sizes.values())} items: {', '.join(part)}."


def _confidence(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    final = final_model(ledger["rows"])
    rows = [row for row in ledger["rows"] if (row["model"], row["metric"]) == (final, "ece") and row["value"]]
    if rows:
        told = " and ".join(f"{shown(row['value'], 'ece')} points on {row['family']}" for row in rows)
        yield f"Its confidence is off by {told} on average, and it has no way to abstain."


def _seed(facts: Row, ledger: Row, items: Items) -> Iterator[str]:
    seeds = sorted({stage["settings"].get("seed") for stage in facts["training"]} - {None})
    if seeds:
        yield (
            f"One model was trained (seed {', '.join(map(str, seeds))}). Intervals and tests cover the choice of test "
            "concepts, drawn whole, and not that of the seed."
        )
    if facts["base"]["note"]:
        yield str(facts["base"]["note"])


def _title(task: str) -> str:
    return f"{TASKS[task].family}, {TASKS[task].title.lower()}" if task in TASKS else task


def _kind(name: str) -> str:
    return name.replace("_", " ") or "all"


PARTS: tuple[Callable[[Row, Row, Items], Iterator[str]], ...] = (
    _notes,
    _fallen,
    _rules,
    _solved,
    _kinds,
    _untrained,
    _export,
    _few,
    _confidence,
    _seed,
)
EXERCISES = (
    "The exercises come from templates over the same kinds of source as the training examples. They show transfer to "
    "unseen concepts, not usefulness with real notes or patients."
)
GATHERED = (
    "The test items are of the same sets as the training examples. They show what was learned of these sets, and not "
    "how it carries over to other texts, nor usefulness with patients."
)
ALWAYS = (
    "The baseline and the best rule were chosen by their scores on these same items, which favours them.",
    "ROUGE-L and BERTScore compare wording with the accepted answers. They do not judge whether an explanation is true "
    "or safe. BERTScore uses a small packaged encoder, and its values cannot be compared with published ones.",
    "Fairness across patient groups, resistance to misuse and memorisation were not examined.",
    "Energy is an estimate from the processor's name and load.",
)
