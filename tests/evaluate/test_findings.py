"""The words beside a number claim what its interval shows, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from residency.evaluate import findings
from residency.evaluate.numbers import MARK, absent, cell, few_note, interval_text, parity_text


def pair(kind: str, difference: float, low: float | None, high: float | None, **more: Any) -> dict[str, Any]:
    row = {"kind": kind, "task": "qa", "family": "Med-QA", "metric": "accuracy", "from": "base-0shot", "to": "aligned"}
    row |= {"difference": difference, "low": low, "high": high, "p": 0.5, "p_holm": 0.5, "n": 40, "groups": 40}
    return row | {"from_value": 0.5, "to_value": 0.5 + difference} | more


def said(row: dict[str, Any]) -> tuple[str, str]:
    made = findings.sentence(row)
    return made["level"], made["says"]


def test_a_wide_interval_across_zero_is_not_called_no_forgetting() -> None:
    level, text = said(pair("forgetting", -0.2, -0.4, 0.025, metric="instruction_accuracy"))
    assert level == "caution"
    assert text == (
        "whether the aligned model forgot general instructions cannot be told (interval from -40.0 to 2.5 points)"
    )


def test_a_shown_loss_of_general_ability_is_a_regression() -> None:
    assert said(pair("forgetting", 1.2, 0.7, 1.6, metric="perplexity"))[0] == "red"
    level, text = said(pair("forgetting", 0.2, -0.1, 0.5, metric="perplexity"))
    assert level == "caution" and text.endswith("cannot be told (interval from -0.10 to 0.50)")


def test_an_interval_beside_zero_that_holm_leaves_open_gives_its_p() -> None:
    assert said(pair("tuned", 0.05, 0.01, 0.09, p_holm=0.08)) == (
        "note",
        "whether alignment changed the tuned model cannot be told "
        "(interval from 1.0 to 9.0 points, p = 0.08 after Holm)",
    )


def test_without_an_interval_nothing_can_be_told() -> None:
    assert said(pair("tuned", 0.05, None, None))[1].endswith("cannot be told (no interval: too few to tell)")


@pytest.mark.parametrize(
    ("difference", "low", "high", "level", "words"),
    [
        (0.0, -0.02, 0.029, "good", "stays within 3 points of the uncompressed one"),
        (-0.01, -0.02, -0.002, "good", "stays within 3 points of the uncompressed one, though below it"),
        (0.0, -0.02, 0.031, "caution", "is not shown to stay within 3 points"),
        (0.0, -0.03, 0.01, "caution", "is not shown to stay within 3 points"),
        (-0.02, -0.05, -0.001, "red", "is not shown to stay within 3 points"),
        (-0.04, -0.09, 0.01, "red", "is not shown to stay within 3 points"),
        (-0.08, -0.12, -0.04, "red", "is more than 3 points away"),
        (0.0, None, None, "caution", "is not shown to stay within 3 points"),
    ],
)
def test_within_a_margin_is_said_only_of_an_interval_that_lies_in_it(
    difference: float, low: float | None, high: float | None, level: str, words: str
) -> None:
    found, text = said(pair("gguf", difference, low, high))
    assert (found, words in text) == (level, True), text
    assert (findings.within(pair("gguf", difference, low, high)) == "inside") == (level == "good")


def parity(share: float, low: float, *, passed: bool, said: tuple[str, ...] = ()) -> dict[str, Any]:
    side = {"same": 1, "of": 500, "share": share, "low": low, "high": 0.999}
    return {"passed": passed, "bar": 0.975, "next_token": {"torch_fp32": side}, "findings": list(said)}


def test_an_export_that_did_not_pass_is_red_with_its_number_and_its_bar() -> None:
    empty: dict[str, Any] = {"rows": [], "comparisons": []}
    made = findings.findings(empty, (), parity(0.962, 0.94, passed=False, said=("replies end elsewhere",)))
    red = [row["text"] for row in made if row["level"] == "red"]
    assert red == [
        "The exported GGUF did not pass its parity check. The same next token as the model in 96.2% of 500 positions "
        "[94.0, 99.9]; the bar is 97.5%.",
        "The export: replies end elsewhere.",
    ]


def test_an_export_that_passed_with_the_bar_inside_its_interval_stays_open() -> None:
    empty: dict[str, Any] = {"rows": [], "comparisons": []}
    level = {low: findings.findings(empty, (), parity(0.98, low, passed=True))[-1]["level"] for low in (0.97, 0.976)}
    assert level == {0.97: "caution", 0.976: "good"}
    assert parity_text({}) == ""


def test_unread_answers_of_a_task_beside_the_families_name_the_task() -> None:
    row = {"model": "aligned", "task": "ie_relations", "family": "Med-IE", "metric": "entity_f1", "value": 0.1, "n": 20}
    row |= {"unparsed": 3, "not_scored": 0, "contaminated": False}
    texts = [found["text"] for found in findings.findings({"rows": [row], "comparisons": []}, ())]
    assert any("of 20 answers of the aligned model (disease and finding pairs) 3 could not be read" in t for t in texts)


def test_a_value_of_few_concepts_is_marked_and_one_without_limits_says_why() -> None:
    row = {"metric": "accuracy", "value": 1.0, "low": 0.541, "high": 1.0, "groups": 6}
    assert cell(row) == f"100.0 [54.1, 100.0] {MARK}" and cell(row | {"groups": 60}) == "100.0 [54.1, 100.0]"
    assert cell(row | {"low": None, "high": None}) == "100.0 [too few to tell]"
    assert MARK in few_note([row]) and few_note([row | {"groups": 60}]) == ""
    assert interval_text(pair("base", 0.1, 0.0, 0.2, groups=6)) == f"+10.0 points [0.0, 20.0] {MARK}"


def test_a_rule_without_a_value_has_a_reason() -> None:
    assert absent("rule:majority", "ece") == "none: a rule states no confidence"
    assert absent("rule:copy", "bertscore") == "none: computed for models' replies only"
    assert absent("tuned", "ece") == "not scored"
