"""Names of fields and words of the instruction that a model copies are no sentences of its reply."""

from __future__ import annotations

from serve.apps.desk import Desk, every
from serve.apps.test_headings import EMPTY

DISCHARGE = {"reason": "Pneumonia", "course": "", "diagnoses": [], "procedures": [], "medicines": [], "awaited": [],
             "follow_up": []}  # fmt: skip


def test_names_of_fields_and_words_of_the_instruction_are_dropped():
    said = DISCHARGE | {"course": "why the patient was admitted", "procedures": ["follow_up"], "awaited": ["X-ray"]}
    found = Desk(said).ask("discharge", {"notes": "Pneumonia. X-ray awaited."})
    assert found.reply == DISCHARGE | {"awaited": ["X-ray"]} and not found.marks
    spanish = EMPTY | {"history": "Nota o transcripción", "complaint": "Tos"}
    assert Desk(spanish).ask("structure", {"note": "Tos."}, language="es").reply == EMPTY | {"complaint": "Tos"}


def test_words_of_the_instruction_that_the_note_says_too_stay():
    said = DISCHARGE | {"course": "the patient was admitted"}
    assert Desk(said).ask("discharge", {"notes": "Pneumonia; the patient was admitted."}).reply == said


def test_a_choice_of_the_schema_stays_though_the_instruction_names_it():
    said = {"urgency": "soon", "reasons": ["Sore toe"], "warning_signs": ["warning_signs"], "service": "surgery"}
    found = Desk(said).ask("triage", {"complaint": "Sore toe"})
    assert found.reply == said | {"warning_signs": []}


def test_a_reply_of_the_instructions_words_is_none_though_a_choice_stands_beside_it():
    said = {"impression": ["The findings that matter, the most important first."], "urgency": "urgent"}
    found = Desk(said).ask("impression", {"findings": "No pneumothorax."})
    assert (found.decision, found.reply, found.urgency) == ("abstained", None, "urgent")


def test_signs_without_a_word_are_no_reply():
    fields = every([0] * 3, "audit") | {"sex": "female"}
    found = Desk({"summary": [", "], "ask_next": ["...", ","]}).ask("screening", fields)
    assert (found.decision, found.reply) == ("abstained", None) and "found nothing" in found.why
