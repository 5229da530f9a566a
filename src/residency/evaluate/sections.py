"""The parts of the report, prepared for its page: every chart with its table, every verdict with its numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup

from residency.evaluate import charts
from residency.evaluate.facts import answers, generation_speed
from residency.evaluate.findings import GGUF_TOLERANCE, interval_text, metric_name, p_text, shown, verdict
from residency.evaluate.ledger import FORGETTING, GATED, MODELS, Items, known, metric_for
from residency.evaluate.tasks import TASKS
from residency.measure.intervals import bootstrap

Row = dict[str, Any]
LABELS = {
    "base-0shot": "Base, no example",
    "base-3shot": "Base, 3 examples",
    "pretrained": "Pretrained",
    "tuned": "Tuned",
    "aligned": "Aligned",
    "gguf": "Compressed",
    "control": "Shuffled control",
}
ASKS = {
    "qa": "A question and its options as text: which one is right? Definitions, codes, and which disease fits these "
    "findings. The model chooses the option it finds likeliest.",
    "nli": "Two statements: is the second true, false, or left open by the first? The three answers are equally "
    "frequent within each pattern of negation, so that negations alone give nothing away.",
    "ie": "A short clinical text: list the findings that it affirms, word for word, and leave out those that it "
    "denies. The words are inflected, abbreviated or split, not dictionary forms only.",
    "gen": "A clinical term or profile: say it in everyday words, as the ontology's own layperson terms do.",
}
MEANS = {
    "accuracy": "Accuracy: of 100 questions, how many were answered right.",
    "macro_f1": "Macro F1, 0 to 100: right answers against wrong ones, each of the three answers weighing the same.",
    "entity_f1": "Entity F1, 0 to 100: exact findings found against those missed or invented.",
    "rouge_l": "ROUGE-L, 0 to 100: how much of the wording is shared, in order, with the closest accepted answer.",
}
KINDS = {
    "base": "aligned against the better base",
    "rule": "aligned against the best trivial rule",
    "control": "aligned against the shuffled control",
    "tuned": "aligned against tuned",
    "gguf": "compressed against aligned",
    "tuned_vs_base": "tuned against the better base",
    "forgetting": "aligned against base, general ability",
}
VERDICTS = {"better": "better", "worse": "worse", "open": "no clear difference"}


def label(model: str) -> str:
    """Return a model's short name on a chart."""
    return f"Rule: {model[5:].replace('_', ' ')}" if model.startswith("rule:") else LABELS.get(model, model)


def headline(ledger: Row) -> list[str]:
    """Return the outcome in two or three short sentences; what was not measured is said."""
    said = []
    total = len(GATED)
    for kind, text in (("base", "Better than its base on {} of {} task families."),
                       ("rule", "Better than the best trivial rule on {} of {}.")):  # fmt: skip
        rows = of_kind(ledger, kind)
        if rows:
            said.append(text.format(sum(verdict(row) == "better" for row in rows), total))
    squeezed = [row for row in of_kind(ledger, "gguf") if row["difference"] is not None]
    if squeezed:
        near = sum(abs(row["difference"]) <= GGUF_TOLERANCE for row in squeezed)
        said.append(f"Compressed, it stays within 3 points on {near} of {len(squeezed)}.")
    return said or ["Not evaluated yet."]


def of_kind(ledger: Row, kind: str) -> list[Row]:
    """Return the comparisons of a kind."""
    return [row for row in ledger["comparisons"] if row["kind"] == kind]


def forest(ledger: Row, kind: str, title: str) -> Markup | None:
    """Return the forest plot of one kind of comparison over the families; None where nothing was compared."""
    rows = of_kind(ledger, kind)
    if not rows:
        return None
    drawn = [
        charts.Difference(row["family"], hundred(row["difference"]), hundred(row["low"]), hundred(row["high"]),
                          verdict(row), short_interval(row))
        for row in rows
    ]  # fmt: skip
    told = "; ".join(f"{row['family']} {interval_text(row)}, {VERDICTS[verdict(row)]}" for row in rows)
    return charts.forest(drawn, title=title, description=f"Differences with 95% intervals. {told}.")


def short_interval(row: Row) -> str:
    """Return a difference and its limits without units, for a chart's margin."""
    return interval_text(row).replace(" points", "")


def hundred(value: float | None) -> float | None:
    """Return a value on the scale of 0 to 100."""
    return None if value is None else 100 * value


def families(ledger: Row, run: Path, items: Items, *, public: bool) -> list[Row]:
    """Return each gated family's chart, findings, table and examples of answers."""
    return [family(task, ledger, run, items, public=public) for task in GATED]


def family(task: str, ledger: Row, run: Path, items: Items, *, public: bool) -> Row:
    """Return one family's part of the page."""
    facts = TASKS[task]
    rows = [row for row in ledger["rows"] if (row["task"], row["metric"]) == (task, facts.metric)]
    against = {row["kind"]: row for row in ledger["comparisons"] if row["task"] == task}
    base = against["base"]["from"] if "base" in against else "base-0shot"
    return {
        "task": task,
        "name": facts.family,
        "metric": facts.metric,
        "title": facts.title,
        "asks": ASKS.get(task, ""),
        "means": MEANS.get(facts.metric, ""),
        "verdict": VERDICTS[verdict(against["base"])] if "base" in against else "not scored",
        "look": verdict(against["base"]) if "base" in against else "open",
        "chart": family_chart(task, rows, against.get("rule")),
        "findings": [found for found in ledger["findings"] if found["task"] == task],
        "table": pivot([row for row in ledger["rows"] if row["task"] == task], lambda row: metric_name(row["metric"])),
        "patterns": patterns(task, items, base),
        "before": label(base),
        "answers": answers(run, items, task, base) if public else [],
    }


def patterns(task: str, items: Items, before: str, after: str = "aligned") -> list[Row]:
    """Return the primary metric before and after training for each kind of item, with 95% intervals.

    No test is made here: these parts are small, and there are many.
    """
    models, metric = items.get(task, {}), TASKS[task].metric
    if before not in models or after not in models:
        return []
    made = []
    for name in sorted({row.get("pattern") or "" for row in models[after]}):
        parts = [[row for row in models[model] if (row.get("pattern") or "") == name] for model in (before, after)]
        found = [bootstrap(part, metric_for(metric, part), n=1000) for part in parts]
        cells = [
            cell({"value": known(f.value), "low": known(f.low), "high": known(f.high), "metric": metric}) for f in found
        ]
        made.append(
            {"name": name.replace("_", " ") or "all", "n": len(parts[1]), "before": cells[0], "after": cells[1]}
        )
    return made


def urgent(ledger: Row) -> list[Row]:
    """Return the findings that speak against the model, regressions first."""
    return [row for level in ("red", "caution") for row in ledger["findings"] if row["level"] == level]


def family_chart(task: str, rows: list[Row], rule: Row | None) -> Markup | None:
    """Return the bars of every stage and rule, with the best gating rule marked; None where nothing was scored."""
    if not rows:
        return None
    facts, present = TASKS[task], {row["model"]: row for row in rows}
    order = [*MODELS, *sorted(name for name in present if name not in MODELS)]
    drawn = [bar(name, present.get(name)) for name in order if name in present or name not in ("control", "pretrained")]
    best = present.get(rule["from"]) if rule else None
    mark = (100 * best["value"], f"best rule {shown(best['value'], facts.metric)}") if best else None
    told = ", ".join(f"{row.label} {row.text}" for row in drawn)
    title = f"{facts.family}: {metric_name(facts.metric)} by stage"
    return charts.bars(drawn, title=title, description=f"With 95% intervals: {told}.", mark=mark)


def bar(model: str, row: Row | None) -> charts.Bar:
    """Return a model's bar; one without a row, or without a value, says "not scored"."""
    look = "rule" if ":" in model else model.split("-")[0]
    name = label(model).removeprefix("Rule: ")
    if row is None or row["value"] is None:
        return charts.Bar(name, None, None, None, look, "not scored")
    low, high = hundred(row["low"]), hundred(row["high"])
    text = shown(row["value"], row["metric"]) if look == "rule" else cell(row)
    return charts.Bar(name, hundred(row["value"]), low, high, look, text)


def others(ledger: Row) -> Row:
    """Return the table of tasks that are shown and gate nothing: relations, codes."""
    rows = [row for row in ledger["rows"] if row["task"] not in (*GATED, *FORGETTING) and ":" not in row["model"]]
    return pivot(rows, lambda row: TASKS[row["task"]].title if row["task"] in TASKS else row["task"])


def calibration(ledger: Row) -> Row:
    """Return the table of expected calibration errors, a column a family."""
    return pivot([row for row in ledger["rows"] if row["metric"] == "ece"], lambda row: row["family"])


def forgetting(ledger: Row) -> Row:
    """Return the table of general ability: perplexity and instructions followed."""
    return pivot([row for row in ledger["rows"] if row["task"] in FORGETTING], lambda row: metric_name(row["metric"]))


def pivot(rows: list[Row], head: Callable[[Row], str]) -> Row:
    """Return ledger rows as a table: a row a model, a column for each ``head``, and the counts of the first column."""
    columns = list(dict.fromkeys(head(row) for row in rows))
    cells = {(row["model"], head(row)): cell(row) for row in rows}
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row["model"], row)
    return {
        "heads": columns,
        "rows": [
            {
                "model": label(model),
                "cells": [cells.get((model, column), "not scored") for column in columns],
                "counts": [row["n"], row["unparsed"], row["not_scored"]],
            }
            for model, row in first.items()
        ],
    }


def cell(row: Row) -> str:
    """Return a value with its interval: "8.0 [5.4, 13.7]"."""
    text, metric = shown(row["value"], row["metric"]), row["metric"]
    return text if row["low"] is None else f"{text} [{shown(row['low'], metric)}, {shown(row['high'], metric)}]"


def comparison_table(ledger: Row) -> list[Row]:
    """Return every comparison in words."""
    return [
        {
            "what": KINDS.get(row["kind"], row["kind"]),
            "family": row["family"],
            "metric": metric_name(row["metric"]),
            "from": label(row["from"]),
            "to": label(row["to"]),
            "n": row["n"],
            "before": shown(row["from_value"], row["metric"]),
            "after": shown(row["to_value"], row["metric"]),
            "difference": interval_text(row),
            "p": p_text(row["p"]).removeprefix("p = "),
            "p_holm": p_text(row["p_holm"]).removeprefix("p = "),
            "look": verdict(row),
            "verdict": VERDICTS[verdict(row)],
        }
        for row in ledger["comparisons"]
    ]


def loss_charts(training: list[Row]) -> list[Row]:
    """Return each training stage with its loss curve."""
    made = []
    for stage in training:
        told = (
            f"The loss went from {stage['first_loss']:.2f} to {stage['last_loss']:.2f} over {stage['tokens']:,} tokens "
            f"in {stage['steps']} steps"
        )
        made.append(
            {**stage, "told": told, "chart": charts.curve(stage["points"], title=stage["title"], description=told)}
        )
    return made


def parity_checks(parity: Row) -> list[tuple[str, str]]:
    """Return (check, result) of the export's parity, as far as they were made."""
    found = []
    if template := parity.get("template"):
        found.append(("Same tokens for the chat template", f"{template['same']} of {template['checked']} chats"))
    if stop := parity.get("stop"):
        found.append(("Replies end at the same place", f"{stop['same']} of {stop['replies']} replies"))
    for name, title in (("torch_fp32", "the model before compression"), ("dequantised", "the same weights in torch")):
        if side := parity.get("next_token", {}).get(name):
            share = f"{100 * side['share']:.1f}% [{100 * side['low']:.1f}, {100 * side['high']:.1f}]"
            found.append((f"Same next token as {title}", f"{share} of {side['of']} positions"))
    return found


def speeds(items: Items) -> list[Row]:
    """Return how fast each model generates, in tokens a second."""
    found = generation_speed(items)
    largest = max(found.values(), default=0.0)
    order = [name for name in MODELS if name in found] + sorted(name for name in found if name not in MODELS)
    return [{"model": label(name), "rate": found[name], "share": charts.share(found[name], largest)} for name in order]
