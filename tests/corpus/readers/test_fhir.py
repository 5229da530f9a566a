"""Notes of FHIR bundles and bulk files come with the coded rows of their encounter, and with no others."""

import base64
import json
from collections import Counter

from residency.core.types import Document
from residency.corpus.readers.fhir import read_fhir
from residency.corpus.records import Bad, Left

ICD = "http://hl7.org/fhir/sid/icd-10-cm"


def concept(code, display, text=None):
    return {"coding": [{"system": ICD, "code": code, "display": display}], "text": text or display}


def condition(key, code, *, encounter=None, category="problem-list-item", **more):
    row = {"resourceType": "Condition", "id": key, "code": concept(code, f"name of {code}")}
    row |= {"subject": {"reference": "Patient/p1"}, "category": [concept(category, category)], **more}
    return row | ({"encounter": {"reference": f"Encounter/{encounter}"}} if encounter else {})


def medication(key, encounter, **more):
    row = {"resourceType": "MedicationRequest", "id": key, "status": "active", "subject": {"reference": "Patient/p1"}}
    return row | {"encounter": {"reference": f"Encounter/{encounter}"}, **more}


def composition(key, encounter, *divs, day="2024-05-01T10:00:00Z"):
    sections = [{"title": f"Part {i}", "text": {"div": div}} for i, div in enumerate(divs)]
    return {
        "resourceType": "Composition",
        "id": key,
        "date": day,
        "type": concept("34133-9", "Summary of episode note"),
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": f"Encounter/{encounter}"},
        "section": sections,
    }


def attachment(key, text=None, kind="text/plain", **more):
    content = {"contentType": kind, **more}
    if text is not None:
        content["data"] = base64.b64encode(text.encode()).decode()
    return {
        "resourceType": "DocumentReference",
        "id": key,
        "subject": {"reference": "urn:uuid:p1"},
        "context": {"encounter": [{"reference": "Encounter/e1"}]},
        "content": [{"attachment": content}],
    }


def bundle(*resources):
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}


def read(folder, **settings):
    records = [record for part in read_fhir(path=folder, **settings).parts for record in part()]
    return (
        {record.id: record for record in records if isinstance(record, Document)},
        [record for record in records if isinstance(record, Bad)],
        Counter(record.reason for record in records if isinstance(record, Left)),
    )


def codes(document, name="conditions"):
    return [row["code"] for row in document.meta[name]]


def test_a_note_comes_with_its_encounters_and_its_patients_rows_only(tmp_path):
    resources = [
        composition("n1", "e1", "<div>Cough &amp; fever.<br/>Better.</div>", "<div>  </div>", "<div>Home.</div>"),
        condition("c1", "J18.9", encounter="e1", category="encounter-diagnosis"),
        condition("c2", "I10", onsetDateTime="2001-01-01"),
        condition("c3", "E11.9", onsetDateTime="2024-06-01"),
        condition("c4", "K21.9", encounter="e2"),
        condition("c5", "C61", verificationStatus=concept("refuted", "Refuted")),
    ]
    (tmp_path / "one.json").write_text(json.dumps(bundle(*resources)))
    notes, bad, _ = read(tmp_path)
    assert not bad
    note = notes["n1"]
    assert note.text == "Part 0: Cough & fever.\nBetter.\n\nPart 2: Home."
    assert codes(note) == ["J18.9", "I10"]
    assert note.patient == "p1" and note.date == "2024-05-01T10:00:00Z"
    assert note.meta["note_type"] == "Summary of episode note"
    assert note.meta["conditions"][0]["system"] == ICD


def test_medications_are_found_by_concept_or_by_reference_and_the_stopped_before_start_left_out(tmp_path):
    rows = [
        {"resourceType": "Medication", "id": "m1", "code": concept("6809", "Metformin")},
        medication("r1", "e1", medicationReference={"reference": "Medication/m1"}),
        medication("r2", "e1", medicationCodeableConcept=concept("161", "Acetaminophen")),
        medication("r3", "e1", medicationCodeableConcept=concept("161", "Acetaminophen")),
        medication("r4", "e1", medicationCodeableConcept=concept("999", "Never given"), doNotPerform=True),
        medication("r5", "e1", status="cancelled", medicationCodeableConcept=concept("998", "Never given")),
        attachment("d1", "Take the tablets."),
    ]
    (tmp_path / "bulk.ndjson").write_text("\n".join(json.dumps(row) for row in rows))
    notes, _, _ = read(tmp_path)
    assert codes(notes["d1"], "medications") == ["161", "6809"]
    assert notes["d1"].meta["medications"][1]["display"] == "Metformin"


def test_rows_and_notes_may_stand_in_different_files(tmp_path):
    (tmp_path / "Composition.ndjson").write_text(json.dumps(composition("n1", "e1", "<div>Text.</div>")) + "\n")
    (tmp_path / "Condition.ndjson").write_text(json.dumps(condition("c1", "I10", encounter="e1")) + "\n")
    assert codes(read(tmp_path)[0]["n1"]) == ["I10"]


def test_a_note_kept_elsewhere_is_a_counted_skip(tmp_path):
    rows = [
        attachment("d1", url="Binary/7"),
        attachment("d2", "%PDF", kind="application/pdf"),
        attachment("d3", "<p>Seen.</p><p>Well.</p>", kind="text/html; charset=utf-8"),
    ]
    (tmp_path / "a.json").write_text(json.dumps(bundle(*rows)))
    notes, bad, skipped = read(tmp_path)
    assert list(notes) == ["d3"] and notes["d3"].text == "Seen.\nWell." and not bad
    assert sum(skipped.values()) == 2


def test_damage_is_named_by_file_and_line(tmp_path):
    good = json.dumps(composition("n1", "e1", "<div>Text.</div>"))
    (tmp_path / "a.ndjson").write_text(good + "\n" + good[:-9] + "\n")
    (tmp_path / "b.json").write_text('{"resourceType": "Bundle",\n "entry": [}')
    (tmp_path / "c.json").write_text('["Composition"]')
    (tmp_path / "d.json").write_text(json.dumps(composition("n4", "e1")))
    (tmp_path / "e.json").write_text(json.dumps({"resourceType": "Bundle", "entry": [{}]}))
    broken = attachment("d9", "x")
    broken["content"][0]["attachment"]["data"] = "not base64!"
    (tmp_path / "f.ndjson").write_text("\n" + json.dumps(broken))
    notes, bad, _ = read(tmp_path)
    assert list(notes) == ["n1"]
    assert [(record.file, record.line) for record in bad] == [
        ("a.ndjson", 2),
        ("b.json", 2),
        ("c.json", None),
        ("d.json", None),
        ("e.json", None),
        ("f.ndjson", 2),
    ]


def test_resources_of_another_shape_are_bad_records_and_never_a_fault(tmp_path):
    odd = composition("n1", "e1", "<div>Text.</div>")
    (tmp_path / "a.ndjson").write_text(
        "\n".join(json.dumps(row) for row in ({**odd, "section": ["x"]}, {**odd, "id": "n2"}, {**odd, "subject": "x"}))
    )
    (tmp_path / "b.json").write_text(json.dumps({"resourceType": "Bundle", "entry": 7}))
    (tmp_path / "c.ndjson").write_text(json.dumps({"resourceType": "Condition", "code": ["x"]}))
    notes, bad, skipped = read(tmp_path)
    assert list(notes) == ["n2"]
    assert [(record.file, record.line) for record in bad] == [("a.ndjson", 1), ("a.ndjson", 3), ("b.json", None)]
    assert skipped == {"coded row that is not as FHIR R4 has it": 1}


