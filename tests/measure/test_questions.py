"""Whether a turn asks something: by its question marks alone, of whatever script."""

from __future__ import annotations

import pytest

from residency.measure.intervals import bootstrap
from residency.measure.metrics import metric_for
from residency.measure.questions import asks, question_counts


@pytest.mark.parametrize(
    "text",
    [
        "Any fever?", "okay . any chest pain ? i see .", "Since when (or longer)?", "¿Le duele?", "哪里疼？",
        "هل لديك حمى؟", "Πονάτε\u037e", "Ինչո՞ւ", "Really?!", "Take 2.5 mg?",
    ],
)  # fmt: skip
def test_a_sentence_that_ends_in_a_question_mark_asks(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["", "Tell me where it hurts.", "?", "Well. ???", "Semicolons; too", "Do you smoke"])
def test_what_has_no_mark_or_no_word_before_it_does_not(text: str) -> None:
    assert not asks(text)


def test_asking_is_counted_against_the_recorded_turn() -> None:
    pairs = [("A?", "B?"), ("A?", "B?"), ("A?", "B."), ("A.", "B?"), ("A.", "B.")]
    rows = [
        {"group": str(i), "questions": question_counts(a, b), "question_share": float(asks(a))}
        for i, (a, b) in enumerate(pairs)
    ]
    assert bootstrap(rows, metric_for("question_f1", rows)).value == pytest.approx(2 * 2 / (2 * 2 + 1 + 1))
    share = bootstrap(rows, metric_for("question_share", rows))
    assert share.value == pytest.approx(3 / 5) and 0 <= share.low < 3 / 5 < share.high <= 1


def test_whoever_never_asks_scores_zero_and_whoever_always_asks_is_shown_by_the_share() -> None:
    recorded = ["Any pain?", "I see, thank you."]
    never, always = (
        [{"group": str(i), "questions": question_counts(said, r)} for i, r in enumerate(recorded)]
        for said in ("Fine.", "And then?")
    )
    assert bootstrap(never, metric_for("question_f1", never)).value == 0.0
    assert bootstrap(always, metric_for("question_f1", always)).value == pytest.approx(2 / 3)
