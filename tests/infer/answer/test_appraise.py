"""A question is framed in its own words, evidence is put in the order of its study, and whom it is about is told."""

from __future__ import annotations

import json
from datetime import date

import pytest

from fixture_passages import passage
from residency.infer.answer.appraise import appraised, merged, other_people
from residency.infer.answer.level import GUIDELINE, UNKNOWN, level_of
from residency.infer.answer.pico import Pico, framed, searches
from residency.infer.evidence import Found
from residency.models.scripted import ScriptedModel

ASKED = "Does colchicine prevent gout in adults?"
PARTS = {"population": "adults with gout", "intervention": "colchicine", "comparison": "", "outcome": "prevent gout"}


def says(reply):
    return ScriptedModel(lambda said: reply)


def test_a_question_is_framed_in_its_own_words():
    found = framed(ASKED, says(json.dumps(PARTS)))
    assert found == Pico("adults with gout", "colchicine", "", "prevent gout", read=True)
    assert searches(ASKED, found) == [ASKED, "colchicine adults with gout", "colchicine adults with gout prevent gout"]


def test_what_a_model_adds_of_its_own_is_no_part_of_the_question():
    found = framed(ASKED, says(json.dumps(PARTS | {"comparison": "ibuprofen", "population": "men with diabetes"})))
    assert (found.comparison, found.population, found.intervention) == ("", "", "colchicine")


@pytest.mark.parametrize("reply", [None, "no idea", "[]", json.dumps(dict.fromkeys(PARTS, ""))])
def test_a_reply_that_frames_nothing_leaves_the_question_as_it_is(reply):
    found = framed(ASKED, says(reply))
    assert not found.read and searches(ASKED, found) == [ASKED]


@pytest.mark.parametrize(
    ("text", "design", "level", "certainty"),
    [
        ("We did a systematic review of randomised trials.", "systematic review", 1, "high"),
        ("A randomized, placebo-controlled trial.", "randomised trial", 2, "high"),
        ("An open-label randomised trial with only 12 patients.", "randomised trial", 2, "low"),
        ("A cohort was followed for ten years.", "cohort study", 3, "low"),
        ("A retrospective case series, heterogeneous.", "case-control study or series", 4, "very low"),
        ("In mice it lowered urate.", "mechanism or opinion", 5, "very low"),
        ("This clinical guideline recommends colchicine.", GUIDELINE, None, None),
        ("Colchicine comes from a plant.", UNKNOWN, None, None),
    ],
)
def test_the_level_is_read_from_the_words(text, design, level, certainty):
    found = level_of(passage(text))
    assert (found.design, found.level, found.certainty) == (design, level, certainty)
    assert not found.cue or found.cue in text


def test_what_a_source_states_of_its_study_goes_before_its_words():
    assert level_of(passage("Earlier meta-analyses disagree.", study="Case Reports")).level == 4


def test_stronger_studies_are_read_first_and_the_levels_are_told():
    mouse = passage("In mice colchicine prevents gout.", "mouse")
    trial = passage("In a randomised trial of adults colchicine prevents gout attacks.", "trial")
    found = appraised(
        ASKED, says(json.dumps(PARTS)), lambda _: Found([mouse, trial], "s"), today=date(2026, 1, 1), most=2
    )
    assert [one.document for one in found.evidence] == ["trial", "mouse"]
    assert [one.citations[0].document for one in found.sentences] == ["trial", "mouse"]
    assert found.about["levels"]["trial#0"]["level"] == 2 and found.about["frame"]["intervention"] == "colchicine"
    assert found.about["other_people"] == {"mouse#0": ["animals"]}
    assert json.dumps(found.told())


def test_several_searches_are_fused_by_rank_and_equal_ones_by_id():
    a, b, c = (passage(f"Text {name}.", name) for name in "abc")
    found = merged([Found([b, a], "s", expired=1), Found([a, c], "s"), Found([], "s", why="no hit")])
    assert [one.document for one in found.evidence] == ["a", "b", "c"] and found.expired == 1 and found.why is None
    assert merged([Found([], "s", why="no hit")]).why == "no hit"
    left = merged([Found([a], "s", expired=1, why="left out: d"), Found([], "s", why="no hit")])
    assert left.why == "left out: d"


def test_people_that_the_question_does_not_name_are_told():
    one = passage("In children and pregnant women it is not used.")
    assert other_people("Is it used in pregnancy?", one) == ["children"]
