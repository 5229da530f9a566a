"""The parts of the report, prepared for its page: every chart with its table, every verdict with its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from residency.evaluate import charts
from residency.evaluate.facts import answers, generation_speed
from residency.evaluate.findings import GGUF_TOLERANCE, verdict, within
from residency.evaluate.ledger import GATED, Items, about, final_model, gated
from residency.evaluate.names import (
    SHOWN_RULES,
    in_order,
    is_base,
    is_baseline,
    is_rule,
    label,
    metric_name,
    model_words,
)
from residency.evaluate.numbers import cell, interval_text, shown
from residency.evaluate.tables import VERDICTS, by_metric, patterns
from residency.evaluate.tasks import Task

Row = dict[str, Any]
MEASURED = {
    "held_out_loss": "the loss on what was held out",
    "general_loss": "the loss on general text, which rises with what is forgotten,",
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
EXPECTED = ("base-0shot", "tuned", "aligned", "gguf")
"""Models that stand on the chart of each of the four families, scored or not."""


def headline(ledger: Row) -> list[str]:
    """Return the outcome in two or three short sentences; what was not measured is said."""
    said = []
    tasks = gated(ledger["rows"])
    what = "task families" if tasks == GATED else "tasks" if len(tasks) > 1 else "task"
    for kind, text in (("base", f"Better than its base on {{}} of {{}} {what}."),
                       ("rule", "Better than the best trivial rule on {} of {}.")):  # fmt: skip
        rows = of_kind(ledger, kind)
        total = len(tasks) if kind == "base" or tasks == GATED else len(rows)
        if rows:
            said.append(text.format(sum(verdict(row) == "better" for row in rows), total))
    squeezed = [row for row in of_kind(ledger, "gguf") if row["difference"] is not None]
    if squeezed:
        near, points = sum(within(row) == "inside" for row in squeezed), f"{100 * GGUF_TOLERANCE:g} points"
        said.append(f"Compressed, it is shown to stay within {points} on {near} of {len(squeezed)}.")
    return said or ["Not evaluated yet."]


def bases(ledger: Row) -> str:
    """Return the ways that the base was asked in words: "no example, 3 examples"."""
    tasks = gated(ledger["rows"])
    found = in_order({row["model"] for row in ledger["rows"] if row["task"] in tasks and is_base(row["model"])})
    return ", ".join(label(name).removeprefix("Base, ") for name in found)


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
                          verdict(row), short_interval(row), row["n"])
        for row in rows
    ]  # fmt: skip
    told = "; ".join(
        f"{row['family']} {interval_text(row)} on {row['n']} items, {VERDICTS[verdict(row)]}" for row in rows
    )
    return charts.forest(drawn, title=title, description=f"Differences with 95% intervals. {told}.")


def short_interval(row: Row) -> str:
    """Return a difference and its limits without units, for a chart's margin."""
    return interval_text(row).replace(" points", "")


def hundred(value: float | None) -> float | None:
    """Return a value on the scale of 0 to 100."""
    return None if value is None else 100 * value


def families(ledger: Row, run: Path, items: Items, *, public: bool) -> list[Row]:
    """Return each gated family's chart, findings, table and examples of answers."""
    return [family(task, ledger, run, items, public=public) for task in gated(ledger["rows"])]


def family(task: str, ledger: Row, run: Path, items: Items, *, public: bool) -> Row:
    """Return one family's part of the page."""
    facts, final = about(task, ledger["rows"]), final_model(ledger["rows"])
    rows = [row for row in ledger["rows"] if (row["task"], row["metric"]) == (task, facts.metric)]
    against = {row["kind"]: row for row in ledger["comparisons"] if row["task"] == task}
    base = against["base"]["from"] if "base" in against else "base-0shot"
    return {
        "task": task,
        "name": facts.family,
        "metric": facts.metric,
        "title": facts.title or task,
        "asks": ASKS.get(task, ""),
        "means": MEANS.get(facts.metric, ""),
        "verdict": VERDICTS[verdict(against["base"])] if "base" in against else "not scored",
        "look": verdict(against["base"]) if "base" in against else "open",
        "chart": family_chart(facts, rows, against.get("rule")),
        "counts": uneven(rows),
        "beside": shown_beside(rows),
        "findings": [found for found in ledger["findings"] if found["task"] == task],
        "table": by_metric([row for row in ledger["rows"] if row["task"] == task], f"{facts.family}: stages and rules"),
        "patterns": patterns(facts, items, base, final),
        "before": label(base),
        "after": label(final),
        "answers": answers(run, items, task, base, final) if public and (task in GATED or facts.data) else [],
    }


def uneven(rows: list[Row]) -> str:
    """Return a warning where a chart's bars do not all rest on the same number of items; else ""."""
    counts = sorted({row["n"] for row in rows if row["n"]})
    if len(counts) < 2:
        return ""
    fewest = [label(row["model"]) for row in rows if row["n"] == counts[0]]
    return (
        f"The bars rest on {counts[0]} to {counts[-1]} items (fewest: {', '.join(fewest)}): a difference between two "
        "bars is read from the comparisons, which are made on the items that both answered."
    )


def shown_beside(rows: list[Row]) -> list[str]:
    """Return, for each rule that is shown and is no bar to beat, its value and the reason in a sentence."""
    return [
        f"{model_words(row['model'])[:1].upper()}{model_words(row['model'])[1:]} ({row['family']}, "
        f"{metric_name(row['metric'])} {cell(row)}) is shown and is no bar to beat: {SHOWN_RULES[row['model']]}."
        for row in rows
        if row["model"] in SHOWN_RULES and row["value"] is not None
    ]


def urgent(ledger: Row) -> list[Row]:
    """Return the findings that speak against the model, regressions first."""
    return [row for level in ("red", "caution") for row in ledger["findings"] if row["level"] == level]


def family_chart(facts: Task, rows: list[Row], rule: Row | None) -> Markup | None:
    """Return the bars of every stage and rule, with the best gating rule marked; None where nothing was scored."""
    if not rows:
        return None
    present = {row["model"]: row for row in rows}
    drawn = [bar(name, present.get(name)) for name in in_order({*present, *(EXPECTED if facts.primary else ())})]
    best = present.get(rule["from"]) if rule else None
    mark = (100 * best["value"], f"best rule {shown(best['value'], facts.metric)}") if best else None
    told = ", ".join(f"{row.label} {row.text}{f' on {row.n} items' if row.n else ''}" for row in drawn)
    title = f"{facts.family}: {metric_name(facts.metric)} by stage"
    return charts.bars(drawn, title=title, description=f"With 95% intervals: {told}.", mark=mark)


def bar(model: str, row: Row | None) -> charts.Bar:
    """Return a model's bar; one without a row, or without a value, says "not scored"."""
    look = ("rule beside" if model in SHOWN_RULES else "rule") if is_rule(model) else model.split("-")[0]
    look = "rule beside" if is_baseline(model) else look
    name = label(model).removeprefix("Rule: ")
    if row is None or row["value"] is None:
        return charts.Bar(name, None, None, None, look, "not scored")
    low, high = hundred(row["low"]), hundred(row["high"])
    text = shown(row["value"], row["metric"]) if is_rule(model) else cell(row)
    return charts.Bar(name, hundred(row["value"]), low, high, look, text, row["n"])


def loss_charts(training: list[Row]) -> list[Row]:
    """Return each training stage with its loss curve and what the loss did, phase by phase."""
    made = []
    for stage in training:
        told = f"{loss_told(stage)}; {stage['tokens']:,} tokens in {stage['steps']} steps{measured_told(stage)}"
        made.append(
            {**stage, "told": told, "chart": charts.curve(stage["points"], title=stage["title"], description=told)}
        )
    return made


def loss_told(stage: Row) -> str:
    """Return from where to where the loss went, each phase by itself: other exercises have another loss."""
    ways = [f"from {part['first_loss']:.2f} to {part['last_loss']:.2f}" for part in stage["phases"]]
    early = ", ".join(f"{count} of {task}" for task, count in (stage["settings"].get("first") or {}).items())
    if len(ways) == 2:
        steps = stage["phases"][0]["steps"]
        return (
            f"The loss went {ways[0]} in the first {steps} steps, on {early or 'the examples put first'} alone, and "
            f"{ways[1]} in the mix that follows, whose exercises are others"
        )
    if early and len(ways) == 1:
        return f"The loss went {ways[0]}; the two ends are not of the same exercises, because {early} come first"
    return "The loss went " + ", then ".join(ways)


def measured_told(stage: Row) -> str:
    """Return what was measured on the way, and what the general loss says: a rise is what was forgotten."""
    found = stage.get("measured") or {}
    if not found:
        return ""
    ways = [
        f"{MEASURED.get(name, name.replace('_', ' '))} from {first:.3f} to {kept:.3f}"
        for name, (first, kept, _) in found["figures"].items()
        if first is not None and kept is not None
    ]
    return f". Measured on the way, up to the weights that were kept (step {found['step']}): {', '.join(ways)}"


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
    return [
        {"model": label(name), "rate": found[name], "share": charts.share(found[name], largest)}
        for name in in_order(found)
    ]
