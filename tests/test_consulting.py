"""The verb of consultation: patients that a model, a person or the doctor that knows HPO sees, and a panel."""

from __future__ import annotations

import argparse
import io
import json

import pytest

from fixture_case import BRIMTAIL, OTHERS, TERMS
from residency import consulting
from residency.core.errors import UserError
from residency.core.store import read_jsonl
from residency.infer.consult import drawn as drawing
from residency.models import load as loading
from residency.models.scripted import ScriptedModel


def run(*given):
    parser = argparse.ArgumentParser()
    consulting.add_arguments(parser)
    return consulting.consult(parser.parse_args(given))


@pytest.fixture(autouse=True)
def made_up_ontology(monkeypatch):
    monkeypatch.setattr(drawing, "read_ontology", lambda: (TERMS, [BRIMTAIL, *OTHERS]))


@pytest.fixture
def doctor(monkeypatch):
    model = ScriptedModel(lambda prompt: "Snoring?" if "I have come" in prompt else "Any trouble with your tail?")
    monkeypatch.setattr(loading, "load", lambda name: model)
    return model


def test_the_doctor_that_knows_the_annotations_finds_diseases_and_leaves_rows(tmp_path):
    out = tmp_path / "talks.jsonl"
    document, words = run("patient", "expert", "--cases", "3", "--among", "9", "--out", str(out))
    assert document["scores"]["right"][0] == 1.0
    assert "diagnosis right" in words
    rows = list(read_jsonl(out))
    assert len(rows) == document["rows"] == 3
    assert {"id", "messages", "source", "licence"} == set(rows[0])
    assert not any(case["opening"] in row["id"] for case in document["cases"] for row in rows)


def test_a_single_talk_is_shown(doctor):
    document, words = run("patient", "a-model", "--disease", "D:1", "--turns", "2")
    assert document["cases"][0]["case"].startswith("D:1")
    assert "patient  Doctor, I have come because of this" in words
    assert "doctor   Snoring?" in words


def test_a_person_can_be_the_doctor(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.StringIO("Snoring?\nDiagnosis: Brimtail fever\n"))
    document, _ = run("patient", "me", "--disease", "D:1", "--among", "0")
    assert document["cases"][0]["right"] is True
    assert "I have come because" in capsys.readouterr().err


def test_cases_come_from_the_notes_of_an_export_too(tmp_path, doctor):
    text = "Chief complaint: Twitching snout\n\nMedications at home: Velurinol; Tea\n\nAllergies: Quillamycin"
    code = [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "B1", "display": "Brimtail fever"}]
    link = {"subject": {"reference": "Patient/p1"}, "encounter": {"reference": "Encounter/e1"}}
    rows = [
        {"resourceType": "Composition", "id": "n1", "date": "2024-05-01", "type": {"text": "note"}, **link,
         "section": [{"text": {"div": f"<div>{text.replace(chr(10), '<br/>')}</div>"}}]},
        {"resourceType": "Condition", "id": "c1", "code": {"coding": code}, **link,
         "category": [{"coding": [{"code": "encounter-diagnosis"}]}]},
    ]  # fmt: skip
    (tmp_path / "all.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    document, _ = run("patient", "a-model", "--notes", str(tmp_path), "--turns", "1", "--among", "0")
    assert document["cases"][0]["wanted"] == "Brimtail fever"


def test_a_panel_answers_with_its_record(doctor, monkeypatch):
    monkeypatch.setattr(loading, "load", lambda name: ScriptedModel(lambda _: "Answer: snout"))
    document, words = run("panel", "a-model", "Which organ?", "--choices", "snout|tail", "--voices", "3")
    assert (document["answer"], document["panel"]["votes"]) == ("snout", {"snout": 3})
    assert "round 1" in words and "answer: snout" in words


@pytest.mark.parametrize("said", ["brimtail FEVER", "d:1"])
def test_a_disease_is_named_in_capitals_or_not_and_no_number_is_shown_where_there_is_none(said):
    document, words = run("patient", "expert", "--disease", said, "--among", "0")
    assert document["cases"][0]["wanted"] == "Brimtail fever"
    assert "nan" not in words.split() and "1 patient\n" in words


def test_a_place_that_cannot_be_written_is_told_before_anyone_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "load", lambda name: pytest.fail("a model was opened"))
    for out in ("/proc/x/talks.jsonl", str(tmp_path)):
        with pytest.raises(UserError, match="--out"):
            run("patient", "a-model", "--out", out)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["panel", "a-model"], "say what the panel is asked"),
        (["patient", "a-model", "What?"], "QUESTION goes with panel"),
        (["panel", "expert", "What?"], "a panel needs a model"),
        (["patient", "a-model", "--voices", "3"], "--voices: not with patient"),
        (["panel", "a-model", "What?", "--disease", "D:1"], "--disease: not with panel"),
        (["patient", "expert", "--disease", "D:99"], "no disease 'D:99'"),
        (["panel", "a-model", "What?", "--choices", "liver"], "--choices liver: give at least two answers"),
        (["panel", "a-model", "What?", "--choices", "liver|Liver|"], "at least two answers that differ"),
        (["patient", "expert", "--notes", "x"], "expert knows the diseases of HPO"),
    ],
)
def test_what_does_not_go_together_is_told(given, says):
    with pytest.raises(UserError, match=says):
        run(*given)
