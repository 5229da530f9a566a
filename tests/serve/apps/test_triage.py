"""Triage: the model says how urgent, NEWS2 only raises it, and no answer is urgent."""

from __future__ import annotations

import pytest

from residency.serve.apps import load
from residency.serve.apps.early_warning import warned
from serve.apps.desk import Desk, codes_of, schema_of

CALM = {"urgency": "routine", "reasons": ["cough"], "warning_signs": [], "service": "general practice"}
NORMAL = {
    "age": 60, "respiratory_rate": 16, "oxygen_saturation": 97, "supplemental_oxygen": False, "systolic_pressure": 125,
    "heart_rate": 80, "consciousness": "alert", "temperature": 37.0,
}  # fmt: skip


@pytest.mark.parametrize(
    "signs, points, urgency",
    [
        ({}, 0, None),
        ({"respiratory_rate": 22, "heart_rate": 95}, 3, None),
        ({"respiratory_rate": 25}, 3, "urgent"),  # 3 points of one sign alone
        ({"consciousness": "altered"}, 3, "urgent"),
        ({"respiratory_rate": 22, "heart_rate": 115, "temperature": 38.5}, 5, "urgent"),
        ({"respiratory_rate": 25, "oxygen_saturation": 91, "heart_rate": 95}, 7, "emergency"),
    ],
)
def test_news2_is_that_of_the_college_reckoned_by_hand(signs, points, urgency):
    found = warned(NORMAL | signs)
    assert (found.points, found.urgency, found.lacking) == (points, urgency, ())


def test_signs_that_lack_make_it_a_lower_bound_and_are_named():
    found = warned({"age": 70, "systolic_pressure": 85, "respiratory_rate": 26, "heart_rate": 100})
    assert found.points == 7 and found.urgency == "emergency"
    assert found.lacking == ("oxygen_saturation", "supplemental_oxygen", "consciousness", "temperature")


def test_it_is_not_reckoned_for_children_nor_without_an_age_nor_without_a_sign():
    assert warned(NORMAL | {"age": 12}) is None and warned(NORMAL | {"age": None}) is None
    assert warned({"age": 50}) is None and warned({"age": 50, "supplemental_oxygen": False}) is None


def test_the_signs_raise_the_urgency_and_say_so():
    desk = Desk(CALM)
    found = desk.ask("triage", {"complaint": "cough for two days", **NORMAL, "respiratory_rate": 25})
    assert found.urgency == found.reply["urgency"] == "urgent" and "news2" in found.rules
    assert ("urgency", "raised") in codes_of(found) and "25 1/min" in desk.prompt


def test_a_spanish_reply_names_signs_levels_and_units_in_spanish():
    desk = Desk(CALM)
    given = {"complaint": "tos", "age": 70, "respiratory_rate": 26, "temperature": 37}
    says = [one.says for one in desk.ask("triage", given, language="es").marks]
    assert any("faltan estas constantes: saturación de oxígeno, recibe oxígeno suplementario" in one for one in says)
    assert any(one.endswith("el modelo decía: habitual") for one in says) and "Edad: 70 años" in desk.prompt
    assert load()["triage"].told("es")["inputs"][1]["unit"] == "años"
    assert load()["triage"].told("en")["inputs"][1]["unit"] == "years"


def test_the_signs_never_lower_what_the_model_says():
    found = Desk(CALM | {"urgency": "emergency"}).ask("triage", {"complaint": "cough", **NORMAL})
    assert found.urgency == found.reply["urgency"] == "emergency" and not found.marks


def test_the_guards_red_flags_raise_it_too_and_a_reason_that_does_not_stand_there_is_marked():
    said = CALM | {"reasons": ["cough", "his father died of a heart attack"]}
    found = Desk(said).ask("triage", {"complaint": "dose of cough syrup, and a cough"})  # the double says: soon
    assert found.urgency == found.reply["urgency"] == "soon" and ("reasons[1]", "unsupported") in codes_of(found)


def test_no_answer_is_handed_over_as_urgent_or_as_the_signs_say():
    desk = Desk("no JSON")
    found = desk.ask("triage", {"complaint": "cough"})
    assert (found.decision, found.urgency, found.reply) == ("abstained", "urgent", None)
    assert "A person has to take over: within hours" in found.text
    assert desk.line["decision"] == "abstained" and desk.line["answer"] is None
    worse = Desk("no JSON").ask("triage", {"complaint": "cough", **NORMAL, "oxygen_saturation": 80, "heart_rate": 140,
                                           "temperature": 39.5})  # fmt: skip
    assert worse.urgency == "emergency"


def test_the_service_to_go_to_is_one_of_a_list():
    desk = Desk(CALM | {"service": "reasons"})
    assert desk.ask("triage", {"complaint": "cough"}).decision == "abstained"
    legal = schema_of(desk)["properties"]["service"]["enum"]
    assert "general practice" in legal and "reasons" not in legal
