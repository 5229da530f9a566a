"""The timeline: events by date, each with the line that says so, and nothing dated by guessing."""

from __future__ import annotations

from fixture_record import made, note
from residency.infer.records.lines import record_of
from residency.infer.records.timeline import counts, timeline


def test_events_stand_in_the_order_of_their_dates_with_their_lines():
    found = [(event.date, event.evidence.document, event.how) for event in timeline(made()).events]
    assert found == [
        ("2019", "a", "written"),
        ("2023-03-03", "a", "written"),
        ("2023-03-03", "a", "counted"),
        ("2023-03-04", "a", "note"),
        ("2024-04-02", "b", "written"),
        ("2024-05-11", "b", "note"),
        ("2024-06-01", "b", "written"),
    ]


def test_what_lies_after_its_note_is_planned():
    assert [event.date for event in timeline(made()).events if event.planned] == ["2024-06-01"]


def test_lines_without_a_date_are_counted_and_not_dated():
    found = timeline(made())
    assert found.undated == 5
    assert not any("tea" in event.text for event in found.events)


def test_results_under_a_dated_heading_are_of_that_day():
    text = "Problems:\n- Brimtail fever, active\n\nObservations of 2024-05-01:\n- Creatinine: 88 umol/L"
    [event] = timeline(record_of([note("r", text, "2024-05-02", kind="record")])).events
    assert (event.date, event.how, event.text) == ("2024-05-01", "heading", "Creatinine: 88 umol/L")


def test_from_one_date_to_another_is_one_event_that_lasted():
    [event] = timeline(record_of([note("r", "In hospital from 2023-01-02 to 2023-01-09.")])).events
    assert (event.date, event.until) == ("2023-01-02", "2023-01-09")


def test_two_dates_that_nothing_joins_are_two_events():
    assert len(timeline(record_of([note("r", "Seen 2023-01-02, again 2023-01-09.")])).events) == 2


def test_what_two_notes_say_in_the_same_words_is_one_event_of_the_older():
    notes = [note("b", "Stroke in 2019.", "2024-01-01"), note("a", "stroke  in 2019.", "2021-01-01")]
    [event] = [event for event in timeline(record_of(notes)).events if event.how == "written"]
    assert event.evidence.document == "a"


def test_a_part_of_the_time_holds_what_may_lie_in_it():
    found = [event.date for event in timeline(made(), since="2024-05", until="2024-05").events]
    assert found == ["2024-05-11"]
    assert "2019" in [event.date for event in timeline(made(), since="2019-06").events]


def test_the_ways_to_know_a_date_are_counted():
    assert counts(timeline(made()).events) == {"written": 4, "counted": 1, "either": 0, "heading": 0, "note": 2}
