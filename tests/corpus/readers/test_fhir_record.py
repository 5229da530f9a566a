"""Coded rows in words: what a clinician would write, in a fixed order, without names."""

import json

from fixture_fhir import bundle, concept, condition, medication, read

TAKEN_UP = "Patient: read with the notes or records it belongs to"
P1, E1 = {"reference": "Patient/p1"}, {"reference": "Encounter/e1"}


def observation(name, day="2024-03-05T08:00:00Z", **more):
    row = {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": name}, "subject": P1}
    return row | {"encounter": E1, "effectiveDateTime": day, **more}


def quantity(value, unit, **more):
    return {"value": value, "unit": unit, **more}


ROWS = [
    {"resourceType": "Patient", "id": "p1", "name": [{"family": "Zzyzx"}], "address": [{"city": "Nowhere"}]},
    condition(
        "c1",
        "I10",
        encounter="e1",
        onsetDateTime="2019-04",
        clinicalStatus=concept("active", "Active"),
        verificationStatus=concept("confirmed", "Confirmed"),
    ),
    condition("c2", "C61", encounter="e1", verificationStatus=concept("refuted", "Refuted")),
    condition("c3", "K35", encounter="e1", onsetAge=quantity(12, "years"), abatementDateTime="1990"),
    {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": P1,
        "clinicalStatus": concept("active", "Active"),
        "criticality": "high",
        "code": concept("7980", "Penicillin"),
        "reaction": [{"manifestation": [{"text": "Hives"}, {"text": "Wheeze"}], "severity": "severe"}],
    },
    {"resourceType": "Medication", "id": "m1", "code": concept("6809", "Metformin")},
    medication(
        "r1", "e1", medicationReference={"reference": "Medication/m1"}, dosageInstruction=[{"text": "500 mg daily"}]
    ),
    medication(
        "r2",
        "e1",
        doNotPerform=True,
        authoredOn="2024-03-05T10:00:00Z",
        medicationCodeableConcept=concept("161", "Ibuprofen"),
    ),
    observation("Sodium", valueQuantity=quantity(128, "mmol/L"), interpretation=[{"coding": [{"code": "L"}]}]),
    observation(
        "Blood pressure",
        component=[
            {"code": {"text": "systolic"}, "valueQuantity": quantity(120, "mmHg")},
            {"code": {"text": "diastolic"}, "valueQuantity": quantity(80, "mmHg")},
        ],
    ),
    observation("CRP", "2024-03-04", valueQuantity=quantity(5, "mg/L", comparator="<")),
    observation("Smoker", "2024-03-04", valueBoolean=False),
    observation("Culture", "2024-03-04", status="entered-in-error", valueString="wrong"),
    {
        "resourceType": "Procedure",
        "id": "x1",
        "status": "completed",
        "subject": P1,
        "encounter": E1,
        "code": concept("1", "Appendectomy"),
        "performedPeriod": {"start": "1990-02-03T09:00:00Z"},
    },
    {
        "resourceType": "Immunization",
        "id": "i1",
        "status": "completed",
        "patient": P1,
        "vaccineCode": concept("140", "Influenza vaccine"),
        "occurrenceDateTime": "2023-10-01",
    },
]
ENCOUNTER = """Problems:
- name of K35, since the age of 12 years, until 1990
- name of I10, active, confirmed, since 2019-04

Medications:
- Metformin, 500 mg daily, active
- Ibuprofen, not to be given, active, 2024-03-05

Procedures:
- Appendectomy, completed, 1990-02-03

Observations of 2024-03-04:
- CRP: < 5 mg/L
- Smoker: no

Observations of 2024-03-05:
- Blood pressure: systolic 120 mmHg, diastolic 80 mmHg
- Sodium: 128 mmol/L, low"""
PATIENT = """Allergies:
- Penicillin, active, high criticality, reaction: Hives and Wheeze (severe)

Immunizations:
- Influenza vaccine, completed, 2023-10-01"""


def test_the_rows_of_each_encounter_and_patient_are_one_record_in_words(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(bundle(*ROWS)))
    records, bad, left = read(tmp_path, record=True)
    assert not bad
    assert {key: record.text for key, record in records.items()} == {"record:p1/e1": ENCOUNTER, "record:p1": PATIENT}
    whole = records["record:p1/e1"]
    assert (whole.date, whole.patient, whole.meta) == ("2024-03-05", "p1", {"kind": "record", "encounter": "e1"})
    assert left["Condition: refuted"] == left["Observation: entered in error"] == left[TAKEN_UP] == 1


def test_the_order_of_files_and_rows_does_not_change_a_record(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(bundle(*reversed(ROWS))))
    assert read(tmp_path, record=True)[0]["record:p1/e1"].text == ENCOUNTER


def test_rows_are_no_documents_unless_asked_for(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(bundle(*ROWS)))
    documents, bad, left = read(tmp_path)
    assert not documents and not bad
    assert sum(left.values()) == len(ROWS)
