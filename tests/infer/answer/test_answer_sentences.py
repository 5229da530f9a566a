"""Sentences keep their places, and a list stays with what leads it."""

from __future__ import annotations

import pytest

from fixture_passages import passage
from residency.infer.answer.sentences import LONGEST, spans, stretches


def sentences(text):
    return [text[start:end] for start, end in spans(text)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One thing. Another thing! A third?", ["One thing.", "Another thing!", "A third?"]),
        ("Dr. Lee saw J. Doe, e.g. on Monday. He left.", ["Dr. Lee saw J. Doe, e.g. on Monday.", "He left."]),
        ("Give 0.5 mg. Then stop.", ["Give 0.5 mg.", "Then stop."]),
        ("He said “stop.” Then he left.", ["He said “stop.”", "Then he left."]),
        ("A line that is\nwrapped in a file. The next.", ["A line that is\nwrapped in a file.", "The next."]),
        ("A head\n\nA paragraph.", ["A head", "A paragraph."]),
        ("头痛。发热。", ["头痛。", "发热。"]),
        ("1. Rest.\n2. Drink.", ["1. Rest.", "2. Drink."]),
        ("a dose of 5 - 10 mg - daily", ["a dose of 5 - 10 mg - daily"]),
        (" \n * * *\n\n 12 \n", []),
    ],
)
def test_a_text_falls_into_its_sentences(text, parts):
    assert sentences(text) == parts


def test_a_lead_keeps_its_list_and_what_follows_stands_alone():
    text = "Signs are the following:\n - Fever.\n - Cough.\n\nSee a doctor."
    assert [one.text for one in stretches(passage(text))] == [text.partition("\n\n")[0], "See a doctor."]


def test_a_list_that_is_too_long_is_cited_by_its_items():
    text = "Signs are:" + "".join(f"\n - A sign that is called number {i} here." for i in range(60))
    found = stretches(passage(text))
    assert len(found) > 1 and all(len(one.text) <= LONGEST for one in found)


def test_a_stretch_names_its_place_in_the_document():
    document = "Before it. " + "Gout hurts. It passes."
    one = passage(document[11:], at=11)
    assert [document[slice(*each.place)] for each in stretches(one)] == ["Gout hurts.", "It passes."]


def test_of_a_passage_without_exact_offsets_the_whole_is_named():
    one = passage("Gout hurts. It passes.")
    loose = type(one)(one.id, one.document, one.text, 40, 200)
    assert {each.place for each in stretches(loose)} == {(40, 200)}
