"""Screening: sums and limits of the published instruments, gaps that are not filled in, and who is called at once."""

from __future__ import annotations

import pytest

from residency.infer.tools.calculator import band_of, calculators
from residency.serve.apps import load
from residency.serve.apps.screening import instruments, lacking, screened, sentences
from residency.serve.types import Refused
from serve.apps.desk import Desk, every

SAYS = {"summary": ["The scores stand above."], "ask_next": ["sleep"]}


def scores(values, language="en"):
    return {one.title: (one.points, one.band, one.positive, one.urgency) for one in screened(values, language).scored}


@pytest.mark.parametrize(
    "values, title, wanted",
    [
        (every([1, 1], "phq"), "PHQ-2", (2, "negative", False, "routine")),
        (every([2, 1], "phq"), "PHQ-2", (3, "positive, the whole PHQ-9 is to be asked", True, "soon")),
        (every([1] * 8 + [0], "phq"), "PHQ-9", (8, "mild", False, "routine")),
        (every([2, 2, 2, 1, 1, 1, 1, 0, 0], "phq"), "PHQ-9", (10, "moderate", True, "soon")),
        (every([3, 3, 3, 3, 3, 3, 2, 0, 0], "phq"), "PHQ-9", (20, "severe", True, "urgent")),
        (every([3, 0], "gad"), "GAD-2", (3, "positive, the whole GAD-7 is to be asked", True, "soon")),
        (every([2, 2, 2, 2, 2, 2, 2], "gad"), "GAD-7", (14, "moderate", True, "soon")),
        (every([1, 1, 1], "audit") | {"sex": "female"}, "AUDIT-C", (3, "", True, "routine")),
        (every([1, 1, 1], "audit") | {"sex": "male"}, "AUDIT-C", (3, "", False, "routine")),
        (every([4, 2, 1], "audit") | {"sex": "male"}, "AUDIT-C", (7, "", True, "soon")),
    ],
)
def test_points_bands_and_limits_are_those_of_the_publications(values, title, wanted):
    assert scores(values) == {title: wanted}


def test_the_bands_of_a_calculator_begin_where_ours_do():
    known = {tool.name: tool for tool in calculators()}
    for row in instruments().values():
        for points in range(row["most"] + 1) if "calculator" in row and row["bands"] else ():
            ours = next(said["en"] for least, said in reversed(row["bands"]) if points >= least)
            assert ours == band_of(points, known[row["calculator"]].bands)


def test_an_instrument_with_a_gap_is_not_scored_and_the_short_one_stands():
    found = screened(every([2, 2, 1], "phq"), "en")
    assert [one.title for one in found.scored] == ["PHQ-2"]
    assert found.gaps == {"PHQ-9": ("phq_4", "phq_5", "phq_6", "phq_7", "phq_8", "phq_9")}


def test_without_one_whole_instrument_nothing_is_scored():
    with pytest.raises(Refused, match="no instrument is filled in whole") as told:
        screened({"phq_1": 2}, "en")
    assert (told.value.code, told.value.param) == ("incomplete", "phq_2") and "PHQ-2" in str(told.value)


@pytest.mark.parametrize(
    "language, words", [("en", "items without an answer: 3"), ("es", "preguntas sin respuesta: 3")]
)
def test_what_an_instrument_lacks_is_told_by_the_numbers_of_its_items(language, words):
    found = screened({"audit_1": 1, "audit_2": 1} | every([1, 1], "phq"), language)
    said = "\n".join(sentences(found, language))
    assert "AUDIT-C" in said and words in said and "audit_3" not in said
    assert lacking({"audit_1": "1", "audit_2": "0", "audit_3": " "}, language) == [said.splitlines()[-1]]


def test_every_item_has_the_published_answer_of_each_of_its_points():
    for name, field in load()["screening"].inputs.items():
        if name != "sex":
            assert list(field.choices) == [str(points) for points in range(int(field.high) + 1)]
    audit = load()["screening"].inputs["audit_2"]
    assert [one["en"] for one in audit.choices.values()] == ["1 or 2", "3 or 4", "5 or 6", "7 to 9", "10 or more"]
    assert audit.read("4") == audit.read(4) == 4
    with pytest.raises(Refused, match="is not one of"):
        audit.read("5")


@pytest.mark.parametrize("points", [1, 2, 3])
def test_any_point_for_self_harm_hands_over_at_once_and_no_model_is_asked(points):
    desk = Desk(SAYS)
    found = desk.ask("screening", {"phq_9": points})
    assert found.decision == "answered by rule" and found.urgency == "urgent" and found.reply is None
    assert "See the patient today" in found.text and "a crisis line (988" in found.text and not desk.engine.asked
    assert "screening_self_harm" in found.rules and len(desk.record.entries) == 1
    spanish = Desk(SAYS).ask("screening", every([0] * 8 + [points], "phq"), language="es")
    assert (
        "024" in spanish.text
        and "Vea hoy al paciente" in spanish.text
        and f"PHQ-9: {points} / 27, mínima, no positivo." in spanish.text
    )


def test_the_crisis_line_of_the_place_goes_before_the_usual_one():
    desk = Desk(SAYS)
    desk.flow.guard.crisis = "the ward psychiatrist, 4711"
    found = desk.ask("screening", {"phq_9": 1})
    assert "the ward psychiatrist, 4711" in found.text and "988" not in found.text


def test_the_model_writes_about_scores_that_it_is_given_and_a_number_of_its_own_is_taken_out():
    desk = Desk({"summary": ["PHQ-9: 12 points of 27, moderate.", "The score was 17 points."], "ask_next": []})
    found = desk.ask("screening", every([2, 2, 2, 1, 1, 1, 2, 1, 0], "phq"))
    assert "PHQ-9: 12 / 27, moderate, positive." in desk.prompt and "phq_1" not in desk.prompt
    assert found.reply["summary"] == ["PHQ-9: 12 points of 27, moderate."] and found.urgency == "soon"
    assert [(one.code, one.removed) for one in found.marks] == [("unsupported", True)]
    assert found.facts["scores"][0]["points"] == 12


def test_a_score_stands_though_the_model_writes_nothing_that_can_be_read():
    found = Desk("nonsense").ask("screening", every([3, 3], "gad"))
    assert found.decision == "abstained" and found.facts["scores"][0]["points"] == 6
    assert "GAD-2: 6 / 6" in found.text and found.urgency == "soon"


def test_the_fields_of_the_file_are_those_that_the_instruments_take():
    fields = {field for row in instruments().values() for field in row["fields"].values()}
    assert fields == set(load()["screening"].inputs) - {"sex"}
