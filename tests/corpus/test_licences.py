"""Licences: the usual names are known however they are written, and what is not known is never a permission."""

from __future__ import annotations

import pytest

from residency.corpus import benchmarks
from residency.corpus.card.licences import (
    KNOWN,
    OWN,
    UNKNOWN,
    conflicts,
    hub_licence,
    licence_of,
    licence_words,
    together,
)


@pytest.mark.parametrize(
    ("words", "hub"),
    [
        ("MIT", "mit"),
        ("MIT License", "mit"),
        ("Apache-2.0", "apache-2.0"),
        ("Apache License, Version 2.0", "apache-2.0"),
        ("CC BY 4.0", "cc-by-4.0"),
        ("cc-by-4.0", "cc-by-4.0"),
        ("Creative Commons Attribution 4.0 International", "cc-by-4.0"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International License", "cc-by-nc-sa-4.0"),
        ("CC-BY-SA-3.0", "cc-by-sa-3.0"),
        ("CC0", "cc0-1.0"),
        ("CC BY-NC-ND 4.0", "cc-by-nc-nd-4.0"),
        ("public domain", "other"),
        ("US government work", "other"),
        ("HPO licence (https://hpo.jax.org/app/license)", "other"),
    ],
)
def test_a_licence_is_known_however_it_is_written(words, hub):
    assert licence_of(words).hub == hub


@pytest.mark.parametrize(
    "words", ["", "ask Fred", "free for all", "MIT (clinosim); codes under others", "not CC BY 4.0"]
)
def test_what_is_not_in_the_table_is_unknown_and_allows_nothing(words):
    assert licence_of(words) is UNKNOWN
    assert together(["MIT", words])["commercial"] is None


def test_the_most_restrictive_source_binds_the_whole():
    assert together(["MIT", "CC BY-NC 4.0", "ask Fred"])["commercial"] is False
    assert together(["MIT", "CC BY 4.0"]) == {
        "commercial": True, "derivatives": True, "redistribution": True, "attribution": True, "alike": False,
    }  # fmt: skip
    assert together(["CC0"])["attribution"] is False
    assert together([])["commercial"] is None
    assert together(["CC BY-ND 4.0", "MIT"])["derivatives"] is False


def test_two_that_each_want_the_whole_cannot_be_passed_on_as_one():
    assert conflicts(["CC BY-SA 4.0", "GPL-3.0", "MIT"]) == [("CC-BY-SA-4.0", "GPL-3.0")]
    assert any("each want the whole" in line for line in licence_words(["CC BY-SA 4.0", "GPL-3.0"]))
    assert conflicts(["CC BY-SA 4.0", "cc-by-sa-4.0"]) == []


def test_the_hospitals_own_data_is_its_own():
    assert licence_of("not stated (your own data)") is OWN
    assert hub_licence(["not stated (your own data)"])["license"] == "other"


def test_a_long_name_is_read_in_no_time():
    import time

    began = time.perf_counter()
    assert licence_of("apache " * 50_000) is UNKNOWN
    assert time.perf_counter() - began < 2
    assert len(KNOWN) > 15


def test_the_licences_of_our_own_sets_are_all_known():
    assert {name for name, about in benchmarks.SETS.items() if licence_of(about.licence) is UNKNOWN} == set()
