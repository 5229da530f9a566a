"""What the numbers say, in plain sentences: good news, open questions, and regressions in red.

Values and differences are given on a scale of 0 to 100, perplexity as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from residency.evaluate.tasks import TASKS

Finding = dict[str, Any]

METRICS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "entity_f1": "entity F1",
    "rouge_l": "ROUGE-L",
    "bertscore": "BERTScore",
    "ece": "expected calibration error",
    "perplexity": "perplexity",
    "instruction_accuracy": "instructions followed",
    "score": "score",
}
MODELS = {
    "base-0shot": "the base (no example)",
    "base-3shot": "the base (three examples)",
    "pretrained": "the model after continued pretraining",
    "tuned": "the tuned model",
    "aligned": "the aligned model",
    "gguf": "the compressed model",
    "control": "the shuffled-answer control",
    "rule:majority": "always the commonest answer",
    "rule:hypothesis_only": "looking at the hypothesis only",
    "rule:word_overlap": "counting shared words",
    "rule:negation_pattern": "looking at the negations only",
    "rule:copy": "copying the term",
    "rule:dictionary_train": "a dictionary of the training terms",
    "rule:dictionary_hpo": "a dictionary of all HPO terms",
}
GGUF_TOLERANCE = 0.03


def findings(ledger: dict[str, Any], gated: Sequence[str]) -> list[Finding]:
    """Return findings on comparisons, calibration, unread answers and contamination, as ``finding`` makes them."""
    made = [_absent(ledger, task) for task in gated]
    made += [sentence(row) for row in ledger["comparisons"] if row["kind"] in SENTENCES]
    made += _calibration(ledger["rows"])
    made += [_counted(row) for row in ledger["rows"] if row["model"] in ("aligned", "gguf")]
    made.append(_contamination(ledger["rows"]))
    return [row for row in made if row]


def finding(level: str, task: str, family: str, says: str, numbers: str = "") -> Finding:
    """Return a finding: its ``level`` (good, note, caution or red), what it is about, and what it says.

    ``text`` holds it whole; ``says`` and ``numbers`` are its two halves.
    """
    lead = f"{family}: {says}" if family else says[:1].upper() + says[1:]
    text = f"{lead}. {numbers[:1].upper()}{numbers[1:]}." if numbers else f"{lead}."
    return {"level": level, "task": task, "family": family, "says": says, "numbers": numbers, "text": text}


def metric_name(name: str) -> str:
    """Return a metric's name in words."""
    return METRICS.get(name, name)


def model_words(name: str) -> str:
    """Return a model's or rule's name in words."""
    return MODELS.get(name, name)


def shown(value: float | None, metric: str) -> str:
    """Return a value as the report prints it: 0 to 100 with one decimal, perplexity with two, or "not scored"."""
    if value is None:
        return "not scored"
    return f"{value:.2f}" if metric == "perplexity" else f"{100 * value:.1f}"


def interval_text(row: dict[str, Any]) -> str:
    """Return a difference with its unit and 95% interval: "+14.4 points [8.0, 20.9]"."""
    if row["difference"] is None:
        return "not scored"
    scale, unit = (1, "") if row["metric"] == "perplexity" else (100, " points")
    digits = 2 if row["metric"] == "perplexity" else 1
    value = f"{scale * row['difference']:+.{digits}f}{unit}"
    if row["low"] is None or row["high"] is None:
        return f"{value} [no interval]"
    return f"{value} [{scale * row['low']:.{digits}f}, {scale * row['high']:.{digits}f}]"


def p_text(p: float | None) -> str:
    """Return a p-value as text, never as 0."""
    if p is None:
        return "p not known"
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"


# --- verdicts ------------------------------------------------------------------------------------------------------


def verdict(row: dict[str, Any]) -> str:
    """Return "better", "worse" or "open" for the second model of a comparison; lower perplexity is better.

    Better needs an interval above zero and p below 0.05 after Holm over the families; worse needs the interval only,
    so that a correction hides no regression.
    """
    if row["difference"] is None or row["low"] is None or row["p_holm"] is None:
        return "open"
    low, high = (-row["high"], -row["low"]) if row["metric"] == "perplexity" else (row["low"], row["high"])
    return "worse" if high < 0 else "better" if low > 0 and row["p_holm"] < 0.05 else "open"


def sentence(row: dict[str, Any]) -> Finding:
    """Return what one comparison says, as a finding; the values are those on the items that both models answered."""
    level, says = SENTENCES[row["kind"]](row)
    before, after = shown(row["from_value"], row["metric"]), shown(row["to_value"], row["metric"])
    numbers = (
        f"{metric_name(row['metric'])} {before} → {after} on {row['n']} items; "
        f"difference {interval_text(row)}, {p_text(row['p_holm'])} after Holm"
    )
    return finding(level, row["task"], row["family"], says, numbers)


def _against_base(row: dict[str, Any]) -> tuple[str, str]:
    base = model_words(row["from"])
    return {
        "better": ("good", f"{model_words(row['to'])} is better than {base}, the better of the base's two scores"),
        "worse": ("red", f"{model_words(row['to'])} is worse than {base}"),
        "open": ("caution", f"{model_words(row['to'])} is not shown to be better than {base}"),
    }[verdict(row)]


def _against_rule(row: dict[str, Any]) -> tuple[str, str]:
    rule = f"the best trivial rule, {model_words(row['from'])}"
    return {
        "better": ("good", f"the aligned model beats {rule}"),
        "worse": ("red", f"the aligned model does not beat {rule}: it does worse"),
        "open": ("caution", f"the aligned model does not beat {rule}: the difference is not clear"),
    }[verdict(row)]


def _against_tuned(row: dict[str, Any]) -> tuple[str, str]:
    return {
        "better": ("good", "alignment made the tuned model better"),
        "worse": ("red", "alignment made the tuned model worse"),
        "open": ("note", "alignment made no clear difference to the tuned model"),
    }[verdict(row)]


def _against_control(row: dict[str, Any]) -> tuple[str, str]:
    control = "the control, trained by the same recipe on shuffled answers"
    return {
        "better": ("good", f"the aligned model is better than {control}: it learned content, not only format"),
        "worse": ("red", f"the aligned model is worse than {control}"),
        "open": ("caution", f"the aligned model is not shown to be better than {control}"),
    }[verdict(row)]


def _compression(row: dict[str, Any]) -> tuple[str, str]:
    if row["difference"] is None:
        return "caution", "the compressed model was not scored"
    if abs(row["difference"]) <= GGUF_TOLERANCE:
        return "good", "the compressed model stays within 3 points of the uncompressed one"
    return "red", "the compressed model is more than 3 points away from the uncompressed one"


def _forgetting(row: dict[str, Any]) -> tuple[str, str]:
    ability = "language of a general text" if row["metric"] == "perplexity" else "general instructions"
    return {
        "better": ("good", f"nothing lost: the aligned model does better than the base on {ability}"),
        "worse": ("red", f"forgetting: the aligned model does worse than the base on {ability}"),
        "open": ("note", f"no forgetting seen on {ability}"),
    }[verdict(row)]


SENTENCES: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "base": _against_base,
    "rule": _against_rule,
    "control": _against_control,
    "tuned": _against_tuned,
    "gguf": _compression,
    "forgetting": _forgetting,
}


# --- what is absent, unparsed or leaked ----------------------------------------------------------------------------


def _absent(ledger: dict[str, Any], task: str) -> Finding | None:
    if any(row["task"] == task and row["model"] == "aligned" and row["value"] is not None for row in ledger["rows"]):
        return None
    return finding("caution", task, TASKS[task].family, "the aligned model was not scored")


def _calibration(rows: list[dict[str, Any]]) -> list[Finding]:
    return [
        finding(
            "note",
            row["task"],
            row["family"],
            f"the aligned model's confidence is off by {shown(row['value'], 'ece')} points on average",
            "expected calibration error, ten bins",
        )
        for row in rows
        if (row["model"], row["metric"]) == ("aligned", "ece") and row["value"] is not None
    ]


def _counted(row: dict[str, Any]) -> Finding | None:
    """Return a finding on the answers to a task that could not be read or scored, if there are any."""
    said = [
        f"{count} {words}"
        for count, words in (
            (row["unparsed"], "could not be read and count as empty"),
            (row["not_scored"], "were not scored"),
        )
        if count
    ]
    if not said or row["metric"] != TASKS[row["task"]].metric:
        return None
    answers = f"of {row['n'] + row['not_scored']} answers of {model_words(row['model'])}"
    return finding("note", row["task"], row["family"], f"{answers} {' and '.join(said)}")


def _contamination(rows: list[dict[str, Any]]) -> Finding:
    flags = {row["contaminated"] for row in rows}
    if True in flags:
        return finding("red", "", "", "test facts were found in the training data: these scores are contaminated")
    if not rows or None in flags:
        return finding("caution", "", "", "whether test facts are in the training data was not checked")
    return finding("good", "", "", "no test fact was left in the training data", "64-character runs and 13-grams")
