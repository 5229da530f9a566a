"""Dates that move, keep what lies between them, and stay dates."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from residency.corpus.deidentify.ages import aged
from residency.corpus.deidentify.dates import Dates
from residency.corpus.deidentify.settings import Hiding
from residency.corpus.deidentify.surrogates import Surrogates

EN = Dates("en", "mdy", 2026)
ES = Dates("es", "dmy", 2026)


@pytest.mark.parametrize(
    ("text", "ten_days_on"),
    [
        ("3/4/2020", "3/14/2020"),
        ("03/04/20", "03/14/20"),
        ("13/02/2020", "23/02/2020"),  # no month 13: the day goes first
        ("12/28/1999", "01/07/2000"),
        ("12-28-99", "01-07-00"),
        ("2020-02-25", "2020-03-06"),
        ("2020-12-25", "2021-01-04"),
        ("20201225", "20210104"),
        ("12252020", "01042021"),
        ("2020-02-25T12:30:00Z", "2020-03-06T12:30:00Z"),
        ("Tuesday, March 3, 2020", "Friday, March 13, 2020"),
        ("TUE 3/3/2020", "FRI 3/13/2020"),
        ("March 3rd, 2020 at 10:30 am", "March 13th, 2020 at 10:30 am"),
        ("3rd of March", "13th of March"),
        ("MARCH THIRD", "MARCH THIRTEENTH"),
        ("March twenty first", "March thirty first"),
        ("Feb 2020", "Feb 2020"),
        ("Jan '19", "Jan '19"),
        ("24 Dec '19", "3 Jan '20"),
        ("3/20", "3/30"),
        ("12/2019", "12/2019"),
        ("2/29/2020", "3/10/2020"),
        ("29 February", "10 March"),
        ("on Monday", "on Thursday"),
        ("Sept 25", "Oct 5"),
        ("Mar 3 - Mar 10, 2020", "Mar 13 - Mar 20, 2020"),
        ("2/25-3/4/2020", "3/6-3/14/2020"),
        ("2/25 to 3/4", "3/7 to 3/14"),
        ("3/\u200b4/2020", "3/14/2020"),
        ("３/４/２０２０", "3/14/2020"),
    ],
)
def test_a_date_moves_in_the_way_it_is_written(text: str, ten_days_on: str) -> None:
    assert EN.moved(text, 10) == ten_days_on


@pytest.mark.parametrize(
    ("text", "ten_days_on"),
    [
        ("25 de diciembre de 2020", "4 de enero de 2021"),
        ("lunes, 25 de mayo del 2020", "jueves, 4 de junio del 2020"),
        ("miércoles 3 de marzo", "sábado 13 de marzo"),
        ("MIE 3 MAR 2021", "SÁB 13 MAR 2021"),
        ("23-ENE-2020", "2-FEB-2020"),
        ("03/04/2020", "13/04/2020"),
        ("28/12/99", "07/01/00"),
        ("setiembre de 2020", "septiembre de 2020"),
        ("1º de mayo", "11º de mayo"),
        ("año 2020", "año 2020"),
    ],
)
def test_a_spanish_date_moves_in_the_way_it_is_written(text: str, ten_days_on: str) -> None:
    assert ES.moved(text, 10) == ten_days_on


@pytest.mark.parametrize(
    "text",
    ["yesterday", "Christmas", "31/31/2020", "2/30/2020", "3/4/5/6", "1234567", "spring 2020", "3/4/1930", "1918",
     "3/4/9999", "March 3 and John", "", "12:30", "3", "3/4/2020 \ue000", "March third nineteen eighty"],
)  # fmt: skip
def test_what_is_no_clear_date_or_tells_a_great_age_cannot_be_moved(text: str) -> None:
    assert EN.moved(text, 10) is None


@given(st.dates(date(1940, 1, 1), date(2025, 12, 31)), st.integers(0, 700), st.integers(-365, 365))
def test_intervals_stay_and_days_are_real_whatever_way_they_are_written(first: date, later: int, days: int) -> None:
    second = min(first + timedelta(later), date(2026, 1, 1))
    for dates, form in ((EN, "%m/%d/%Y"), (EN, "%B %d, %Y"), (EN, "%Y-%m-%d"), (EN, "%d %B %Y"), (ES, "%d/%m/%Y")):
        moved = [dates.moved(day.strftime(form), days) for day in (first, second)]
        assert moved[0] is not None and moved[1] is not None
        one, other = (datetime.strptime(m, form).date() for m in moved)
        assert other - one == second - first
        assert one - first == timedelta(days)


@given(st.text("0123456789/-. abMarchJunedeyo'", max_size=24), st.integers(-365, 365))
def test_no_text_breaks_the_reader_and_what_it_writes_can_be_read_again(text: str, days: int) -> None:
    for dates in (EN, ES):
        moved = dates.moved(text, days)
        assert moved is None or dates.moved(moved, 0) is not None or dates.read(moved) is None


@pytest.mark.parametrize(
    ("text", "year"),
    [("March 3, 2020", "2020"), ("3/4/20", "2020"), ("3/4/99", "1999"), ("2019-2020", "2019-2020"),
     ("Mar 3 - Mar 9, 2020", "2020 - 2020"), ("March 3", None), ("Monday", None), ("3/4/1930", None)],
)  # fmt: skip
def test_only_the_year_stays_under_safe_harbor(text: str, year: str | None) -> None:
    assert EN.year(text) == year


def test_every_patient_has_days_of_their_own_and_never_none() -> None:
    made = Surrogates(Hiding(days=3), b"k" * 32, "en", lambda word: False)
    shifts = {made.shift(str(patient)) for patient in range(200)}
    assert shifts == {-3, -2, -1, 1, 2, 3}
    assert made.of("p", "DATE", "3/4/2020") == EN.moved("3/4/2020", made.shift("p"))


def test_dates_may_get_tags_instead() -> None:
    assert Surrogates(Hiding(dates="tag"), b"k" * 32, "en", lambda word: False).of("p", "DATE", "3/4/2020") is None
    assert Surrogates(Hiding(dates="year"), b"k" * 32, "en", lambda word: False).of("p", "DATE", "3/4/2020") == "2020"


@pytest.mark.parametrize(
    ("text", "told"),
    [("92", "90+"), ("89", "89"), ("90", "90+"), ("92-year-old", "90+-year-old"), ("101 yo", "90+ yo"),
     ("45 y/o", "45 y/o"), ("92 weeks", "92 weeks"), ("ninety-two years old", "ninety or more years old"),
     ("a hundred and two years", "ninety or more years"), ("eighty-nine", "eighty-nine"), ("mid 40s", "mid 40s"),
     ("92 years 3 months", None), ("45 John", None), ("elderly", None), ("9\u200b2", "90+"), ("٩٢", "90+")],
)  # fmt: skip
def test_ages_over_89_become_one(text: str, told: str | None) -> None:
    assert aged(text, "en") == told


@pytest.mark.parametrize(
    ("text", "told"),
    [("92 años", "90+ años"), ("noventa y dos años", "noventa o más años"), ("ochenta y nueve", "ochenta y nueve"),
     ("18 meses", "18 meses"), ("lactante", None), ("cien años", "noventa o más años")],
)  # fmt: skip
def test_ages_in_spanish(text: str, told: str | None) -> None:
    assert aged(text, "es") == told
