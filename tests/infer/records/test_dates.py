"""Dates in texts: whole ones, those that are counted from the note's day, and those that two readings would tell."""

from __future__ import annotations

import pytest

from residency.infer.records.dates import dates_in

DAY = "2024-05-11"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Seen 2023-02-01 again", "2023-02-01"),
        ("MRI 2023/02/01.", "2023-02-01"),
        ("started in 2023-02", "2023-02"),
        ("operated on 3 March 2021", "2021-03-03"),
        ("operated on the 3rd of March 2021", "2021-03-03"),
        ("operated on March 3rd, 2021", "2021-03-03"),
        ("operada el 3 de marzo de 2021", "2021-03-03"),
        ("operated in Sept 2021", "2021-09"),
        ("smoker since 1998", "1998"),
        ("CT 25/12/2023", "2023-12-25"),
        ("CT 12/25/23", "2023-12-25"),
        ("CT 25.12.2023", "2023-12-25"),
    ],
)
def test_a_date_is_read_as_precisely_as_it_is_written(text, wanted):
    [found] = dates_in(text, said=DAY)
    assert (found.date, found.how) == (wanted, "written")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("fell yesterday", "2024-05-10"),
        ("fell 3 days ago", "2024-05-08"),
        ("two weeks ago a cold", "2024-04"),
        ("2 months ago a cold", "2024-03"),
        ("a stroke 6 years ago", "2018"),
        ("last year a stroke", "2023"),
        ("seen on 3 March", "2024-03-03"),
        ("seen on December 24 elsewhere", "2023-12-24"),
    ],
)
def test_what_is_counted_from_the_notes_day_is_no_more_precise_than_its_words(text, wanted):
    [found] = dates_in(text, said=DAY)
    assert (found.date, found.how) == (wanted, "counted")
    assert dates_in(text) == []


def test_of_numbers_that_allow_two_days_only_the_year_is_kept():
    [found] = dates_in("biopsy 03/04/2023", said=DAY)
    assert (found.date, found.how) == ("2023", "either")
    assert [when.date for order in ("mdy", "dmy") for when in dates_in("03/04/2023", order=order)] == [
        "2023-03-04",
        "2023-04-03",
    ]


def test_a_reading_that_lies_after_the_note_is_not_taken_where_the_other_does_not():
    [found] = dates_in("biopsy 04/06/2024", said=DAY)
    assert found.date == "2024-04-06"


@pytest.mark.parametrize(
    "text",
    ["BP 120/80", "pain 5/10", "7.35/40/90", "version 1.2.24", "31/02/2023", "may 12 patients", "2000 mg daily",
     "Room 2024", "GCS 15", "ratio 3/4/5/6", "marked 12 improvement", "45 mg twice"],
)  # fmt: skip
def test_numbers_that_are_no_dates_are_left(text):
    assert dates_in(text, said=DAY) == []


def test_each_date_has_its_characters():
    text = "On 2023-02-01 and again 3 March 2023 seen."
    assert [text[when.start : when.end] for when in dates_in(text)] == ["2023-02-01", "3 March 2023"]
