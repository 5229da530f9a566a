"""The verb of de-identification from end to end: hide, draw, label, score, sign, learn; and a run that trains on it."""

import csv
import json
from pathlib import Path

import pytest

from fixture_private import NOTES, PLANTED, notes, tagger
from residency import cli
from residency.corpus.deidentify.receipt import content_hash, read_receipt


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return str(tagger(tmp_path_factory.mktemp("trained")))


@pytest.fixture
def ward(tmp_path):
    return notes(tmp_path / "ward")


@pytest.fixture
def verb(trained, capsys):
    def call(*arguments, code=0):
        assert cli.main(["deidentify", *map(str, arguments), "--tagger", trained]) == code
        said = capsys.readouterr()
        if code:
            assert not any(word in said.err + said.out for word in PLANTED)
        return said

    return call


def no_name_in(folder: Path):
    for file in folder.rglob("*"):
        data = file.read_bytes() if file.is_file() else b""
        assert not any(word.encode() in data for word in PLANTED), file


def label(path: Path, ward: Path):
    """Check every document and mark each planted word."""
    head, columns, *rows = list(csv.reader(path.open(newline="", encoding="utf-8")))
    made = []
    for row in rows:
        text = NOTES[row[0]]
        made.append([*row[:3], "CHECKED", *row[4:]])
        for word, kind in zip(PLANTED, ("NAME", "NAME", "MRN", "LOCATION", "PHONE"), strict=True):
            if (at := text.find(word)) >= 0:
                made.append([row[0], at, at + len(word), kind, *row[4:]])
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, columns, *made])


def test_spans_are_printed_a_line_a_document_and_nothing_is_changed(verb, ward):
    before = {file: file.read_bytes() for file in ward.iterdir()}
    rows = [json.loads(line) for line in verb(ward, "--spans").out.splitlines()]
    assert [row["id"] for row in rows] == ["a", "b"]
    found = {NOTES["a"][span["start"] : span["end"]] for span in rows[0]["spans"]}
    assert "48-22911" in found and any("Okonjovic" in text for text in found)
    assert all(set(span) == {"start", "end", "entity_type", "score", "why"} for span in rows[0]["spans"])
    assert {file: file.read_bytes() for file in ward.iterdir()} == before


def test_documents_are_hidden_with_a_receipt_and_no_planted_word_is_left(verb, ward, tmp_path):
    verb(ward, "--out", tmp_path / "safe", "--workers", 1)
    rows = [json.loads(line) for line in (tmp_path / "safe" / "documents.jsonl").read_text().splitlines()]
    assert len(rows) == 2 and rows[0]["patient"] == rows[1]["patient"] and "diabetes mellitus" in rows[0]["text"]
    no_name_in(tmp_path / "safe")
    receipt = read_receipt(tmp_path / "safe")["content"]
    assert receipt["before"]["documents"] == receipt["after"]["documents"] == 2 and receipt["measured"] is None
    assert receipt["before"]["hash"] != receipt["after"]["hash"] and receipt["counts"]["NAME"] >= 4


def test_the_same_key_gives_the_same_receipt_whenever_and_a_vault_is_locked_with_it(verb, ward, tmp_path):
    for out in ("one", "two"):
        verb(ward, "--out", tmp_path / out, "--key", tmp_path / "key", "--vault", tmp_path / "vault", "--workers", 1)
    one, two = (read_receipt(tmp_path / out) for out in ("one", "two"))
    assert content_hash(one) == content_hash(two) and (tmp_path / "key").stat().st_mode & 0o77 == 0
    no_name_in(tmp_path / "one")
    assert not any(word.encode() in (tmp_path / "vault").read_bytes() for word in PLANTED)


def test_a_sheet_is_drawn_labelled_scored_and_the_receipt_says_so(verb, ward, tmp_path):
    verb(ward, "--out", tmp_path / "safe", "--workers", 1)
    verb(ward, "--sample", 2, "--out", tmp_path / "sheet")
    said = verb(ward, "--score", tmp_path / "sheet" / "labels.csv", code=2).err
    assert "not checked" in said
    label(tmp_path / "sheet" / "labels.csv", ward)
    said = verb(ward, "--score", tmp_path / "sheet" / "labels.csv", "--out", tmp_path / "safe").out
    assert "Direct identifiers wholly masked: 1.000" in said and "NAME" in said
    measured = read_receipt(tmp_path / "safe")["content"]["measured"]
    assert measured["masked"]["value"] == 1.0 and measured["documents"] == 2


def test_a_tagger_learns_from_labels(verb, ward, tmp_path, monkeypatch):
    monkeypatch.setattr("residency.corpus.identify.trained.TEXTS", 40)
    verb(ward, "--sample", 2, "--out", tmp_path / "sheet")
    label(tmp_path / "sheet" / "labels.csv", ward)
    said = verb(ward, "--learn", tmp_path / "sheet" / "labels.csv", "--out", tmp_path / "mine").out
    assert "learned from 2 labelled documents" in said
    assert cli.main(["deidentify", str(ward), "--spans", "--tagger", str(tmp_path / "mine")]) == 0


def test_labels_that_were_learned_from_measure_nothing(verb, ward, tmp_path, monkeypatch):
    monkeypatch.setattr("residency.corpus.identify.trained.TEXTS", 40)
    verb(ward, "--sample", 2, "--out", tmp_path / "sheet")
    label(tmp_path / "sheet" / "labels.csv", ward)
    verb(ward, "--learn", tmp_path / "sheet" / "labels.csv", "--out", tmp_path / "mine")
    arguments = ["--score", str(tmp_path / "sheet" / "labels.csv"), "--tagger", str(tmp_path / "mine")]
    assert cli.main(["deidentify", str(ward), *arguments]) == 2


def test_a_measured_receipt_is_not_lost_and_no_output_is_read_the_next_time(verb, ward, tmp_path):
    verb(ward, "--out", tmp_path / "safe", "--workers", 1)
    verb(ward, "--sample", 2, "--out", tmp_path / "sheet")
    label(tmp_path / "sheet" / "labels.csv", ward)
    verb(ward, "--score", tmp_path / "sheet" / "labels.csv", "--out", tmp_path / "safe")
    assert "which would be lost" in verb(ward, "--out", tmp_path / "safe", code=2).err
    assert "in the folder that is read" in verb(ward, "--out", ward / "safe", code=2).err
    (tmp_path / "file").write_text("x")
    assert "no folder that can be written to" in verb(ward, "--out", tmp_path / "file", code=2).err
    assert "a folder; give a file" in verb(ward, "--out", tmp_path / "new", "--key", ward, code=2).err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--spans", "--sample", "3"], "one thing at a time"),
        ([], "--out DIR"),
        (["--out", "x", "--vault", "v"], "--key FILE"),
        (["--score", "absent.csv"], "there is no file absent.csv"),
        (["--spans", "--columns", "text"], "names no column"),
    ],
)
def test_what_does_not_go_together_is_told(verb, ward, arguments, said):
    assert said in verb(ward, *arguments, code=2).err


def test_a_folder_that_is_absent_or_holds_nothing_to_read_is_told(verb, tmp_path):
    assert "does not exist" in verb(tmp_path / "absent", "--spans", code=2).err
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "noise.bin").write_bytes(bytes(range(256)) * 20)
    assert "no document" in verb(tmp_path / "odd", "--spans", code=2).err
    assert "no format that is read here" in verb(tmp_path / "odd", "--out", tmp_path / "out", code=2).err


def test_texts_of_another_language_are_told_of(verb, tmp_path):
    pytest.importorskip("fasttext", reason="the model of languages is not installed")
    folder = tmp_path / "sala"
    folder.mkdir()
    for number in range(3):
        text = f"Paciente que ingresa por dolor torácico y es dado de alta tras {number} días de observación.\n"
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    for arguments in (("--spans",), ("--out", tmp_path / "safe", "--workers", 1)):
        assert "3 of 3 texts" in verb(folder, *arguments).err
        assert "another language" not in verb(folder, *arguments[:1], *arguments[1:], "--language", "es").err
