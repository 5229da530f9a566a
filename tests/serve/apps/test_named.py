"""Diagnoses that a note names word for word: found without a model, with a code of the installed classification."""

from __future__ import annotations

import pytest
import yaml

from residency.serve.apps.named import DATA, classification, named


def codes(note):
    return [(one.text, one.code) for one in named(note)]


@pytest.mark.parametrize(
    "note, wanted",
    [
        ("Essential hypertension. Takes lisinopril.", [("Essential hypertension", "I10")]),
        ("Known asthma and type 2 diabetes.", [("asthma", "J45.909"), ("type 2 diabetes", "E11.9")]),
        ("CROHN'S DISEASE, gout", [("CROHN'S DISEASE", "K50.90"), ("gout", "M10.9")]),
        ("Diagnosis: Pneumonia\nPlan: rest", [("Pneumonia", "J18.9")]),
        ("HTA, dislipemia y neumonía.", [("HTA", "I10"), ("dislipemia", "E78.5"), ("neumonía", "J18.9")]),
        ("Hipertension arterial esencial", [("Hipertension arterial esencial", "I10")]),
    ],
)
def test_names_are_found_in_both_languages_in_the_order_of_the_note(note, wanted):
    assert codes(note) == wanted


@pytest.mark.parametrize(
    "note",
    [
        "No pneumonia. Denies asthma.",
        "Mother had epilepsy.",
        "Madre con epilepsia. Niega asma.",
        "Possible pulmonary embolism.",
        "Screening for osteoporosis. Gout?",
        "Sospecha de neumonía; descartar apendicitis.",
        "Cough and fever.",  # symptoms are no diagnoses
        "The atlas and the axis are aligned.",
        "",
    ],
)
def test_what_is_denied_doubted_of_a_relative_or_no_diagnosis_is_left_out(note):
    assert codes(note) == []


def test_the_longer_name_counts_and_a_code_stands_once():
    assert codes("Acute appendicitis. Appendicitis was operated.") == [("Acute appendicitis", "K35.80")]


def test_every_code_of_the_list_is_one_of_the_classification_that_a_bill_takes():
    rows = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    listed = [code for names in rows.values() for code in names]
    assert len(listed) > 100 and [code for code in listed if not classification().get(code, ("", False))[1]] == []
