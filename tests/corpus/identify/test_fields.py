"""A patient's own fields, found in the text however they are written."""

import pytest

from residency.corpus.identify.fields import Fields
from residency.corpus.identify.view import view_of

PATIENT = {
    "name": [{"given": ["Tamsin", "Jo"], "family": "Okonjo-Ferreira", "text": "Tamsin Jo Okonjo-Ferreira"}],
    "address": [{"line": ["4821 Brixford Lane"], "city": "Quillborne", "postalCode": "44101"}],
    "telecom": [{"system": "phone", "value": "(212) 555-0199"}, {"system": "email", "value": "t.o@mail.example"}],
    "identifier": [{"type": {"coding": [{"code": "MR"}]}, "value": "00471123"}],
    "birthDate": "1961-05-03",
}
WANTED = [
    ("seen: tamsin okonjo", "NAME", "tamsin"),
    ("Mrs FERREIRA slept", "NAME", "FERREIRA"),
    ("Okonjo\nFerreira, Tamsin", "NAME", "Okonjo\nFerreira"),
    ("of quillborne", "LOCATION", "quillborne"),
    ("at 4821 BRIXFORD  lane", "LOCATION", "4821 BRIXFORD  lane"),
    ("tel 212.555.0199", "PHONE", "212.555.0199"),
    ("no. 00471123", "MRN", "00471123"),
    ("born 5/3/61", "DATE", "5/3/61"),
    ("born May 3rd, 1961", "DATE", "May 3rd, 1961"),
    ("nacida el 3 de mayo de 1961", "DATE", "3 de mayo de 1961"),
    ("Tam\u00adsin came", "NAME", "Tam\u00adsin"),
]


@pytest.mark.parametrize(("text", "kind", "wanted"), WANTED)
def test_a_field_is_found(text, kind, wanted):
    found = Fields(PATIENT).find(view_of(text))
    assert wanted in [text[f.start : f.end] for f in found if f.entity_type == kind], found
    assert all(f.score == 1 and f.why.startswith("field:") for f in found)


def test_parts_of_other_words_and_other_days_are_let_stand():
    assert not Fields(PATIENT).find(view_of("the Tamsinian jokes of 5/4/61 at 0047112355"))


BROKEN = [
    {},
    {"name": "x"},
    {"name": [{"given": None, "family": None}]},
    {"name": [{"given": 3, "family": 4}]},
    {"birthDate": 7},
    {"identifier": [{"type": "MRN", "value": "x"}]},
    {"identifier": [{"type": {}, "value": None}]},
    {"address": [{"line": "Brixford 4"}]},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_patient_with_odd_fields_is_no_crash(broken):
    Fields(broken).find(view_of("Brixford 4"))
