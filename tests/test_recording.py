"""The verb that reads a record: a folder of notes or a FHIR export, of one patient, with every place named."""

from __future__ import annotations

import argparse
import json

import pytest

from fixture_fhir import bundle, composition, condition
from fixture_files import pdf
from fixture_record import NEW, OLD
from residency import recording
from residency.core.errors import SourceError, UserError
from residency.models import load as loading
from residency.models.scripted import ScriptedModel


def run(*given):
    parser = argparse.ArgumentParser()
    recording.add_arguments(parser)
    return recording.record(parser.parse_args([str(one) for one in given]))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "2023-03-04-visit.txt").write_text(OLD)
    (tmp_path / "later.md").write_text(f"---\npatient: p1\ndate: 2024-05-11\n---\n{NEW}")
    (tmp_path / "scan.pdf").write_bytes(pdf([["Seen on 2022-02-02 for brimtail fever."]]))
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    return tmp_path


def test_a_folder_of_many_formats_is_one_timeline(folder):
    (folder / "2023-03-04-visit.txt").write_text(f"---\npatient: p1\ndate: 2023-03-04\n---\n{OLD}")
    document, words = run("timeline", folder, "--patient", "p1")
    assert [event["date"] for event in document["events"]][0] == "2019"
    assert document["not_read"] and "broken.pdf" in document["not_read"][0]
    assert "(planned)" in words and "[later:" in words
    assert document["notes_without_a_patient"] == 1 and "1 notes name no patient" in words


def test_notes_that_name_no_patient_are_of_one_where_none_does(tmp_path):
    (tmp_path / "2023-03-04-visit.txt").write_text(OLD)
    document, _ = run("timeline", tmp_path, "--since", "2023")
    assert (document["patient"], document["notes"]) == ("", 1)
    assert [event["date"] for event in document["events"]] == ["2023-03-03", "2023-03-03", "2023-03-04"]


def test_what_stands_beside_a_note_is_read_as_an_index_reads_it(tmp_path):
    for name, day in (("p7", "2024/03/01"), ("p8", "2024-04-01")):
        (tmp_path / f"{name}.txt").write_text("Weight 60 kg. Seen 2024-02-01.")
        (tmp_path / f"{name}.txt.meta.yaml").write_text(f"patient: {name}\ndate: {day}\n")
    document, words = run("timeline", tmp_path, "--patient", "p7", "--since", "2023")
    assert (document["patient"], document["notes"], document["notes_undated"]) == ("p7", 1, 0)
    assert not document["not_read"] and "meta.yaml" not in words
    document, words = run("summary", tmp_path, "--patient", "p8")
    assert document["notes"] == 1 and words.startswith("2024-04-01")
    assert run("summary", tmp_path / "p7.txt")[1].startswith("2024-03-01")
    (tmp_path / "p7.txt.meta.yaml").write_text("patien: p7\n")
    with pytest.raises(UserError, match="no 'patien'.*patient"):
        run("summary", tmp_path, "--patient", "p8")


def test_two_files_of_one_name_are_two_notes(tmp_path):
    (tmp_path / "note.txt").write_text("Seen 2022-01-01.")
    (tmp_path / "note.md").write_text("Seen 2023-01-01.")
    document, _ = run("timeline", tmp_path)
    assert [(event["date"], event["document"]) for event in document["events"]] == [
        ("2022-01-01", "note.txt"),
        ("2023-01-01", "note"),
    ]


def test_a_fhir_export_gives_its_rows_with_their_days(tmp_path):
    rows = [
        composition("n1", "e1", "<div>Seen for brimtail fever.</div>"),
        condition("c1", "B1", onsetDateTime="2020-02-03"),
    ]
    (tmp_path / "all.json").write_text(json.dumps(bundle(*rows)))
    document, words = run("timeline", tmp_path)
    assert ("2020-02-03", "written") in [(event["date"], event["how"]) for event in document["events"]]
    assert "name of B1" in words


def test_a_summary_by_rule_needs_no_model_and_cites(tmp_path):
    (tmp_path / "2023-03-04-visit.txt").write_text(OLD)
    document, words = run("summary", tmp_path, "--statements", "2")
    assert (len(document["statements"]), document["how"], document["calls"]) == (2, "central", 0)
    cite = document["statements"][0]["citations"][0]
    assert OLD[cite["start"] : cite["end"]] == cite["quote"]
    assert "2023-03-04-visit:" in words


def test_a_summary_by_a_model_tells_what_was_not_kept(tmp_path, monkeypatch):
    (tmp_path / "2023-03-04-visit.txt").write_text(OLD)
    said = {"statements": [{"text": "Walks on the moon since 1990.", "lines": [1]}]}
    monkeypatch.setattr(loading, "load", lambda name: ScriptedModel(lambda _: json.dumps(said)))
    document, words = run("summary", tmp_path, "--model", "a-model", "--style", "write", "--statements", "1")
    assert document["left"] == {"not supported by its lines": 1}
    assert "not supported by its lines: 1" in words


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["timeline", "--how", "map"], "--how: not with timeline"),
        (["summary", "--since", "2020"], "--since: not with summary"),
        (["timeline", "--since", "May"], "a date is"),
        (["timeline", "--since", "2024-99"], "--since 2024-99: a date is 2024, 2024-05 or 2024-05-11"),
        (["timeline", "--until", "2023-02-29"], "--until 2023-02-29: a date is"),
        (["timeline", "--since", "2024-02-01", "--until", "2024-01"], "no day lies between"),
        (["summary", "--how", "map"], "needs a model"),
        (["summary", "--how", "central", "--model", "x"], "takes no model"),
        (["timeline", "--patient", "p9"], "no note of the patient"),
    ],
)
def test_what_does_not_go_together_is_told(tmp_path, given, says):
    (tmp_path / "a.txt").write_text("---\npatient: p1\n---\nWell.")
    with pytest.raises(UserError, match=says):
        run(given[0], tmp_path, *given[1:])


def test_a_path_that_leads_nowhere_is_told(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        run("timeline", tmp_path / "none")
