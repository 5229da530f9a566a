"""What the numbers say, in plain sentences: good news, open questions, and regressions in red.

Nothing is called the same because no difference was seen, and nothing within a margin unless its whole interval is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from residency.evaluate.names import TRAINED, is_base, metric_name, model_words
from residency.evaluate.numbers import interval_text, p_text, parity_text, reach, shown
from residency.evaluate.tasks import TASKS

Finding = dict[str, Any]

GGUF_TOLERANCE = 0.03
"""The margin that a compressed model's whole interval must lie in, on the scale of 0 to 1."""


def findings(ledger: dict[str, Any], gated: Sequence[str], parity: dict[str, Any] | None = None) -> list[Finding]:
    """Return findings on comparisons, calibration, unread answers, contamination and the export's ``parity``.

    They are on the last trained model: the aligned one, or else the tuned.
    """
    final = next((name for name in TRAINED if any(row["model"] == name for row in ledger["rows"])), TRAINED[0])
    made = [_absent(ledger, task, final) for task in gated]
    made += [sentence(row) for row in ledger["comparisons"] if row["kind"] in SENTENCES and not _untold(row)]
    made += _calibration(ledger["rows"], final)
    made += [_counted(row) for row in ledger["rows"] if row["model"] in (final, "gguf")]
    made.append(_contamination(ledger["rows"]))
    made += _parity(parity or {})
    return [row for row in made if row]


def finding(level: str, task: str, family: str, says: str, numbers: str = "") -> Finding:
    """Return a finding: its ``level`` (good, note, caution or red), what it is about, and what it says.

    ``text`` holds it whole; ``says`` and ``numbers`` are its two halves.
    """
    lead = f"{family}: {says}" if family else says[:1].upper() + says[1:]
    text = f"{lead}. {numbers[:1].upper()}{numbers[1:]}." if numbers else f"{lead}."
    return {"level": level, "task": task, "family": family, "says": says, "numbers": numbers, "text": text}


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
        "better": ("good", f"{model_words(row['to'])} beats {rule}"),
        "worse": ("red", f"{model_words(row['to'])} does not beat {rule}: it does worse"),
        "open": ("caution", f"{model_words(row['to'])} does not beat {rule}: the difference is not clear"),
    }[verdict(row)]


def _against_tuned(row: dict[str, Any]) -> tuple[str, str]:
    return {
        "better": ("good", "alignment made the tuned model better"),
        "worse": ("red", "alignment made the tuned model worse"),
        "open": ("note", f"whether alignment changed the tuned model cannot be told ({reach(row)})"),
    }[verdict(row)]


def _against_control(row: dict[str, Any]) -> tuple[str, str]:
    control = "the control, trained by the same recipe on shuffled answers"
    return {
        "better": ("good", f"{model_words(row['to'])} is better than {control}: it learned content, not only format"),
        "worse": ("red", f"{model_words(row['to'])} is worse than {control}"),
        "open": ("caution", f"{model_words(row['to'])} is not shown to be better than {control}"),
    }[verdict(row)]


def within(row: dict[str, Any], margin: float = GGUF_TOLERANCE) -> str:
    """Return "inside" where a difference's whole interval lies within the margin, "outside" where none of it does.

    "open" otherwise: staying within a margin is a claim of its own, which no missing difference can make.
    """
    if row["difference"] is None or row["low"] is None or row["high"] is None:
        return "open"
    if -margin < row["low"] and row["high"] < margin:
        return "inside"
    return "outside" if row["high"] < -margin or row["low"] > margin else "open"


def _compression(row: dict[str, Any]) -> tuple[str, str]:
    if row["difference"] is None:
        return "caution", "the compressed model was not scored"
    points = f"{100 * GGUF_TOLERANCE:g} points"
    worse = verdict(row) == "worse"
    if within(row) == "inside":
        below = ", though below it" if worse else ""
        return "good", f"the compressed model stays within {points} of the uncompressed one{below}"
    if within(row) == "outside":
        return "red", f"the compressed model is more than {points} away from the uncompressed one"
    told = f"the compressed model is not shown to stay within {points} of the uncompressed one ({reach(row)})"
    return ("red" if worse or abs(row["difference"]) > GGUF_TOLERANCE else "caution"), told


def _forgetting(row: dict[str, Any]) -> tuple[str, str]:
    ability = "language of a general text" if row["metric"] == "perplexity" else "general instructions"
    return {
        "better": ("good", f"nothing lost: {model_words(row['to'])} does better than the base on {ability}"),
        "worse": ("red", f"forgetting: {model_words(row['to'])} does worse than the base on {ability}"),
        "open": ("caution", f"whether {model_words(row['to'])} forgot {ability} cannot be told ({reach(row)})"),
    }[verdict(row)]


def _against_crf(row: dict[str, Any]) -> tuple[str, str]:
    crf = "a linear CRF that learned from the same task's training texts in seconds"
    return {
        "better": ("good", f"{model_words(row['to'])} is better than {crf}"),
        "worse": ("red", f"{model_words(row['to'])} is worse than {crf}"),
        "open": ("caution", f"{model_words(row['to'])} is not shown to be better than {crf}"),
    }[verdict(row)]


def _untold(row: dict[str, Any]) -> bool:
    """Return whether a comparison stands in the tables only: that of a baseline with what is no final model."""
    return row["kind"] == "baseline" and (is_base(row["to"]) or row["to"] in ("pretrained", "gguf", "control"))


SENTENCES: dict[str, Callable[[dict[str, Any]], tuple[str, str]]] = {
    "base": _against_base,
    "rule": _against_rule,
    "control": _against_control,
    "tuned": _against_tuned,
    "gguf": _compression,
    "forgetting": _forgetting,
    "baseline": _against_crf,
}


# --- what is absent, unparsed or leaked ----------------------------------------------------------------------------


def _absent(ledger: dict[str, Any], task: str, final: str) -> Finding | None:
    rows = [row for row in ledger["rows"] if row["task"] == task]
    if any(row["model"] == final and row["value"] is not None for row in rows):
        return None
    family = TASKS[task].family if task in TASKS else rows[0]["family"]
    return finding("caution", task, family, f"{model_words(final)} was not scored")


def no_baseline(evaluated: dict[str, Any]) -> list[Finding]:
    """Return a note on each task beside which no baseline could stand, from the manifest of the evaluation."""
    return [
        finding("note", task, TASKS[task].family, f"no linear CRF stands beside {TASKS[task].title.lower()}: {why}")
        for task, why in evaluated.get("no_baseline", {}).items()
        if task in TASKS
    ]


def _calibration(rows: list[dict[str, Any]], final: str) -> list[Finding]:
    return [
        finding(
            "note",
            row["task"],
            row["family"],
            f"{model_words(final)}'s confidence is off by {shown(row['value'], 'ece')} points on average",
            "expected calibration error, ten bins",
        )
        for row in rows
        if (row["model"], row["metric"]) == (final, "ece") and row["value"] is not None
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
    task = TASKS.get(row["task"])
    if not said or row["metric"] != (task.metric if task else row["protocol"].get("about", {}).get("metric")):
        return None
    which = "" if task and task.primary else f" ({task.title.lower() if task else row['task']})"
    answers = f"of {row['n'] + row['not_scored']} answers of {model_words(row['model'])}{which}"
    return finding("caution", row["task"], row["family"], f"{answers} {' and '.join(said)}")


def _contamination(rows: list[dict[str, Any]]) -> Finding:
    flags = {row["contaminated"] for row in rows}
    if True in flags:
        return finding("red", "", "", "test facts were found in the training data: these scores are contaminated")
    if not rows or None in flags:
        return finding("caution", "", "", "whether test facts are in the training data was not checked")
    return finding("good", "", "", "no test fact was left in the training data", "64-character runs and 13-grams")


def _parity(parity: dict[str, Any]) -> list[Finding]:
    """Return whether the exported file passed its check, how near the bar it came, and every way it fell short."""
    if not parity:
        return []
    numbers = parity_text(parity)
    if not parity.get("passed"):
        short = [finding("red", "", "", f"the export: {text}") for text in parity.get("findings", [])]
        return [finding("red", "", "", "the exported GGUF did not pass its parity check", numbers), *short]
    side = parity.get("next_token", {}).get("torch_fp32", {})
    if side and side["low"] < parity.get("bar", 0.0):
        near = "the exported GGUF passed its parity check, but its interval crosses the bar"
        return [finding("caution", "", "", near, numbers)]
    return [finding("good", "", "", "the exported GGUF passed its parity check", numbers)]
