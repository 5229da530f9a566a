"""Notes of FHIR bundles and bulk files come with the coded rows of their encounter, and with no others."""

import json

from fixture_fhir import ICD, attachment, bundle, composition, concept, condition, medication, read


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
        attachment("d2", "picture", kind="image/png"),
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


def test_an_encounter_and_a_patient_of_the_same_id_are_told_apart(tmp_path):
    note = composition("n1", "7", "<div>Text.</div>") | {"subject": {"reference": "Patient/7"}}
    other = condition("c1", "I10") | {"subject": {"reference": "Patient/7"}, "onsetDateTime": "2030"}
    (tmp_path / "a.json").write_text(json.dumps(bundle(note, other)))
    assert codes(read(tmp_path)[0]["n1"]) == []


def test_what_was_entered_in_error_is_left_out_and_counted(tmp_path):
    note = attachment("d1", "Text.") | {"docStatus": "entered-in-error"}
    rows = [condition("c1", "I10", verificationStatus=concept("refuted", "Refuted"))]
    (tmp_path / "a.json").write_text(json.dumps(bundle(note, attachment("d2", "Text."), *rows)))
    notes, bad, left = read(tmp_path)
    assert list(notes) == ["d2"] and not bad
    assert left == {"DocumentReference: entered in error": 1, "Condition: refuted": 1}


def test_a_bundle_that_names_its_entries_by_uuid_is_joined(tmp_path):
    drug = {"resourceType": "Medication", "id": "server-1", "code": concept("6809", "Metformin")}
    order = medication("r1", "e1", medicationReference={"reference": "urn:uuid:aa"})
    rows = [("aa", drug), ("bb", order), ("cc", {**attachment("x", "Take it."), "id": None})]
    entry = [
        {"fullUrl": f"urn:uuid:{key}", "resource": resource, "request": {"method": "POST"}} for key, resource in rows
    ]
    entry.append({"request": {"method": "DELETE", "url": "Patient/1"}})
    (tmp_path / "a.json").write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entry}))
    notes, bad, _ = read(tmp_path)
    assert not bad and codes(notes["cc"], "medications") == ["6809"]


def test_references_with_versions_and_addresses_lead_to_the_same_rows(tmp_path):
    note = composition("n1", "e1", "<div>Text.</div>")
    note["encounter"] = {"reference": "https://example.org/fhir/Encounter/e1/_history/3"}
    (tmp_path / "a.json").write_text(json.dumps(bundle(note, condition("c1", "I10", encounter="e1"))))
    assert codes(read(tmp_path)[0]["n1"]) == ["I10"]


def test_shapes_of_stu3_and_r5_are_read_where_their_meaning_is_plain(tmp_path):
    stu3 = condition("c1", "I10", verificationStatus="confirmed") | {"context": {"reference": "Encounter/e1"}}
    wrong = condition("c2", "I11", verificationStatus="refuted") | {"context": {"reference": "Encounter/e1"}}
    order = medication("r1", "e1", medication={"concept": concept("161", "Acetaminophen")})
    r5 = attachment("d1", "New.") | {"context": [{"reference": "Encounter/e1"}]}
    old = attachment("d2", "Old.") | {"context": {"encounter": {"reference": "Encounter/e1"}}, "indexed": "2019-01-01"}
    bare = {"resourceType": "DocumentReference", "id": "d3"}
    (tmp_path / "a.json").write_text(json.dumps(bundle(stu3, wrong, order, r5, old, bare)))
    notes, bad, _ = read(tmp_path)
    assert codes(notes["d1"]) == codes(notes["d2"]) == ["I10"]
    assert codes(notes["d1"], "medications") == ["161"] and notes["d2"].date == "2019-01-01"
    assert [str(record) for record in bad] == ["a.json: entry 5: a DocumentReference without content"]


def test_validation_names_the_type_and_the_field_and_nothing_else(tmp_path):
    good = condition("c1", "I10", encounter="e1")
    wrong = condition("c2", "I11", encounter="e1") | {"recordedDate": "secret Tuesday"}
    note = attachment("d1", "Text.") | {"status": "current"}
    (tmp_path / "a.json").write_text(json.dumps(bundle(good, wrong, note, attachment("d2", "Text."))))
    notes, bad, _ = read(tmp_path, validate=True)
    assert codes(notes["d1"]) == ["I10"] and list(notes) == ["d1"]
    assert [record.reason for record in bad] == [
        "entry 1: not valid FHIR R4 at Condition.recordedDate",
        "entry 3: not valid FHIR R4 at DocumentReference.status",
    ]
