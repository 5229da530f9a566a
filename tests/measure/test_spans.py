"""Spans: where phrases stand, and what is counted, worked by hand."""

from __future__ import annotations

import pytest

from residency.core.types import Span
from residency.measure.spans import locate, parse_labelled, relation_counts, relaxed_counts, span_counts

TEXT = "Breast cancer and cancer of the lung; no BRCA1, BRCA12 positive. CT, CTG."


def places(*phrases):
    found, absent = locate([(p, "D") for p in phrases], TEXT)
    return [TEXT[s.start : s.end] for s in found], absent


def test_a_phrase_stands_for_all_its_whole_words_and_the_longer_one_goes_first():
    assert places("cancer", "Breast cancer") == (["Breast cancer", "cancer"], 0)
    assert places("BRCA1", "CT") == (["BRCA1", "CT"], 0)


def test_a_phrase_that_stands_nowhere_is_counted_and_one_inside_a_longer_is_not_absent():
    assert places("measles") == ([], 1)
    assert places("cancer of the lung", "lung") == (["cancer of the lung"], 0)


def test_exact_and_relaxed_counts():
    wanted = [Span(0, 13, "D"), Span(18, 36, "D"), Span(65, 67, "T")]
    found = [Span(0, 13, "D"), Span(18, 24, "D"), Span(65, 67, "D")]
    assert span_counts(found, wanted, absent=1) == {"tp": 1, "fp": 3, "fn": 2}
    assert relaxed_counts(found, wanted, absent=1) == {"right": 2, "found": 4, "reached": 2, "wanted": 3}


def test_replies_are_read_leniently_around_the_list_and_strictly_in_it():
    assert parse_labelled('Sure: ["a", " b ", "a", ""] ok', ["D"]) == ([("a", "D"), ("b", "D")], True)
    assert parse_labelled("no list", ["D"]) == ([], False)
    several = '[{"text": "a", "label": "D"}, {"text": "b", "label": "X"}, "c", {"x": 1}]'
    assert parse_labelled(several, ["D", "T"]) == ([("a", "D"), ("b", ""), ("c", ""), ('{"x": 1}', "")], True)


def test_pairs_of_phrases_are_pairs_of_concepts():
    names = {"aspirin": "C1", "asa": "C1", "ulcer": "D1"}
    found = [("ASA", "ulcer"), ("aspirin", "ulcer"), ("aspirin", "fever"), ("aspirin", "fever")]
    assert relation_counts(found, [("C1", "D1"), ("C1", "D2")], names) == {"tp": 1, "fp": 1, "fn": 1}


@pytest.mark.parametrize(
    ("text", "phrase", "places"),
    [
        ("患者行CT检查后好转", "CT检查", [(3, 7)]),
        ("Lungenembolie rechts", "embolie", [(6, 13)]),
        ("nahm 400mg Ibuprofen", "400", [(5, 8)]),
        ("Lungenödem, kein anderes ödem", "ödem", [(25, 29)]),
        ("aspirin and aspirins", "aspirin", [(0, 7)]),
        ("痛み止めで痛みが減った", "痛み", [(0, 2), (5, 7)]),
    ],
)
def test_a_phrase_stands_within_a_word_only_where_it_is_no_whole_one(text, phrase, places):
    found, absent = locate([(phrase, "X")], text)
    assert [(s.start, s.end) for s in found] == places and absent == 0
