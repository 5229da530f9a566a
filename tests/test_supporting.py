"""Pairs for the support check: each label is earned, a claim alone tells nothing, and no group is on two sides."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from fixture_sets import write_medquad
from residency import supporting
from residency.core.errors import SourceError
from residency.core.store import read_examples, read_manifest
from residency.corpus.benchmarks import frozen_split
from residency.gathering import gather
from residency.infer.answer.support import NO, UNKNOWN, YES
from residency.supporting import pairs_of

TEXT = (
    "{name} is a common disease of {n} people in a village. It can increase the risk of tremor in many of them. "
    "The pain of {name} is treated with {n} tablets a day. However, children do not need this treatment at all. "
    "A doctor in town {n} (who is always there) may know more about it."
)
TRIAL = "Pain fell from {n} to 2 points with drug {n}, and not with placebo, in the wards of town {n} alone."


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    names = [("Tremor", "HP:1"), ("Shaking of the body", "HP:1")]
    monkeypatch.setattr(supporting, "read_hpo", lambda: None)
    monkeypatch.setattr(supporting, "finding_names", lambda _: iter(names))
    held = defaultdict(list)
    for key, split in sorted(frozen_split("medquad").items()):
        held[split].append(key)
    keys = [*held["validation"][:12], *held["test"][:12], *(f"mine.xml#{i}" for i in range(30))]
    write_medquad(tmp_path, [_row(key, n) for n, key in enumerate(keys, 11)])
    _write_trials(tmp_path / "evidence_inference")
    _write_abstracts(tmp_path / "pubmedqa")
    return tmp_path


def _row(key, n):
    file, _, name = key.partition("#")
    about = {
        "question": f"What is disease{n}x?",
        "focus": f"disease{n}x",
        "answer": TEXT.format(name=f"Disease{n}x", n=n),
    }
    return {"file": file, "id": name, "qtype": "information", "source": "made up", **about}


def _write_trials(folder):
    folder.mkdir()
    parts = {"train": range(20), "validation": range(20, 30), "test": range(30, 40)}
    for part, articles in parts.items():
        (folder / f"ev2_{part}_article_ids.txt").write_text("\n".join(map(str, articles)))
    prompts, rows = (
        ["PromptID,PMCID,Outcome,Intervention,Comparator"],
        ["PromptID,PMCID,Valid Label,Annotations,Label Code"],
    )
    for n in range(40):
        prompts.append(f"{n},{n},pain,drug {n},placebo")
        rows.append(f'{n},{n},True,"{TRIAL.format(n=n)}",-1')
    (folder / "prompts_merged.csv").write_text("\n".join(prompts))
    (folder / "v2_annotations.csv").write_text("\n".join(rows))


def _write_abstracts(folder):
    folder.mkdir()
    rows = {
        str(n): {
            "CONTEXTS": [f"We asked {n} people of street {n} about their sleep."],
            "QUESTION": f"Do people of street {n} sleep?",
            "LONG_ANSWER": f"People of street {n} are asleep at night. They are awake by day.",
            "final_decision": "yes",
        }
        for n in range(30)
    }
    (folder / "ori_pqal.json").write_text(json.dumps(rows))
    (folder / "test_ground_truth.json").write_text(json.dumps({str(n): "yes" for n in range(20, 30)}))


def test_pairs_have_three_labels_and_groups_are_whole(data):
    made, about = pairs_of(200)
    assert pairs_of(200) == (made, about) and about["public"] and "CC BY 4.0" in about["licence"]
    assert sum(e.split == "train" for e in made) == 200
    groups = defaultdict(set)
    for example in made:
        groups[example.group].add(example.split)
        assert example.choices == [YES, NO, UNKNOWN] and example.wanted[0] in example.choices
        assert example.meta["text"] and example.meta["text_b"] and example.meta["task"] == "nli"
    assert all(len(splits) == 1 for splits in groups.values())
    labels = defaultdict(set)
    for example in made:
        labels[example.meta["pattern"]].add(example.wanted[0])
    assert labels["direction"] == {YES, NO} and labels["conclusion"] == {YES, NO, UNKNOWN}
    assert labels["not"] == labels["word"] == labels["number"] == {YES, NO}  # so a claim alone tells nothing
    assert labels["elsewhere"] == labels["disease"] == {UNKNOWN} and labels["same"] | labels["reworded"] == {YES}


def test_it_is_gathered_with_its_own_test_items(data, tmp_path):
    gather({}, out=tmp_path / "out", support=200)
    rows = list(read_examples(tmp_path / "out" / "examples.jsonl"))
    assert {row.split for row in rows} == {"train", "dev", "test"}
    assert sum(row.split == "test" for row in rows) == 10
    assert read_manifest(tmp_path / "out")["decontamination"]["test_items"] == {"nli": 10}
    assert read_manifest(tmp_path / "out")["decontamination"]["left"] == 0


def test_a_set_that_is_not_here_is_named_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    with pytest.raises(SourceError, match="medquad"):
        gather({}, out=tmp_path / "out", support=10)
