"""A run on public tasks: gathered, tuned and examined on them, its rules beside it, its page and its card rendered."""

from __future__ import annotations

import json
import shutil

import pytest

from fixture_sets import DISEASES, write_ncbi, write_pubmedqa
from residency import pipeline
from residency.core.errors import RecipeError
from residency.core.recipe import resolve
from residency.core.store import read_examples, read_json, read_jsonl, read_manifest
from residency.evaluate import ledger
from residency.evaluate.report import report
from residency.evaluate.run import evaluate, jobs
from residency.evaluate.tasks import named
from residency.gathering import gather
from residency.release.card import write_card
from residency.train.instruct import instruct
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning

OWN = """\
task: wards
items: wards.jsonl
kind: classify
labels: [urgent, routine]
instruction: How soon?
"""
FAST = Schedule(learning_rate=1e-2, batch_tokens=512, precision="fp32")


@pytest.fixture(scope="module")
def own_task(tmp_path_factory):
    """Return a task file of one's own, with six items."""
    folder = tmp_path_factory.mktemp("own")
    rows = [{"id": str(i), "text": f"Bed {i}.", "label": ("urgent", "routine")[i % 2]} for i in range(6)]
    (folder / "wards.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "wards.yaml").write_text(OWN)
    return folder / "wards.yaml"


@pytest.fixture(scope="module")
def run(toy_bytes, own_task, tmp_path_factory):
    """Return a run that gathered two public sets, tuned a model of bytes on them, and examined it."""
    folder = tmp_path_factory.mktemp("runs") / "named"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESIDENCY_DATA", str(folder / "data"))
        write_ncbi(folder / "data")
        write_pubmedqa(folder / "data", train=12)
        shutil.copytree(toy_bytes, folder / "base")
        gather({}, out=folder / "examples", tasks=("ncbi_disease", "pubmedqa"))
        instruct(folder / "base", folder / "examples", out=folder / "instruct", tuning=Tuning(rank=4), schedule=FAST)
        models = {"base": folder / "base", "tuned": folder / "instruct"}
        asked = {"tasks": ("ncbi_disease", "pubmedqa", str(own_task)), "limit": 3, "shots": 1, "processes": 1}
        evaluate(folder / "examples", models, out=folder / "evaluate", precision="fp32", **asked)
        report(folder, out=folder / "report")
        write_card(folder, out=folder / "card")
        yield folder


def models_of(run, task):
    return {path.stem for path in (run / "items" / task).glob("*.jsonl")}


def test_every_model_and_rule_answers_the_same_items_of_the_named_tasks(run):
    assert models_of(run, "ncbi_disease") == {"base-0shot", "base-1shot", "tuned", "rule_dictionary_train"}
    assert models_of(run, "pubmedqa") == {"base-0shot", "base-1shot", "tuned", "rule_majority"}
    assert models_of(run, "wards") == {"base-0shot", "tuned", "rule_majority"}
    for task in ("ncbi_disease", "pubmedqa", "wards"):
        ids = {tuple(row["id"] for row in read_jsonl(path)) for path in (run / "items" / task).glob("*.jsonl")}
        assert len(ids) == 1 and len(ids.pop()) == 3, "the limit draws the same three for all"


def test_a_dictionary_of_what_training_marks_finds_the_diseases_that_it_saw(run):
    rows = list(read_jsonl(run / "items" / "ncbi_disease" / "rule_dictionary_train.jsonl"))
    known = {s for e in read_examples(run / "examples" / "examples.jsonl", split="train") for s in e.wanted}
    assert len(known) > 3
    for row in rows:
        [word] = [word for word in DISEASES if word in row["wanted"][0]]
        assert json.loads(row["prediction"]) == [word] and row["score"] == 1.0


def test_the_ledger_holds_the_tuned_model_to_the_named_tasks_and_to_no_other(run):
    book = ledger.build(run)
    assert ledger.gated(book["rows"]) == ("pubmedqa", "ncbi_disease", "wards")
    kinds = {(row["kind"], row["task"]) for row in book["comparisons"]}
    assert {(kind, task) for kind in ("base", "rule") for task in ("ncbi_disease", "pubmedqa", "wards")} <= kinds
    assert {row["to"] for row in book["comparisons"]} == {"tuned"}
    told = " ".join(row["text"] for row in book["findings"])
    assert "the aligned model" not in told and "was not scored" not in told
    assert ("forgetting", "general_text") in kinds
    flags = {row["task"]: row["contaminated"] for row in book["rows"]}
    assert flags["ncbi_disease"] is flags["pubmedqa"] is flags["wards"] is False


def test_what_was_trained_on_is_found_in_the_examination(run, own_task, tmp_path):
    again = tmp_path / "run"
    shutil.copytree(run, again)
    (again / "items" / "wards" / "contamination.json").write_text(json.dumps({"items": ["1"]}))
    book = ledger.build(again)
    assert {row["task"] for row in book["rows"] if row["contaminated"]} == {"wards"}
    assert "Test facts were found in the training data" in " ".join(row["text"] for row in book["findings"])


def test_the_page_and_the_card_say_what_the_run_was_about(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Diseases in abstracts (NCBI-disease)" in page and "PubMedQA, with the abstract" in page and "wards" in page
    assert "public test sets" in page and "made-up exercises" not in page and "Better than its base on" in page
    assert "Each disease, ontology branch and code block" not in page and "training parts of these sets" in page
    assert "ncbi_disease" in page and "MIT" in page, "the sets are its sources, with their licences"
    assert "(the prompt is not in examples/examples.jsonl)" not in page
    card = (run / "card" / "README.md").read_text(encoding="utf-8")
    assert "ncbi_disease" in card and "public test sets" in card and "ontology branches" not in card
    assert "| Med-IE | ncbi_disease | entity F1 | 3 |" in card


def test_the_manifest_says_what_was_asked_and_how_much(run):
    manifest = read_manifest(run / "evaluate")
    assert manifest["tasks"][:2] == ["ncbi_disease", "pubmedqa"] and manifest["limit"] == 3
    assert read_json(run / "items" / "pubmedqa" / "base-1shot.protocol.json")["shots"] == 1


def test_a_pretrained_model_writes_nothing_and_caps_are_the_smaller_of_two(toy_bytes, tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    write_ncbi(tmp_path)
    write_pubmedqa(tmp_path)
    tasks = named("ncbi_disease,pubmedqa")
    plan = list(jobs({"pretrained": toy_bytes, "tuned": toy_bytes}, tasks, {}, 2, 9, limit=3))
    assert [(job.state, job.task, job.limit) for job in plan] == [
        ("pretrained", "pubmedqa", 3),
        ("tuned", "ncbi_disease", 2),
        ("tuned", "pubmedqa", 3),
    ]


def test_a_task_that_cannot_be_asked_is_told_before_anything_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    text = "corpus: false\nexamples: false\nevaluate: {tasks: [%s]}\n"
    with pytest.raises(RecipeError, match=r"no task is called pubmedqq \(did you mean pubmedqa"):
        resolve(text % "pubmedqq", [], pipeline.sections())
    with pytest.raises(RecipeError, match="evaluate.tasks.0: the data set pubmedqa is not here"):
        resolve(text % "pubmedqa", [], pipeline.sections())
    with pytest.raises(RecipeError, match="there is no task file"):
        resolve(text % (tmp_path / "none.yaml"), [], pipeline.sections())
