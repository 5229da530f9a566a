"""Structured notes: each sentence stands under one heading, the one that the note or its own words say."""

from __future__ import annotations

from serve.apps.desk import Desk, codes_of

EMPTY = {"complaint": "", "history": "", "past_history": [], "medicines": [], "allergies": [], "examination": "",
         "results": "", "assessment": "", "plan": []}  # fmt: skip


def structured(note, **said):
    return Desk(EMPTY | said).ask("structure", {"note": note})


def test_one_sentence_under_all_headings_is_kept_once_where_its_words_say_and_that_is_told():
    dose = "take lisinopril 10 mg daily"
    many = {"past_history": [dose], "allergies": [dose], "examination": dose, "results": dose, "assessment": dose,
            "plan": [dose], "history": "Essential hypertension."}  # fmt: skip
    found = structured("Essential hypertension. Takes lisinopril 10 mg daily.", **many)
    assert found.reply == EMPTY | {"history": "Essential hypertension.", "medicines": [dose]}
    [mark] = found.marks
    assert (mark.at, mark.code, mark.text) == ("medicines", "several_headings", dose) and dose in mark.says


def test_the_headings_of_the_note_go_before_the_words_of_a_sentence():
    note = "Chest X-ray is awaited.\nPlan:\nRepeat the chest X-ray in six weeks.\nAllergies: penicillin"
    said = "Repeat the chest X-ray in six weeks."
    found = structured(note, results=said, plan=[said], allergies=["penicillin"], past_history=["penicillin"])
    assert found.reply == EMPTY | {"plan": [said], "allergies": ["penicillin"]}
    spanish = structured("Alergias: penicilina.\nPlan: control en dos semanas.",
                         allergies=["control en dos semanas", "penicilina"])  # fmt: skip
    assert spanish.reply == EMPTY | {"allergies": ["penicilina"], "plan": ["control en dos semanas"]}
    assert ("plan", "other_heading") in codes_of(spanish)


def test_what_speaks_for_no_heading_stays_where_the_model_put_it_first():
    found = structured("Fell on the stairs.", complaint="Fell on the stairs.", history="Fell on the stairs.")
    assert found.reply == EMPTY | {"complaint": "Fell on the stairs."}
    assert codes_of(found) == [("complaint", "several_headings")]


def test_a_part_of_a_text_is_taken_out_and_the_rest_stands():
    note = "Cough for two weeks. No known allergies."
    found = structured(note, history=note, allergies=["No known allergies"])
    assert found.reply == EMPTY | {"history": "Cough for two weeks.", "allergies": ["No known allergies"]}


def test_headings_that_are_right_are_left_alone_and_none_may_stand_anywhere():
    note = "Chest pain. Allergies: none. Past history: none. BP 120/80. ECG normal. Aspirin 300 mg given."
    right = {"complaint": "Chest pain", "past_history": ["None"], "allergies": ["None"], "examination": "BP 120/80",
             "results": "ECG normal", "assessment": "Chest pain", "medicines": ["Aspirin 300 mg"]}  # fmt: skip
    found = structured(note, **right)
    assert found.reply == EMPTY | right and not {code for _, code in codes_of(found)} & {"several_headings"}


def test_a_diagnosis_may_be_the_reason_for_a_stay_too():
    said = {"reason": "Pneumonia", "course": "Pneumonia", "diagnoses": ["Pneumonia"], "procedures": [], "medicines": [],
            "awaited": [], "follow_up": []}  # fmt: skip
    found = Desk(said).ask("discharge", {"notes": "Pneumonia. Better after five days."})
    assert found.reply == said | {"course": ""}
