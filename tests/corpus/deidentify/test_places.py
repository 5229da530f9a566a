"""Places for places, and as much of a postal code as may be told."""

from __future__ import annotations

import re

import pytest

from residency.corpus.deidentify.lists import lists_of
from residency.corpus.deidentify.places import SPARSE, Places, zipped

KEY = b"p" * 32


def places(language: str = "en", taken: frozenset[str] = frozenset()) -> Places:
    return Places(KEY, lists_of(language), lambda word: word.lower() in taken, language)


def test_an_address_keeps_its_form_and_its_state_and_says_nothing_else() -> None:
    now = places().of("p", "12 Oak Street, Springfield, IL 62704-1234")
    assert now is not None
    assert re.fullmatch(r"\d\d [A-Z][a-z]+ Street, [A-Z][a-z]+, IL 62700", now)
    assert not {"12", "Oak", "Springfield"} & set(re.findall(r"\w+", now))


def test_a_town_is_the_same_wherever_it_stands() -> None:
    of = places().of
    town = of("p", "Springfield")
    assert town is not None
    assert town in str(of("p", "12 Oak Street, Springfield, IL 62704"))
    assert of("p", "SPRINGFIELD") == town.upper()
    assert of("p", "Springfield General Hospital") == f"{town} General Hospital"
    assert of("p", "Spring\u200bfield") == town
    assert of("q", "Springfield") != town


@pytest.mark.parametrize(
    ("code", "told"),
    [("62704", "62700"), ("62704-1234", "62700"), ("03601", "00000"), ("89301", "00000"), ("20500", "00000")],
)
def test_three_digits_of_a_zip_code_stay_where_more_than_20000_people_live(code: str, told: str) -> None:
    assert places().of("p", code) == told


def test_the_sparse_areas_of_the_census_of_2000_are_all_there() -> None:
    listed = "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893".split()
    assert set(listed) <= SPARSE
    assert all(zipped(f"{area}12", "en") == "00000" for area in listed)


def test_of_a_spanish_code_the_province_stays() -> None:
    now = places("es").of("p", "Calle de Alcalá 23, 28013 Madrid")
    assert now is not None
    assert re.fullmatch(r"Calle de [A-Z]\w+ \d\d, 28000 [A-Z]\w+", now)


@pytest.mark.parametrize("text", ["General Hospital", "the Clinic", "Memorial Hospital, TX", "", "--", "\ue000"])
def test_what_says_only_of_which_sort_a_place_is_has_no_surrogate(text: str) -> None:
    assert places().of("p", text) is None


def test_numbers_in_a_place_are_others_and_ordinals_stay_ordinals() -> None:
    for patient in map(str, range(40)):
        now = places().of(patient, "5th Avenue, Apt 7")
        assert now is not None
        found = re.fullmatch(r"(\d+)(st|nd|rd|th) Avenue, Apt (\d)", now)
        assert found
        assert found[1] != "5"
        assert found[3] not in "07"


def test_no_town_occurs_in_the_texts() -> None:
    town = str(places().of("p", "Springfield"))
    other = places(taken=frozenset([town.lower()])).of("p", "Springfield")
    assert other not in (town, None)
