"""Judges: a passport is earned by agreement with people, and without one nobody judges."""

from __future__ import annotations

import math
import random

import pytest

from residency.core.errors import UserError
from residency.evaluate.judges import passport
from residency.evaluate.judges.axes import AXES, axis_of, nearest
from residency.evaluate.judges.model import (
    Judged,
    _from_likelihoods,
    pair_prompt,
    prefer,
    rate,
    rating_prompt,
    shortened,
)
from residency.models.scripted import ScriptedModel

RELEVANCE = AXES["relevance"]


def items(n=200, groups=40):
    rng = random.Random(0)
    return [{"question": "q", "answer": "a", "rating": rng.randint(1, 4), "group": str(i % groups)} for i in range(n)]


def answers_by(rule):
    """Return a model that answers each prompt by a function of its text."""
    return ScriptedModel(rule)


def test_the_seven_axes_and_relevance_have_words_for_every_rating():
    assert len(AXES) == 8 and all(len(set(a.scale)) == len(a.ratings) >= 4 for a in AXES.values())
    with pytest.raises(UserError, match="no axis kind; legal are relevance, professional, safe"):
        axis_of("kind")


def test_a_judge_that_sees_what_people_see_earns_its_passport_and_one_that_guesses_does_not():
    found = items()
    sees = [Judged(float(i["rating"]), i["rating"] + 0.2) for i in found]
    guesses = [Judged(3.0, random.Random(i).uniform(1, 4)) for i in range(len(found))]
    good, bad = passport.passport_of(RELEVANCE, found, sees), passport.passport_of(RELEVANCE, found, guesses)
    assert good["earned"] and good["kappa"] == 1.0 and good["n"] == 200 and good["groups"] == 40
    assert not bad["earned"] and bad["kappa_low"] < bad["kappa"] < 0.4


def test_the_bar_holds_for_the_lower_limit_not_for_the_value():
    found = items(n=24, groups=6)
    rng = random.Random(3)
    near = [Judged(0.0, float(i["rating"] if rng.random() < 0.6 else rng.randint(1, 4))) for i in found]
    made = passport.passport_of(RELEVANCE, found, near)
    assert made["kappa"] > 0.4 > made["kappa_low"] and not made["earned"]


def test_agreement_on_few_questions_or_on_the_half_that_was_rated_earns_nothing():
    few = items(n=40, groups=passport.FEW - 1)
    sees = [Judged(float(i["rating"]), float(i["rating"])) for i in few]
    made = passport.passport_of(RELEVANCE, few, sees)
    assert made["kappa"] == 1.0 and not made["earned"]
    found = items()
    silent = [Judged(math.nan, math.nan) if n % 2 else Judged(0.0, float(i["rating"])) for n, i in enumerate(found)]
    made = passport.passport_of(RELEVANCE, found, silent)
    assert made["not_scored"] == 100 and made["kappa"] < 0.4 and not made["earned"]


def test_a_part_gives_an_estimate_that_does_not_stand_for_the_whole(tmp_path):
    rated = ("mine", "answers", [{**i, "answer": str(i["rating"])} for i in items()])
    model = answers_by(lambda text: text.split("Answer: ")[1][0])
    whole, part = (passport.measure(model, "relevance", limit=n, rated=rated) for n in (0, 120))
    assert whole["earned"] and whole["kappa"] == part["kappa"] == 1.0 and not part["earned"]
    assert passport.issue(tmp_path, whole) != passport.issue(tmp_path, part)
    assert passport.check(tmp_path, model, "relevance", "answers")["n"] == 200


def test_without_a_passport_for_this_axis_and_text_it_does_not_judge(tmp_path):
    model = ScriptedModel({})
    with pytest.raises(UserError, match=r"has no passport for relevance .* --measure --axis relevance"):
        passport.check(tmp_path, model, "relevance", "answers")
    made = {
        "judge_hash": model.hash,
        "axis": "relevance",
        "kind": "answers",
        "kappa": 0.2,
        "kappa_low": 0.1,
        "bar": 0.4,
    }
    passport.issue(tmp_path, {**made, "earned": False})
    with pytest.raises(UserError, match=r"did not earn its passport: .* 0.20, at least 0.10"):
        passport.check(tmp_path, model, "relevance", "answers")
    passport.issue(tmp_path, {**made, "earned": True})
    assert passport.check(tmp_path, model, "relevance", "answers")["earned"]
    with pytest.raises(UserError, match="holds for answers, not for notes"):
        passport.check(tmp_path, model, "relevance", "notes")
    with pytest.raises(UserError, match="it was measured for: relevance"):
        passport.check(tmp_path, model, "safe", "answers")


def test_an_axis_that_nobody_has_rated_cannot_be_measured():
    with pytest.raises(UserError, match="nobody's ratings of safe are at hand"):
        passport.measure(ScriptedModel({}), "safe")


def test_ratings_in_words_are_read_and_what_is_no_rating_is_not_scored():
    replies = iter(["4", "I give it a 2.", "9", "excellent"])
    judged = rate(answers_by(lambda _: next(replies)), RELEVANCE, items(n=4))
    assert [j.rating for j in judged[:2]] == [4.0, 2.0] and all(math.isnan(j.rating) for j in judged[2:])


def test_a_judge_that_follows_the_place_is_found_out_by_asking_both_ways():
    pairs = [{"question": "q", "first": "good", "second": "bad"}, {"question": "q", "first": "bad", "second": "good"}]
    assert prefer(answers_by(lambda _: "A"), RELEVANCE, pairs) == [0.5, 0.5]
    sees = answers_by(lambda text: "A" if "Answer A: good" in text else "B")
    assert prefer(sees, RELEVANCE, pairs) == [1.0, 0.0]


def test_prompts_hold_the_scale_and_long_answers_keep_both_ends():
    text = rating_prompt(RELEVANCE, "why?", "x" * 5000 + "end")[0]["content"]
    assert "1 = incorrect" in text and "4 = excellent" in text and "end" in text and len(text) < 3500
    assert shortened("short") == "short" and "Answer B: two" in pair_prompt(RELEVANCE, "q", "one", "two")[0]["content"]


def test_a_rating_is_what_the_passport_measures_and_not_the_likeliest_number():
    odds = [0.4, 0.0001, 0.3, 0.2999]  # the likeliest is 1, the expected rating 2.5
    judged = _from_likelihoods(RELEVANCE, [math.log(share) for share in odds])
    assert judged.expected == pytest.approx(2.5, abs=0.01) and judged.rating == nearest(RELEVANCE, judged.expected) > 1
    people = [{"rating": judged.rating, "group": str(n)} for n in range(30)]
    assert passport.passport_of(RELEVANCE, people, [judged] * 30)["same_rating"] == 1.0
