"""Sources that say the opposite, or another number for the same, are found; those of different matters are not."""

from __future__ import annotations

import pytest

from fixture_passages import chart, passage
from residency.infer.answer.conflict import JUDGED, NUMBERS, OPPOSITE, conflicts
from residency.infer.answer.sentences import stretches


def found(*passages, judge=None):
    return conflicts([one for each in passages for one in stretches(each)], judge)


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [
        ("Aspirin is safe in pregnancy.", "Aspirin is not safe in pregnancy.", OPPOSITE),
        ("Salt increases blood pressure.", "Salt lowers blood pressure.", OPPOSITE),
        ("The dose of aspirin is 100 mg a day.", "The dose of aspirin is 300 mg a day.", NUMBERS),
        ("The dose of aspirin is 100 mg a day.", "Give a dose of 100 mg aspirin every day.", None),
        ("Aspirin is safe in pregnancy.", "Ibuprofen is not sold in Utopia.", None),
        ("In 2019 the dose of aspirin was 100 mg.", "In 2021 the dose of aspirin was 100 mg.", None),
    ],
)
def test_two_sources_are_compared(one, other, why):
    pairs = found(passage(one, "a"), passage(other, "b"))
    assert [each.why for each in pairs] == ([why] if why else [])


def test_one_document_does_not_contradict_itself_nor_a_chart_a_textbook():
    yes, no = "Aspirin is safe in pregnancy.", "Aspirin is not safe in pregnancy."
    assert not found(passage(f"{yes} {no}", "a"))
    assert not found(passage(yes, "a"), chart(no))


def test_the_encoder_counts_where_it_is_sure_both_ways_round():
    one, other = passage("Aspirin helps in fever of a child.", "a"), passage("Aspirin harms a child in fever.", "b")
    assert not found(one, other)
    [pair] = found(one, other, judge=lambda sources, claims: [[0.0, 0.95, 0.05]] * len(claims))
    assert pair.why == JUDGED and (pair.first.document, pair.second.document) == ("a", "b")
    way = {"a": 0.99, "b": 0.2}
    assert not found(
        one, other, judge=lambda sources, claims: [[0.0, way["a" if "helps" in s else "b"], 0.0] for s in sources]
    )
