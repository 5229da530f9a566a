"""A record as lines: each with its own characters, in the order of time, and of one patient alone."""

from __future__ import annotations

import pytest

from fixture_record import NEW, OLD, made, note
from residency.core.errors import UserError
from residency.infer.records.lines import distinct, lines_of, record_of


def test_every_line_is_the_words_at_its_place():
    for document in made().documents:
        assert [document.text[line.start : line.end] for line in lines_of(document)] == [
            line.text for line in lines_of(document)
        ]


def test_sentences_part_where_they_end_and_not_behind_a_title_or_inside_a_number():
    assert [line.text for line in lines_of(note("a", "Dr. Okapi gave 2.5 mg. She slept! 3 days later well."))] == [
        "Dr. Okapi gave 2.5 mg.",
        "She slept!",
        "3 days later well.",
    ]


def test_a_heading_is_no_line_but_the_section_of_those_below_it():
    first, second, *_ = lines_of(note("a", OLD))
    assert (first.text, first.section) == ("Brimtail fever since 2019.", "Diagnosis")
    assert second.text == "Allergic to quillamycin (rash)."


def test_notes_come_in_the_order_of_time_and_undated_ones_last():
    record = made()
    assert [document.id for document in record.documents] == ["a", "b", "c"]
    assert record.undated == 1


def test_a_note_may_have_the_date_of_its_name():
    assert record_of([note("2022-01-05-visit.txt", "Well.")]).documents[0].date == "2022-01-05"


def test_the_record_of_one_patient_holds_nothing_of_another():
    both = [note("a", OLD), note("b", NEW, patient="p2"), note("c", "Nobody's.", patient=None)]
    with pytest.raises(UserError, match="2 patients.*p1, p2"):
        record_of(both)
    assert [document.id for document in record_of(both, "p2").documents] == ["b"]
    with pytest.raises(UserError, match="there are: p1, p2"):
        record_of(both, "p3")


def test_without_a_note_there_is_no_record():
    with pytest.raises(UserError, match="give a folder"):
        record_of([note("a", "  ")])


def test_what_is_copied_forward_is_one_line_with_all_its_places():
    [group] = [group for group in distinct(made().lines) if "quillamycin" in group[0].text]
    assert [line.document for line in group] == ["a", "b"]
