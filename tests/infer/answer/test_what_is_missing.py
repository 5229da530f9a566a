"""Why there is no answer, and what is missing, is told as it is: of each shelf, each passage and each word."""

from __future__ import annotations

from datetime import date

import pytest

from fixture_passages import GOUT, chart, finds, passage
from residency.infer.answer import answer
from residency.infer.answer.cited import EXPIRED, NO_HIT, NO_RECORD, STALE, THIN, UNSAID, UNWRITTEN
from residency.models.scripted import ScriptedModel

TODAY = date(2026, 1, 1)
ASKED = "What are the symptoms of gout?"
SILENT = ScriptedModel(lambda said: None)
ASTHMA = passage("Give salbutamol 5 mg and prednisolone 40 mg in an acute attack.", "asthma")
ADULTS = passage(
    "An attack of gout is treated with colchicine. The first dose of colchicine is 1 mg, followed by 0.5 mg after one "
    "hour. Allopurinol is started two weeks after the attack.",
    title="Gout in adults",
)


def asked(*evidence, question=ASKED, model=SILENT, **settings):
    return answer(question, model, finds(*evidence), **{"today": TODAY, "most": 1, **settings})


# --- a record that gives nothing -------------------------------------------------------------------------------------


def test_a_record_without_anything_is_named_beside_what_the_guidelines_say():
    found = asked(passage(), chart=finds(why="nothing was found", snapshot="c1"))
    assert not found.abstained and found.missing == (NO_RECORD,)
    assert found.about["chart"] == f"{NO_RECORD}: nothing was found"
    assert found.answer.startswith("From the patient's record:\nNothing") and "\n\nFrom the sources:\n" in found.answer
    assert all(found.answer[one.start : one.end] == one.text for one in found.sentences)


def test_what_each_shelf_gave_is_told():
    told = asked(passage(), chart=finds(why="no such patient")).told()
    assert told["shelves"] == {
        "index": {"found": 1, "used": 1, "expired": 0, "why": None},
        "chart": {"found": 0, "used": 0, "expired": 0, "why": "no such patient"},
    }
    assert asked(passage()).told()["shelves"].keys() == {"index"}


def test_a_record_that_speaks_of_something_else_gave_nothing_either():
    found = asked(passage(), chart=finds(chart("She broke her arm.")))
    assert found.missing == (NO_RECORD,)
    assert found.shelves["chart"]["why"] == THIN and found.shelves["chart"]["found"] == 1
    assert asked(chart=finds()).missing == ("gout", NO_RECORD)


def test_a_record_that_gives_something_is_not_missing():
    found = asked(passage(), chart=finds(chart("She has gout.")))
    assert not found.missing and "chart" not in found.about and found.shelves["chart"]["used"] == 1


# --- words that are missing ------------------------------------------------------------------------------------------


def test_only_words_that_no_passage_holds_are_missing():
    found = asked(ASTHMA, passage(), question="What is the second dose of prednisolone in an acute attack of migraine?")
    assert found.why == THIN and found.missing == ("second", "migraine")


def test_words_that_two_passages_hold_between_them_are_not_missing():
    found = asked(ASTHMA, passage(), question="Does gout follow asthma, prednisolone or salbutamol?")
    assert found.abstained and not {"gout", "asthma", "prednisolone", "salbutamol"} & set(found.missing)


@pytest.mark.parametrize("question", ["Which symptoms has gout?", "How is gout treated?"])
def test_a_word_of_the_side_that_a_passage_holds_is_not_missing_either(question):
    evidence = passage("The symptoms of gout can be treated.")
    found = asked(evidence, question=question, model=ScriptedModel(lambda said: "Walk."), style="write")
    assert found.why == UNSAID and found.missing == ("a passage that answers the question",)


# --- reasons ---------------------------------------------------------------------------------------------------------


def test_an_expired_passage_on_what_is_asked_is_the_reason():
    old = passage("Malaria is treated with quinine.", "malaria", valid_until="2020-01-01")
    found = asked(old, passage(), question="How is malaria treated?")
    assert found.why == STALE and found.shelves["index"]["expired"] == 1


def test_expired_passages_that_the_search_left_out_are_named_in_the_reason():
    left = "no longer valid, and left out: Malaria 2019 (until 2020-01-01)"
    found = answer("How is malaria treated?", SILENT, finds(passage(), expired=1, why=left), today=TODAY)
    assert found.why == f"{THIN}; {left}"
    assert asked(passage(valid_until="2020-01-01")).why == EXPIRED and asked().why == NO_HIT


def test_passages_in_another_language_are_named_in_the_reason():
    spanish = passage("La neumonía se trata con amoxicilina.", "neumonia", language="es")
    found = asked(spanish, passage(), question="How is pneumonia treated?")
    assert found.why == f"{THIN}; the question is in en, and some of what was found is in es"
    assert asked(passage(), question="How is pneumonia treated?").why == THIN


@pytest.mark.parametrize("reply", ["I do not know.", "", None])
def test_a_model_that_writes_nothing_is_the_reason_and_not_the_evidence(reply):
    found = asked(passage(), model=ScriptedModel(lambda said: reply), style="write")
    assert found.why == UNWRITTEN and found.missing == () and found.removed == ()


# --- plain questions -------------------------------------------------------------------------------------------------


def test_a_sentence_that_names_what_its_title_leaves_out_is_quoted():
    found = asked(ADULTS, question="What is the first dose of colchicine in gout?")
    assert found.answer == "The first dose of colchicine is 1 mg, followed by 0.5 mg after one hour."


def test_a_title_of_something_else_does_not_lend_its_name():
    found = asked(passage(GOUT, title="Scurvy"), question="What are the symptoms of gout?", most=3)
    assert "gout" in found.answer and "kidney" not in found.answer
