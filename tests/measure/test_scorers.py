"""The scorers against hand-worked numbers, scikit-learn and rouge-score."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import accuracy_score, f1_score

from residency.measure import intervals, scorers


def value_of(metric: intervals.Metric, rows: list[dict[str, Any]]) -> float:
    return intervals.bootstrap([{"group": str(i), **row} for i, row in enumerate(rows)], metric, n=1).value


def accuracy(guesses: list[str], wanted: list[str]) -> float:
    rows = [{"score": scorers.choice_accuracy(guess, [label])} for guess, label in zip(guesses, wanted, strict=True)]
    return value_of(intervals.mean_of("accuracy"), rows)


def macro_f1(guesses: list[str], wanted: list[str], classes: list[str]) -> float:
    rows = [
        {"score": 1.0, "prediction": guess, "wanted": [label]} for guess, label in zip(guesses, wanted, strict=True)
    ]
    return value_of(intervals.macro_f1(classes), rows)


def entity_f1(*counts: dict[str, int]) -> float:
    return value_of(intervals.entity_f1(), [{"counts": each} for each in counts])


LABELS = ["entails", "contradicts", "neutral"]


def random_labels(seed: int, n: int = 200) -> tuple[list[str], list[str]]:
    rng = random.Random(f"{seed}:labels")
    wanted = [rng.choice(LABELS) for _ in range(n)]
    return [label if rng.random() < 0.6 else rng.choice(["entails", "neutral"]) for label in wanted], wanted


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_and_macro_f1_equal_scikit_learn(seed: int) -> None:
    guesses, wanted = random_labels(seed)
    assert accuracy(guesses, wanted) == pytest.approx(accuracy_score(wanted, guesses))
    expected = f1_score(wanted, guesses, average="macro", zero_division=0)
    assert macro_f1(guesses, wanted, LABELS) == pytest.approx(expected)


def test_macro_f1_over_given_classes_ignores_guesses_outside_them_as_scikit_learn_does() -> None:
    guesses, wanted = ["a", "zzz", "b", "a"], ["a", "b", "b", "b"]
    expected = f1_score(wanted, guesses, average="macro", labels=["a", "b"], zero_division=0)
    assert macro_f1(guesses, wanted, ["a", "b"]) == pytest.approx(expected)


def test_a_model_with_one_label_for_three_balanced_classes_has_a_macro_f1_of_one_sixth() -> None:
    wanted = LABELS * 10
    assert macro_f1(["neutral"] * 30, wanted, LABELS) == pytest.approx(1 / 6)


def test_nothing_to_score_is_nan_and_not_zero() -> None:
    assert np.isnan(accuracy([], []))
    assert np.isnan(macro_f1([], [], LABELS))
    assert np.isnan(entity_f1())
    assert np.isnan(entity_f1({"tp": 0, "fp": 0, "fn": 0}))
    assert np.isnan(scorers.choice_accuracy(None, ["yes"]))
    assert np.isnan(scorers.rouge_l("anything", [" "]))


def test_a_choice_counts_when_it_is_one_of_the_wanted_texts() -> None:
    assert scorers.choice_accuracy(" Microcephaly", ["Microcephaly", "Small head"]) == 1.0
    assert scorers.choice_accuracy("Macrocephaly", ["Microcephaly"]) == 0.0


@pytest.mark.parametrize(
    ("reply", "mentions"),
    [
        ('["short stature", "seizures"]', {"short stature", "seizures"}),
        ('Here they are: ["seizures", "seizures"] and ["not this"]', {"seizures"}),
        ("['small head', 'fever']", {"small head", "fever"}),
        ('```json\n[" fever ",\n ""]\n```', {"fever"}),
        ("[]", set()),
        ('["finding [left]", "fever"]', {"finding [left]", "fever"}),
        ('[["Marfan syndrome", "Ectopia lentis"], 3]', {'["Marfan syndrome","Ectopia lentis"]', "3"}),
        ('["fever",]', {"fever"}),
    ],
)
def test_the_first_list_in_a_reply_is_read(reply: str, mentions: set[str]) -> None:
    assert scorers.parse_mentions(reply) == (mentions, True)


@pytest.mark.parametrize(
    "reply", ["", "fever, seizures", '["fever", "sei', "[fever, seizures]", '{"a": 1}', "[" * 5000]
)
def test_a_reply_without_a_readable_list_is_unparsed_and_predicts_nothing(reply: str) -> None:
    assert scorers.parse_mentions(reply) == (set(), False)


def test_mention_counts_and_micro_f1_match_a_hand_worked_case() -> None:
    first = scorers.mention_counts(["fever", "seizures", "cough"], ["fever", "seizures"])
    second = scorers.mention_counts([], ["small head", "short stature"])
    assert first == {"tp": 2, "fp": 1, "fn": 0}
    assert second == {"tp": 0, "fp": 0, "fn": 2}
    assert entity_f1(first, second) == pytest.approx(2 * 2 / (2 * 2 + 1 + 2))


def test_mentions_are_exact_strings_and_repeats_count_once() -> None:
    assert scorers.mention_counts(["Fever", "fever", "fever"], ["fever"]) == {"tp": 1, "fp": 1, "fn": 0}


def test_rouge_l_is_the_best_of_the_references_and_equals_rouge_score() -> None:
    prediction, references = "the head is smaller than usual", ["small head", "a head that is smaller than usual"]
    library = RougeScorer(["rougeL"], use_stemmer=False)
    expected = max(library.score(reference, prediction)["rougeL"].fmeasure for reference in references)
    assert scorers.rouge_l(prediction, references) == pytest.approx(expected)
    assert scorers.rouge_l(prediction, references) > scorers.rouge_l(prediction, references[:1])


def test_rouge_l_of_a_hand_worked_pair() -> None:
    # the longest common subsequence of "a b c d" and "a c d e f" is "a c d": precision 3/5, recall 3/4
    assert scorers.rouge_l("a c d e f", ["a b c d"]) == pytest.approx(2 * 0.6 * 0.75 / (0.6 + 0.75))


def test_an_empty_answer_scores_zero_rouge() -> None:
    assert scorers.rouge_l("", ["small head"]) == 0.0


@pytest.mark.parametrize(
    "said, choice",
    [
        ("B", "B"), ("b. Aspirin", "B"), ("(B)", "B"), ('"B"', "B"), ("**B**", "B"), ("A", "A"), ("A.", "A"),
        ("A is right", "A"), ("A Aspirin", "A"), ("A) aspirin", "A"), ("A\nbecause", "A"), ("Answer: A", "A"),
        ("A patient with fever has a cold.", None), ("a cold", None), ("The answer is a cold", None), ("Because", None),
        ("First think. A fever is seen. Answer: B", "B"), ("the answer is (C), not A", "C"),
        ("**Answer:** B", "B"), ("Answer:\nB", "B"), ("", None), ("Bad", None),
    ],
)  # fmt: skip
def test_a_letter_is_read_where_it_is_one_and_not_as_a_word(said, choice):
    assert scorers.parse_choice(said, ["A", "B", "C"]) == choice


def test_a_written_choice_is_the_longest_that_fits_and_never_guessed():
    answers = ["no", "no difference", "maybe"]
    assert scorers.parse_choice("No difference was seen.", answers) == "no difference"
    assert (
        scorers.parse_choice("No, since", answers) == "no" and scorers.parse_choice("It is unclear.", answers) is None
    )
    assert scorers.parse_choice("Nothing. The answer is: maybe", answers) == "maybe"


def test_a_chain_of_thought_is_read_at_its_end():
    answers = ["yes", "no", "maybe"]
    for text, choice in (
        ("No studies compare them. One shows an effect.\nAnswer: yes", "yes"),
        ("No studies compare them, so it cannot be told.", None),
        ("Two trials say so.\n\nYes.", "yes"),
        ("The answer is maybe. But then the answer is no.", "no"),
        ("No", "no"),
        ("No evidence speaks for it", None),
        ("", None),
    ):
        assert scorers.parse_conclusion(text, answers) == choice, text


# --- numbers and sets of labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply, number",
    [
        ("4", 4), ("3.5", 3.5), (" 2\n", 2), ("4/5", 4), ("4 out of 5", 4), ("**3**", 3), ("Score: 4.", 4),
        ("The similarity is 4 out of 5.", 4), ("I give 2.5/5", 2.5), ("Answer: 1\nThey differ.", 1), ("0", 0),
        ("The answer is 5 because all 2 agree", 5), ("4, since they agree", 4), ("5 (the same)", 5), ("4.", 4),
        ("", None), ("high", None), ("6", None), ("-1", None), ("3-4", None), ("3 to 4", None), ("3 or 4", None),
        ("2 drugs are named in both", None), ("The 2 texts are alike", None), ("between 3 and 4", None),
        ("50%", None), ("1e9", None), ("3,5", None), ("4th", None), ("1.2.3", None), ("Both mention 2 drugs", None),
    ],
)  # fmt: skip
def test_a_number_is_read_where_it_is_the_answer_and_never_guessed(reply: str, number: float | None) -> None:
    assert scorers.parse_number(reply, 0, 5) == number


def test_a_comma_stands_before_decimals_where_the_language_has_it_so() -> None:
    assert scorers.parse_number("3,5", 0, 5, comma=True) == 3.5 == scorers.parse_number("3.5", 0, 5, comma=True)


@pytest.mark.parametrize(
    "reply, number",
    [("4 texts are alike.\nAnswer: 3", 3), ("First 2 then 1.\n4", 4), ("2\nso they differ by 3", None), ("4 so", None)],
)
def test_a_chain_of_thought_ends_with_its_number(reply: str, number: float | None) -> None:
    assert scorers.parse_number(reply, 0, 5, thought=True) == number


def test_a_chain_of_thought_ends_with_its_list() -> None:
    assert scorers.concluded('I see ["red"].\nAnswer: ["blue"]').strip() == '["blue"]'
    assert scorers.concluded("thoughts\n[]") == "[]" and scorers.concluded("") == ""


@pytest.mark.parametrize(
    "reply, given, unknown, parsed",
    [
        ('["red", "blue"]', ["blue", "red"], 0, True), ("[]", [], 0, True), ("['Red ']", ["red"], 0, True),
        ('I think ["red", "pink", "pink"] fit', ["red"], 1, True), ('[{"label": "red"}, 3]', [], 2, True),
        ("red, blue", [], 0, False), ('["red", "bl', [], 0, False), ('["red", "RED", ""]', ["red"], 0, True),
    ],
)  # fmt: skip
def test_a_list_of_labels_is_read_and_what_is_none_is_counted(
    reply: str, given: list[str], unknown: int, parsed: bool
) -> None:
    assert scorers.parse_labels(reply, ("blue", "green", "red")) == (given, unknown, parsed)
