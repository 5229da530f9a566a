"""Numbers as people read them: values from 0 to 100, intervals, p-values, and what is said where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from residency.evaluate.names import is_rule
from residency.measure.limits import FEW

Row = dict[str, Any]
MARK = "†"
"""Stands behind an interval that rests on few groups."""
TOO_FEW = "too few to tell"

LEFT_OUT = {
    "too long": "too long for the model's {context} tokens",
    "refused": "refused by the endpoint",
    "failed": "failed: no answer from the endpoint",
}
"""Why no answer was got for an item, by the finish of its row."""


def shown(value: float | None, metric: str) -> str:
    """Return a value as the report prints it: 0 to 100 with one decimal, perplexity with two, or "not scored"."""
    if value is None:
        return "not scored"
    return f"{value:.2f}" if metric == "perplexity" else f"{100 * value:.1f}"


def cell(row: Row) -> str:
    """Return a value with its interval: "8.0 [5.4, 13.7]", or "80.0 [40.1, 99.0] †" where it rests on few groups."""
    text, metric = shown(row["value"], row["metric"]), row["metric"]
    if row["value"] is None:
        return text
    if row["low"] is None or row["high"] is None:
        return f"{text} [{TOO_FEW}]"
    return f"{text} [{shown(row['low'], metric)}, {shown(row['high'], metric)}]{f' {MARK}' if few(row) else ''}"


def few(row: Row) -> bool:
    """Return whether a row or comparison rests on so few groups that its interval is rough."""
    return 0 < (row.get("groups") or 0) < FEW


def few_note(rows: Iterable[Row]) -> str:
    """Return what the mark behind an interval means, or "" where none of the rows is marked."""
    groups = "concepts, patients or documents"
    return f"{MARK} fewer than {FEW} {groups} stand behind this interval: it is rough." if any(map(few, rows)) else ""


def interval_text(row: Row) -> str:
    """Return a difference with its unit and 95% interval: "+14.4 points [8.0, 20.9]"."""
    if row["difference"] is None:
        return "not scored"
    value = f"{_scaled(row, 'difference', '+')}{'' if row['metric'] == 'perplexity' else ' points'}"
    if row["low"] is None or row["high"] is None:
        return f"{value} [no interval]"
    return f"{value} [{_scaled(row, 'low')}, {_scaled(row, 'high')}]{f' {MARK}' if few(row) else ''}"


def reach(row: Row) -> str:
    """Return a difference's interval in words, with p where that alone leaves it open: "interval from -40.0 to 2.5"."""
    if row["low"] is None or row["high"] is None:
        return f"no interval: {TOO_FEW}"
    unit = "" if row["metric"] == "perplexity" else " points"
    text = f"interval from {_scaled(row, 'low')} to {_scaled(row, 'high')}{unit}"
    return text if row["low"] <= 0 <= row["high"] else f"{text}, {p_text(row['p_holm'])} after Holm"


def _scaled(row: Row, key: str, sign: str = "") -> str:
    perplexity = row["metric"] == "perplexity"
    return f"{(1 if perplexity else 100) * row[key]:{sign}.{2 if perplexity else 1}f}"


def p_text(p: float | None) -> str:
    """Return a p-value as text, never as 0."""
    if p is None:
        return "p not known"
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"


def p_short(p: float | None) -> str:
    """Return a p-value as a table has it, its letter in the head and never cut: "0.034", "< 0.0001"."""
    return p_text(p).removeprefix("p ").removeprefix("= ").replace("< ", "<\u00a0")


def absent(model: str, metric: str) -> str:
    """Return why a model has no value of a metric in a table: what a rule cannot do, or "not scored"."""
    if not is_rule(model):
        return "not scored"
    return {
        "ece": "none: a rule states no confidence",
        "bertscore": "none: computed for models' replies only",
    }.get(metric, "none: this rule has no answer here")


def parity_text(parity: Row) -> str:
    """Return how often an exported file chose the model's next token, and the bar; "" where that was not counted."""
    side = parity.get("next_token", {}).get("torch_fp32")
    if not side:
        return ""
    bar = f"; the bar is {100 * parity['bar']:g}%" if "bar" in parity else ""
    return (
        f"the same next token as the model in {100 * side['share']:.1f}% of {side['of']} positions "
        f"[{100 * side['low']:.1f}, {100 * side['high']:.1f}]{bar}"
    )


def left_out_text(protocol: Row) -> str:
    """Return why items of a task have no answer, with how many; "" where all have one."""
    context = f"{protocol['context']:,}" if protocol.get("context") else "fewer"
    counts = protocol.get("left_out", {})
    return ", ".join(f"{counts[why]} {text.format(context=context)}" for why, text in LEFT_OUT.items() if why in counts)
