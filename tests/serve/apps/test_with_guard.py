"""Applications under the guard's own rules: a note is no cry for help, red flags raise the urgency, nothing soothes."""

from __future__ import annotations

import pytest

from residency.serve.guard import Guard
from serve.apps.desk import Desk, codes_of

PAIN = "54-year-old man with crushing chest pain radiating to the left arm for one hour, sweating."
CALM = {"urgency": "routine", "reasons": ["crushing chest pain"], "warning_signs": [], "service": "cardiology"}


@pytest.fixture(scope="module")
def rules():
    return Guard()


def test_red_flags_of_a_complaint_make_a_triage_an_emergency_whatever_the_model_says(rules):
    desk = Desk(CALM, guard=rules)
    found = desk.ask("triage", {"complaint": PAIN, "heart_rate": 80})
    assert found.decision == "answered" and found.urgency == found.reply["urgency"] == "emergency"
    assert desk.line["urgency"] == "emergency" and ("urgency", "raised") in codes_of(found)


def test_a_note_about_an_emergency_is_written_up_and_not_answered_as_a_cry_for_help(rules):
    note = f"{PAIN} Treated. Discharged on day five. In the past he wanted to end his life; no such thoughts now."
    said = {"reason": "crushing chest pain", "course": "", "diagnoses": [], "procedures": [], "medicines": [],
            "awaited": [], "follow_up": []}  # fmt: skip
    assert Desk(said, guard=rules).ask("discharge", {"notes": note}).reply == said
    plain = {"explanation": "You had strong pain in the chest.", "words": [], "ask_for_help": []}
    assert Desk(plain, guard=rules).ask("explanation", {"text": note}).decision == "answered"


def test_what_soothes_in_an_emergency_is_marked(rules):
    plain = {
        "explanation": "There is nothing to worry about. This is not an emergency.",
        "words": [],
        "ask_for_help": [],
    }
    found = Desk(plain, guard=rules).ask("explanation", {"text": PAIN})
    assert "Do not rely on the reassurance" in found.note and found.urgency == "emergency"


def test_an_amount_with_its_source_passes_unmarked(rules):
    label = "Metformin 500 mg is taken twice a day with meals."
    said = {"answer": ["Metformin 500 mg is taken twice a day."], "missing": []}
    found = Desk(said, guard=rules).ask("medication", {"question": "How is metformin taken?", "source": label})
    assert found.reply == said and "after.dose-told" not in found.rules


def test_a_vignette_of_an_exam_is_no_emergency(rules):
    said = {"answer": "myocardial infarction", "explanation": "", "others": []}
    found = Desk(said, guard=rules).ask("tutor", {"question": f"{PAIN} What is the diagnosis?"})
    assert found.decision == "answered" and found.urgency == "routine"
