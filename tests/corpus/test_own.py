"""The user's own notes reach continued pretraining whole, in pieces that fit, and never the test."""

import random

from fixture_facts import documents
from residency.core.documents import write_documents
from residency.core.store import read_examples, read_jsonl, write_manifest
from residency.core.types import Document
from residency.corpus.assemble import collect
from residency.corpus.own import LONGEST, in_turn, own_text, pieces
from residency.corpus.shape import Sizes, build

SIZES = {"qa": 20, "nli": 20, "ie": 10, "gen": 10, "prefer_qa": 2, "prefer_nli": 2, "prefer_ie": 2, "prefer_gen": 2}
SIZES |= {"test_choice": 10, "test_written": 6, "test_shown": 3, "dev": 4, "text": 40}
NOTE = "The quick brown fox was seen in the ward at dawn. It ate well and slept for an hour beside the window."


def rows_of(folder):
    return list(read_jsonl(folder / "text.jsonl"))


def test_a_long_note_is_cut_at_line_ends_and_nothing_of_it_is_lost():
    text = "\n".join(f"Day {day}: the patient walked {day} steps and slept." for day in range(300))
    parts = list(pieces(text))
    assert len(parts) > 1 and max(map(len, parts)) <= LONGEST
    assert "\n".join(parts) == text


def test_a_note_without_any_space_is_cut_all_the_same():
    assert [len(part) for part in pieces("x" * 4500)] == [2000, 2000, 500]


def test_streams_take_turns_until_each_is_used_up():
    first, second = ([{"id": f"{name}{i}"} for i in range(n)] for name, n in (("a", 1), ("b", 3)))
    assert [row["id"] for row in in_turn(first, second)] == ["a0", "b0", "b1", "b2"]


def test_the_simulated_hospital_is_not_the_users_own():
    notes = [
        Document("1", NOTE, "simulated_hospital", "MIT"),
        Document("2", NOTE, "fhir", "own", patient="p"),
    ]
    assert [(row["id"], row["group"]) for row in own_text(notes, random.Random(0))] == [("text-2-0", "p")]


def test_a_folder_of_notes_and_a_jsonl_become_training_text(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "one.txt").write_text(NOTE)
    (tmp_path / "more.jsonl").write_text('{"id": "two", "text": "A second fox came at noon.", "kind": "letter"}\n')
    collect(out=tmp_path / "own", sources=[{"notes": tmp_path / "notes"}, {"jsonl": tmp_path / "more.jsonl"}])
    build(tmp_path / "own", out=tmp_path / "out", sizes=Sizes(**SIZES))
    assert {(row["id"], row["source"]) for row in rows_of(tmp_path / "out")} == {
        ("text-one-0", "notes"),
        ("text-two-0", "jsonl"),
    }
    assert not list(read_examples(tmp_path / "out" / "examples.jsonl"))


def test_a_note_that_the_test_shows_is_dropped_from_the_training_text(tmp_path):
    rows = [row for row in documents() if row.source != "simulated_hospital"]
    drug = {"code": "1", "display": "amoxicillin", "system": "RxNorm"}
    note = Document("n1", f"{NOTE} He was given amoxicillin.", "fhir", "own", patient="p1")
    note.meta = {"kind": "note", "conditions": [], "medications": [drug]}
    plain = Document("n2", "A letter about something else altogether.", "notes", "own", meta={"kind": "note"})
    write_documents(tmp_path / "documents" / "part-00000.parquet", [*rows, note, plain])
    write_manifest(tmp_path, stage="corpus", sources=[])
    build(tmp_path, out=tmp_path / "out", sizes=Sizes(**SIZES))
    shown = list(read_examples(tmp_path / "out" / "examples.jsonl", split="test", task="ie_coded"))
    assert [row.group for row in shown] == ["p1"]
    own = [row["id"] for row in rows_of(tmp_path / "out") if row["source"] in ("fhir", "notes")]
    assert own == ["text-n2-0"]
    assert "text-n1-0" in {row["id"] for row in read_jsonl(tmp_path / "out" / "dropped.jsonl")}
