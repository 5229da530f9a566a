"""The whole examples stage on a small corpus: its files, its decontamination, its control, its determinism."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from fixture_facts import documents
from residency.core.documents import write_documents
from residency.core.store import read_examples, read_json, read_jsonl, write_manifest
from residency.corpus.concepts import read_facts
from residency.corpus.shape import Sizes, build, fact_lines

SIZES = {"qa": 80, "nli": 120, "ie": 40, "gen": 40, "prefer_qa": 10, "prefer_nli": 12, "prefer_ie": 8, "prefer_gen": 8}
SIZES |= {"test_choice": 40, "test_written": 20, "test_shown": 3, "dev": 10, "text": 100}


def write_corpus(folder: Path, rows) -> Path:
    write_documents(folder / "documents" / "part-00000.parquet", rows)
    write_manifest(folder, stage="corpus", sources=[{"name": "hpo", "version": "test"}])
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return write_corpus(tmp_path_factory.mktemp("corpus"), documents())


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory):
    out = tmp_path_factory.mktemp("examples")
    build(corpus, out=out, sizes=Sizes(**SIZES))
    return out


def test_the_three_shapes_are_written_with_the_sizes_asked_for(built):
    instruct, pairs = list(read_jsonl(built / "instruct.jsonl")), list(read_jsonl(built / "preference.jsonl"))
    assert len(instruct) == pytest.approx(280, rel=0.12) and len(pairs) == pytest.approx(38, rel=0.15)
    assert [m["role"] for m in instruct[0]["messages"]] == ["user", "assistant"]
    assert all(row["chosen"] != row["rejected"] for row in pairs)
    assert all(row["text"] for row in read_jsonl(built / "text.jsonl"))


def test_instruction_and_preference_examples_are_different_ones(built):
    uses = Counter((row.id, row.meta["use"]) for row in read_examples(built / "examples.jsonl", split="train"))
    assert max(Counter(key for key, _ in uses).values()) == 1
    assert {use for _, use in uses} == {"instruct", "prefer"}


def test_ids_are_unique_and_groups_stay_in_one_split(built):
    rows = list(read_examples(built / "examples.jsonl"))
    assert len({row.id for row in rows}) == len(rows)
    splits = {}
    for row in rows:
        splits.setdefault((row.source, row.group), set()).add(row.split)
    assert all(len(found) == 1 for found in splits.values())


def test_the_card_counts_what_was_written(built):
    card = read_json(built / "card.json")
    rows = Counter(row.meta["task"] for row in read_examples(built / "examples.jsonl", split="test"))
    assert {task: sum(counts["test"].values()) for task, counts in card["counts"].items()} == dict(rows)
    assert card["decontamination"]["left"] == 0


SENTENCE = "a most unusual sentence that two quite different findings happen to share word for word in this ontology"


@pytest.mark.parametrize("shared", [SENTENCE, " ".join(SENTENCE.split()[:13]), SENTENCE.upper().replace(" ", "  ")])
def test_a_planted_leak_is_dropped_from_train_and_named(tmp_path, shared):
    rows = documents()
    facts = read_facts(rows, seed=0)
    ids = {
        split: {t.id for t in facts.terms.values() if t.split == split and t.definition} for split in ("train", "test")
    }
    for row in rows:
        if row.id in ids["test"]:
            row.text = f"{row.text[:-1]}: {SENTENCE}."
    planted = sorted(ids["train"])[0::3]
    for row in rows:
        if row.id in planted:
            row.text = f"{shared}."
    build(write_corpus(tmp_path / "corpus", rows), out=tmp_path / "out", sizes=Sizes(**SIZES))
    dropped = list(read_jsonl(tmp_path / "out" / "dropped.jsonl"))
    assert any(row["id"].startswith("qa-train-definition") for row in dropped)
    assert {f"text-{key}" for key in planted} & {row["id"] for row in dropped}
    assert all("in common with held-out item" in row["reason"] for row in dropped)
    card = read_json(tmp_path / "out" / "card.json")["decontamination"]
    assert card["left"] == 0 and card["dropped_text"] + sum(card["dropped_examples"].values()) == len(dropped)
    lowered = " ".join(shared.lower().split())
    for row in read_examples(tmp_path / "out" / "examples.jsonl", split="train"):
        assert lowered not in "\n".join(fact_lines(row)).lower()


def test_the_control_has_the_same_prompts_and_other_answers(corpus, built, tmp_path):
    build(corpus, out=tmp_path, shuffle_answers=True, sizes=Sizes(**SIZES))
    right = {row.id: row for row in read_examples(built / "examples.jsonl")}
    wrong = {row.id: row for row in read_examples(tmp_path / "examples.jsonl")}
    assert list(right) == list(wrong)
    assert all(right[key].prompt == wrong[key].prompt for key in right)
    assert all(right[key].wanted == row.wanted for key, row in wrong.items() if row.split != "train")
    for task, floor in (("qa", 0.5), ("nli", 0.5), ("ie", 0.85), ("gen", 0.8)):
        rows = [row for row in wrong.values() if row.split == "train" and row.meta["task"] == task]
        assert sum(row.wanted != right[row.id].wanted for row in rows) / len(rows) > floor
        assert Counter(r.wanted[0] for r in rows if task == "nli") == Counter(
            right[r.id].wanted[0] for r in rows if task == "nli"
        )
    assert all(row.wanted[0] in row.choices for row in wrong.values() if row.choices)


def test_two_hash_seeds_give_the_same_bytes(corpus, tmp_path):
    program = (
        "import sys, json, pathlib; from residency.corpus.shape import Sizes, build; "
        "build(pathlib.Path(sys.argv[1]), out=pathlib.Path(sys.argv[2]), sizes=Sizes(**json.loads(sys.argv[3])))"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", program, str(corpus), str(tmp_path / seed), json.dumps(SIZES)]
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, check=True)
    for name in ("examples.jsonl", "instruct.jsonl", "preference.jsonl", "text.jsonl", "card.json"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_another_seed_gives_other_items(corpus, built, tmp_path):
    build(corpus, out=tmp_path, seed=5, sizes=Sizes(**SIZES))
    assert (tmp_path / "examples.jsonl").read_bytes() != (built / "examples.jsonl").read_bytes()
