"""Evaluation of a toy run: real jobs in real processes, resumed, and stopped by a fault with its name."""

import json
import re
import shutil
from dataclasses import replace
from html import unescape

import pytest
import torch

from residency.core.errors import ModelError, ResidencyError, Unsupported, UserError
from residency.core.store import read_examples, read_json, read_jsonl, read_manifest, write_examples, write_manifest
from residency.core.types import Example
from residency.corpus.benchmarks.hub import SUBJECTS
from residency.corpus.general import general_instructions
from residency.evaluate import answer as answers
from residency.evaluate import jobs as jobs_of
from residency.evaluate import selection
from residency.evaluate.jobs import Bench, Job, Worker, fingerprint, finished
from residency.evaluate.numbers import left_out_text
from residency.evaluate.overview import overview
from residency.evaluate.protocol import Protocol
from residency.evaluate.run import evaluate, evaluate_models, examples_of, jobs, model_job, shots_of
from residency.evaluate.score import row_of
from residency.evaluate.statement import without_effect
from residency.evaluate.tasks import TASKS, named
from residency.evaluate.workers import run_jobs
from residency.models.load import find, of_stage


@pytest.fixture
def examples(toy_examples, tmp_path):
    rows = list(read_examples(toy_examples / "examples.jsonl"))
    for i, row in enumerate(rows):
        row.meta |= {"task": "qa", "pattern": "toy", "template": "t", "fact": row.id}
        row.split = "test" if i % 5 == 0 else "train"
    folder = tmp_path / "run" / "examples"
    write_examples(folder / "examples.jsonl", rows)
    write_manifest(folder, stage="examples")
    return folder


def test_every_model_answers_the_same_items_with_its_protocol(toy_base, examples, tmp_path):
    out = tmp_path / "run" / "evaluate"
    evaluate(examples, {"base": toy_base}, out=out, processes=1, precision="fp32")
    items = tmp_path / "run" / "items" / "qa"
    zero, three = (list(read_jsonl(items / f"base-{n}shot.jsonl")) for n in (0, 3))
    assert [r["id"] for r in zero] == [r["id"] for r in three] and len(zero) == 12
    assert [r["hash"] for r in zero] == [r["hash"] for r in three]
    protocol = read_json(items / "base-3shot.protocol.json")
    assert protocol["shots"] == 3 and protocol["n"] == 12 and protocol["precision"] == "fp32"
    assert not set(protocol["shot_ids"]) & {r["id"] for r in zero}
    assert {p.stem for p in items.glob("rule_*.jsonl")} >= {"rule_majority", "rule_word_overlap"}
    assert read_manifest(out)["jobs"]


def test_two_processes_give_the_rows_of_one(toy_base, examples, tmp_path):
    source = of_stage(toy_base, "base")
    plan = [Job("a", "qa", source), Job("b", "qa", source, shots=3), Job("c", "general_text", source)]
    for count in (1, 2):
        run_jobs(plan, Bench(examples, tmp_path / str(count), "fp32", torch.get_num_threads()), count)
    for job in plan:
        one, two = (list(read_jsonl(tmp_path / n / job.task / f"{job.state}.jsonl")) for n in "12")
        for row in (*one, *two):
            row.pop("seconds")
        assert one == two


def test_finished_jobs_are_not_done_again_but_another_setting_is(toy_base, examples, tmp_path, monkeypatch):
    plan = [Job("a", "qa", of_stage(toy_base, "base"))]
    bench = Bench(examples, tmp_path / "items", "fp32", 1)
    run_jobs(plan, bench, 1)
    done = []
    monkeypatch.setattr(Worker, "do", lambda self, job: done.append(job))
    run_jobs(plan, bench, 1)
    assert done == []
    run_jobs([Job("a", "qa", of_stage(toy_base, "base"), limit=3)], bench, 1)
    assert len(done) == 1


def without_seconds(path):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_jsonl(path)]


def test_a_job_that_is_killed_goes_on_after_the_last_part_that_it_wrote(toy_base, examples, tmp_path, monkeypatch):
    job = Job("a", "qa", of_stage(toy_base, "base"), shots=2, protocol=Protocol(pick="nearest"))
    whole, parts = (Bench(examples, tmp_path / name, "fp32", 1) for name in ("whole", "parts"))
    Worker(whole).do(job)
    monkeypatch.setattr(jobs_of, "COMPARED", 5)
    asked = []

    def killed(task, model, part, *rest):
        asked.append([e.id for e in part])
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(task, model, part, *rest)

    real = answers.answer
    monkeypatch.setattr(answers, "answer", killed)
    with pytest.raises(KeyboardInterrupt):
        Worker(parts).do(job)
    assert not (tmp_path / "parts" / "qa" / "a.jsonl").exists()
    Worker(parts).do(job)
    assert [len(part) for part in asked] == [5, 5, 5, 2] and not set(asked[0]) & set(asked[2])
    assert without_seconds(tmp_path / "parts/qa/a.jsonl") == without_seconds(tmp_path / "whole/qa/a.jsonl")
    one, two = (read_json(tmp_path / name / "qa/a.protocol.json") for name in ("whole", "parts"))
    assert {**one, "seconds": 0} == {**two, "seconds": 0} and one["n"] == 12
    assert sorted(p.name for p in (tmp_path / "parts" / "qa").iterdir()) == ["a.jsonl", "a.protocol.json"]


def test_what_an_endpoint_could_not_give_is_asked_again_and_nothing_else(toy_base, examples, tmp_path, monkeypatch):
    source = of_stage(toy_base, "base").__class__("there", "http://127.0.0.1:9/v1", "h")
    job, bench, asked = Job("there", "qa", source), Bench(examples, tmp_path, "fp32", 1), []
    monkeypatch.setattr(Worker, "model", lambda self, source: None)
    monkeypatch.setattr(jobs_of, "ENDPOINT", 4)
    gone = {"all": True}

    def said(task, model, part, *rest):
        asked.append(len(part))
        failed = [gone["all"] or (e.id == part[0].id and len(asked) < 7) for e in part]
        return [
            row_of(task, e, None if f else "red", finish="failed" if f else "stop")
            for e, f in zip(part, failed, strict=True)
        ]

    monkeypatch.setattr(answers, "answer", said)
    with pytest.raises(ModelError, match="there answered none of 12 questions of qa; is it running"):
        Worker(bench).do(job)
    gone["all"] = False
    Worker(bench).do(job)
    assert asked == [4] * 6 and not finished(job, bench)
    rows = list(read_jsonl(tmp_path / "qa" / "there.jsonl"))
    assert [i for i, r in enumerate(rows) if r["finish"] == "failed"] == [0, 4, 8]
    Worker(bench).do(job)
    assert asked[6:] == [3] and finished(job, bench)
    again = list(read_jsonl(tmp_path / "qa" / "there.jsonl"))
    assert [r["id"] for r in again] == [r["id"] for r in rows] and all(r["finish"] == "stop" for r in again)


def test_a_users_file_is_read_part_by_part_and_a_change_in_it_is_another_job(toy_base, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs_of, "COMPARED", 3)
    rows = [{"id": i, "text": "the sky is", "label": ("red", "blue")[i % 2]} for i in range(8)]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (tmp_path / "t.yaml").write_text("task: mine\nitems: i.jsonl\nkind: classify\nlabels: [red, blue]\n")
    asked = {"tasks": str(tmp_path / "t.yaml"), "out": tmp_path / "out", "precision": "fp32"}
    made = evaluate_models([str(toy_base)], **asked)["rows"]
    assert {r["metric"] for r in made} == {"macro_f1", "accuracy", "balanced_accuracy", "ece"}
    assert all(r["n"] == r["groups"] == 8 and r["protocol"]["n"] == 8 for r in made)
    bench = Bench(None, tmp_path / "out" / "items", "auto", 1)
    (task,) = named(str(tmp_path / "t.yaml"))
    job = model_job(task, find(str(toy_base)), 0, 0)
    before = fingerprint(job, bench)
    assert fingerprint(replace(job, limit=3), bench) != before == fingerprint(job, bench)
    with (tmp_path / "i.jsonl").open("a") as handle:
        handle.write(json.dumps({"id": 8, "text": "blood is", "label": "red"}) + "\n")
    assert fingerprint(job, bench) != before
    assert evaluate_models([str(toy_base)], **asked)["rows"][0]["n"] == 9


def test_a_job_that_fails_in_its_process_is_named(toy_base, examples, tmp_path):
    broken = of_stage(toy_base, "base").__class__("gone", str(tmp_path / "nowhere"), "x")
    plan = [Job("gone", "qa", broken), Job("fine", "qa", of_stage(toy_base, "base"))]
    with pytest.raises(ResidencyError, match="evaluating gone on qa failed"):
        run_jobs(plan, Bench(examples, tmp_path / "items", "fp32", 1), 2)


def test_a_fault_in_a_job_is_told_by_its_place_and_never_by_the_words_of_an_item(examples, toy_base, tmp_path):
    rows = list(read_examples(examples / "examples.jsonl"))
    for row in rows:
        row.choices = [["Jane Doe, born 1956"]]  # no text at all: the tokenizer refuses it
    write_examples(examples / "examples.jsonl", rows)
    plan = [Job(name, "qa", of_stage(toy_base, "base")) for name in "ab"]
    with pytest.raises(ResidencyError, match=r"evaluating [ab] on qa failed: \w+ in \w+\.py, line \d+$") as caught:
        run_jobs(plan, Bench(examples, tmp_path / "items", "fp32", 1), 2)
    assert "Jane" not in str(caught.value)


def test_one_model_is_evaluated_on_a_few_items(toy_base, examples, tmp_path):
    rows = evaluate_models(
        [str(toy_base)], tasks="qa", limit=4, out=tmp_path / "own", examples=examples, precision="fp32"
    )["rows"]
    assert {r["metric"] for r in rows} == {"accuracy", "ece"} and all(r["n"] == 4 for r in rows)
    assert all(0 <= r["low"] <= r["value"] <= r["high"] <= 1 for r in rows)


def test_models_side_by_side_are_compared_with_the_first_on_every_task(toy_base, examples, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(read_manifest(toy_base)["model"]["path"], other)
    out = tmp_path / "both"
    found = evaluate_models([str(toy_base), str(other)], tasks="qa", out=out, examples=examples, precision="fp32")
    first, second = (found["comparisons"][0][side] for side in ("from", "to"))
    assert {row["model"] for row in found["rows"]} == {first, second}
    assert (out / "items" / "qa" / f"{second}.jsonl").exists()
    assert [(c["task"], c["from"], c["to"]) for c in found["comparisons"]] == [("qa", first, second)]
    assert all(c["difference"] == 0 and c["p_holm"] == 1 for c in found["comparisons"])  # the same weights
    with pytest.raises(UserError, match="other is given twice"):
        evaluate_models([str(other), str(other)], tasks="qa", out=tmp_path / "twice", examples=examples)


def test_models_stand_in_the_order_they_were_given(toy_base, examples, tmp_path):
    names = []
    for name in ("zeta", "alpha", "mid"):
        shutil.copytree(read_manifest(toy_base)["model"]["path"], tmp_path / name)
        names.append(str(tmp_path / name))
    asked = {"tasks": "general_instructions,qa", "limit": 2, "examples": examples, "precision": "fp32"}
    found = evaluate_models(names, out=tmp_path / "o", **asked)
    order = [(row["task"], row["model"]) for row in found["rows"]]
    assert list(dict.fromkeys(order)) == [
        (task, m) for task in ("general_instructions", "qa") for m in ("zeta", "alpha", "mid")
    ]
    assert [row["to"] for row in found["comparisons"]] == ["alpha", "mid", "alpha", "mid"]


def test_options_that_change_nothing_are_told(toy_base, examples, tmp_path, capsys):
    given = {"tasks": "qa", "limit": 2, "out": tmp_path / "o", "examples": examples, "precision": "fp32"}
    evaluate_models([str(toy_base)], protocol=Protocol(style="options", constrained=True, pick="random"), **given)
    told = [line for line in capsys.readouterr().err.splitlines() if "changes nothing" in line]
    assert [line.split(" changes")[0].split(": ")[-1] for line in told] == [
        "--style options", "--constrained", "--pick random",
    ]  # fmt: skip
    job = model_job(TASKS["qa"], find(str(toy_base)), 0, 0)
    wanted = Protocol(method="generate", constrained=True)
    assert without_effect([replace(job, protocol=wanted)], wanted) == []


def test_the_first_question_of_a_public_task_is_kept_as_it_was_asked_and_no_other(toy_base, examples, tmp_path):
    (tmp_path / "i.jsonl").write_text('{"id": 1, "text": "the sky is", "label": "red"}\n')
    (tmp_path / "t.yaml").write_text("task: mine\nitems: i.jsonl\nkind: classify\nlabels: [red, blue]\n")
    asked = {"examples": examples, "precision": "fp32", "limit": 2, "out": tmp_path / "o"}
    evaluate_models([str(toy_base)], tasks=f"general_instructions,qa,{tmp_path / 't.yaml'}", **asked)
    (kept,) = (tmp_path / "o").rglob("*.example.json")
    found = read_json(kept)
    assert kept.parent.name == "general_instructions" and found["wanted"]
    assert general_instructions()[0].prompt[0]["content"] in found["prompt"] != general_instructions()[0].prompt


def test_a_model_is_asked_with_solved_examples_and_without_and_says_what_it_took(toy_base, examples, tmp_path):
    names = [str(toy_base), f"{toy_base}@2"]
    found = evaluate_models(names, tasks="qa", limit=2, out=tmp_path / "o", examples=examples, precision="fp32")
    first, second = (found["comparisons"][0][side] for side in ("from", "to"))
    shots = {row["model"]: row["protocol"]["shots"] for row in found["rows"]}
    assert shots == {first: 0, second: 2} and second == f"{first}-shots2"
    assert [line["model"] for line in found["costs"]] == [first, second]
    assert all(line["parameters"] and line["seconds_per_item"] > 0 for line in found["costs"])


def test_models_of_one_name_are_called_as_they_were_given(toy_base, examples, tmp_path):
    for place in ("one", "two"):
        shutil.copytree(read_manifest(toy_base)["model"]["path"], tmp_path / place / "same")
    names = [str(tmp_path / place / "same") for place in ("one", "two")]
    found = evaluate_models(names, tasks="qa", limit=2, out=tmp_path / "o", examples=examples, precision="fp32")
    first, second = (found["comparisons"][0][side] for side in ("from", "to"))
    assert first.endswith("one-same") and second.endswith("two-same")


def test_fewer_solved_examples_than_asked_for_are_told(toy_base, examples, tmp_path, capsys):
    given = {"tasks": "qa", "limit": 2, "out": tmp_path / "o", "examples": examples, "precision": "fp32"}
    evaluate_models([str(toy_base)], shots=9999, **given)
    assert "9999 solved examples were asked for and only" in capsys.readouterr().err


@pytest.fixture
def exported(tmp_path):
    """The export folder of a run: a GGUF that nothing opens, its weights beside it."""
    folder = tmp_path / "run" / "export"
    folder.mkdir(parents=True)
    (folder / "model-q8_0.gguf").write_bytes(b"GGUF")
    write_manifest(folder, gguf="model-q8_0.gguf", sha256="f00d", dequantised="dequantised")
    (folder.parent / "recipe.yaml").write_text("base: toy\n")
    return folder


@pytest.mark.parametrize("name", ["run", "run:gguf", "run/export/model-q8_0.gguf"])
def test_the_gguf_of_a_run_does_every_task_as_in_the_run(name, exported, tmp_path):
    source = find(str(tmp_path / name))
    for task in TASKS.values():
        job = model_job(task, source, shots=0, limit=4)
        read_in_torch = task.kind in ("choice", "classify", "read", "prefer")
        assert job.source.path == str(exported / ("dequantised" if read_in_torch else "model-q8_0.gguf"))
        assert job.limit == 4 and job.note == ("Q8_0 weights dequantised in torch" if read_in_torch else "llama.cpp")


def test_the_items_of_a_run_are_put_to_its_gguf_by_its_dequantised_weights(
    toy_base, examples, exported, tmp_path, capsys
):
    (exported / "dequantised").symlink_to(read_manifest(toy_base)["model"]["path"])
    rows = evaluate_models([str(tmp_path / "run")], tasks="qa", limit=4, out=tmp_path / "own", precision="fp32")["rows"]
    assert {r["model"] for r in rows} == {"gguf"} and all(r["n"] == 4 for r in rows)
    assert f"{tmp_path / 'run'} stands for {tmp_path / 'run'}:gguf" in capsys.readouterr().err


def test_a_gguf_that_lies_in_no_run_is_refused_saying_what_to_type(exported, examples, tmp_path):
    alone = tmp_path / "alone.gguf"
    alone.write_bytes(b"GGUF")
    with pytest.raises(Unsupported, match="lies in no run.*: qa. Name the run that made it: runs/latest:gguf, or"):
        evaluate_models([str(alone)], tasks="qa", out=tmp_path / "own", examples=examples)


@pytest.mark.parametrize("method", ["generate", "cot"])
def test_a_gguf_that_lies_in_no_run_writes_its_choices(method, tmp_path):
    alone = tmp_path / "alone.gguf"
    alone.write_bytes(b"GGUF")
    job = model_job(TASKS["qa"], find(str(alone)), 0, 4, Protocol(method))
    assert job.source.path == str(alone) and job.limit == 4 and job.note == "llama.cpp"
    assert model_job(TASKS["general_text"], find(str(alone)), 0, 4, Protocol(method)) is None


def test_items_that_do_not_fit_are_counted_with_the_reason(toy_base, tmp_path):
    rows = [{"id": i, "text": "the sky is " * n, "label": "red"} for i, n in enumerate((1, 400, 1, 400))]
    (tmp_path / "i.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    (tmp_path / "t.yaml").write_text("task: mine\nitems: i.jsonl\nkind: classify\nlabels: [red, blue]\n")
    given = {"tasks": str(tmp_path / "t.yaml"), "out": tmp_path / "o", "precision": "fp32"}
    row, *_ = evaluate_models([str(toy_base)], **given)["rows"]
    assert row["not_scored"] == 2 and row["protocol"]["left_out"] == {"too long": 2}
    assert re.fullmatch(r"2 too long for the model's [\d,]+ tokens", left_out_text(row["protocol"]))
    assert f"2 not scored ({left_out_text(row['protocol'])})" in unescape(overview(["base"], [row]))


@pytest.mark.parametrize("tasks", ["", " , "])
def test_a_list_of_no_task_is_refused(tasks, toy_base, examples, tmp_path):
    with pytest.raises(UserError, match="no task is named in .*; legal are qa, nli"):
        evaluate_models([str(toy_base)], tasks=tasks, out=tmp_path / "own", examples=examples)


def test_a_model_inside_a_run_is_examined_on_the_items_of_that_run(examples, tmp_path, monkeypatch):
    run = examples.parent
    write_manifest(tmp_path / "latest" / "examples", stage="examples")
    monkeypatch.setenv("RESIDENCY_RUNS", str(tmp_path))
    for inside in ("", ":tuned", "/instruct", "/prefer/adapter", "/export/model-q8_0.gguf"):
        assert examples_of(f"{run}{inside}") == examples
    assert examples_of("smollm2-135m") == tmp_path / "latest" / "examples"
    monkeypatch.setenv("RESIDENCY_RUNS", str(tmp_path / "none"))
    with pytest.raises(UserError, match="no test items.*residency run"):
        examples_of("smollm2-135m")


def test_a_base_is_named_by_the_examples_that_it_is_really_shown(toy_base, examples):
    rows = list(read_examples(examples / "examples.jsonl"))
    for row, task in zip([row for row in rows if row.split == "train"], ("gen", "gen", "ie_coded"), strict=False):
        row.meta["task"] = task
    rows[0].meta["task"] = "ie_coded"  # a test item; its one training item becomes a test item too
    next(row for row in rows if row.split == "train" and row.meta["task"] == "ie_coded").split = "test"
    write_examples(examples / "examples.jsonl", rows)
    plan = list(jobs({"base": toy_base}, named(None, "quickstart"), shots_of(examples, 3), 9, 9))
    called = {task: [job.state for job in plan if job.task == task] for task in ("qa", "gen", "ie_coded")}
    assert called == {
        "qa": ["base-0shot", "base-3shot"],
        "gen": ["base-0shot", "base-2shot"],
        "ie_coded": ["base-0shot"],
    }
    assert {job.state: job.shots for job in plan} == {"base-0shot": 0, "base-2shot": 2, "base-3shot": 3}


def test_a_model_is_examined_on_a_set_of_the_hub_where_it_lies_here(toy_base, tmp_path, monkeypatch):
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    asked = {"tasks": "medqa", "out": tmp_path / "out", "precision": "fp32"}
    with pytest.raises(UserError, match="residency data get medqa"):
        evaluate_models([str(toy_base)], **asked)
    folder = tmp_path / "data" / "medqa"
    folder.mkdir(parents=True)
    row = {"question": "the sky is", "options": {"A": "red", "B": "green", "C": "blue", "D": "two"}}
    lines = [json.dumps({**row, "answer_idx": letter}) + "\n" for letter in "ABC"]
    (folder / "phrases_no_exclude_test.jsonl").write_text("".join(lines))
    rows = evaluate_models([str(toy_base)], **asked)["rows"]
    assert rows[0]["metric"] == "accuracy" and rows[0]["n"] == 3 and rows[0]["protocol"]["data"] == "medqa"
    assert {t.name for t in named(None, "hub")} == {"medqa"} | {f"mmlu_{s}" for s in SUBJECTS}
    assert not {t.name for t in named(None, "hub")} & {t.name for t in named(None, "med")}


def test_a_part_of_a_public_set_is_drawn_from_all_of_it_and_always_the_same(monkeypatch):
    made = [Example(f"{n:03d}", [{"role": "user", "content": "?"}], ["A"]) for n in range(200)]
    monkeypatch.setattr(selection, "each_example", lambda task: iter(made))
    few = [int(e.id) for e in selection.test_items(None, TASKS["medmcqa"], 20)]
    assert few == [int(e.id) for e in selection.test_items(None, TASKS["medmcqa"], 20)] == sorted(few)
    assert len(set(few)) == 20 and min(few) < 50 and max(few) > 150  # all 20 on one side: less than 1 in 300
    assert set(few) < {int(e.id) for e in selection.test_items(None, TASKS["medmcqa"], 40)}
