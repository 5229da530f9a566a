"""Numbers on a scale and sets of labels, asked of toy models: by likelihood, and from a user's file to the page."""

from __future__ import annotations

import json
import math
import shutil

import numpy as np
import pytest
import scipy.stats

from fixture_kinds import ITEMS, LABELS, PAIR, TAGGED, many, task_file
from residency.core.store import read_json, read_jsonl, read_manifest
from residency.core.types import Example
from residency.evaluate.answer import answer
from residency.evaluate.jobs import ItemParts, Job
from residency.evaluate.kinds import similar, tag
from residency.evaluate.ledger import figures
from residency.evaluate.overview import overview
from residency.evaluate.protocol import Protocol
from residency.evaluate.run import evaluate_models
from residency.evaluate.selection import train_items
from residency.evaluate.statement import without_effect
from residency.evaluate.tasks import named
from residency.infer.likelihood import choose
from residency.infer.prompts.shots import shot_messages
from residency.measure.metrics import metric_for
from residency.models.load import of_stage, open_source

# --- by likelihood ---------------------------------------------------------------------------------------------------


def asked_of(path, source, shots=0, **how):
    """Return a job's task, its items and the solved ones before them, as they are put."""
    (task,) = named(str(path))
    job = Job("x", task.name, source, shots, own=task.own, protocol=Protocol(**how))
    parts = ItemParts(job, job.declaration(), None)
    return job.declaration(), [e for part in parts for e in part], parts.shots


def test_the_number_is_the_one_expected_over_the_whole_ones(toy_bytes, tmp_path):
    model = open_source(of_stage(toy_bytes), type="fp32")
    task, examples, _ = asked_of(task_file(tmp_path, "similar", list(many("similar"))), of_stage(toy_bytes))
    rows = answer(task, model, examples)
    for row, choice in zip(rows, choose(model, examples), strict=True):
        weights = np.exp(choice.logprobs) / np.exp(choice.logprobs).sum()
        assert float(row["prediction"]) == pytest.approx(float(weights @ np.arange(6)), abs=5e-5)
    found = figures(rows, metric_for("pearson", rows))
    said = [float(row["prediction"]) for row in rows]
    gold = [example.meta["score"] for example in examples]
    assert found["value"] == pytest.approx(scipy.stats.pearsonr(gold, said).statistic, abs=1e-4)
    assert found["n"] == 12 and found["groups"] == 6 and len(set(said)) > 6


def test_a_label_is_asked_behind_a_text_that_all_share_as_it_would_be_alone(toy_bytes, tmp_path):
    model = open_source(of_stage(toy_bytes), type="fp32")
    task, examples, _ = asked_of(task_file(tmp_path, "tag", list(many("tag", 4))), of_stage(toy_bytes))
    rows = answer(task, model, examples)
    for example, row in zip(examples, rows, strict=True):
        alone = [Example("1", tag._prompt(example, label), ["yes"], choices=["yes", "no"]) for label in LABELS]
        odds = [yes - no for yes, no in (choice.logprobs for choice in choose(model, alone))]
        assert row["label_odds"] == pytest.approx(odds, abs=1e-3)
        assert json.loads(row["prediction"]) == [label for label, more in zip(LABELS, odds, strict=True) if more > 0]
    assert len({round(odd, 3) for row in rows for odd in row["label_odds"]}) == 12


def test_the_text_is_read_once_for_all_its_labels(toy_bytes, tmp_path, monkeypatch):
    model = open_source(of_stage(toy_bytes), type="fp32")
    rows = [{**TAGGED, "text": "the sky is blue " * 20}]
    task, examples, _ = asked_of(task_file(tmp_path, "tag", rows), of_stage(toy_bytes))
    read, real = [], type(model).score

    def score(self, blocks, **more):
        read.extend(blocks)
        return real(self, blocks, **more)

    monkeypatch.setattr(type(model), "score", score)
    answer(task, model, examples)
    (block,) = read
    assert len(block.branches) == 6 and len(block.context) > 300 and max(map(len, block.branches)) < 60


@pytest.mark.parametrize("pick", ["fixed", "random", "nearest"])
def test_solved_items_are_shown_with_the_answers_that_are_compared(pick, toy_bytes, tmp_path):
    source = of_stage(toy_bytes)
    other = {"id": "s", "text": "red , the sky is blue"}
    for kind, solved in (("similar", {**PAIR, **other, "score": 2.5}), ("tag", {**TAGGED, **other})):
        path = task_file(tmp_path, kind, shots=[solved])
        task, (example,), shots = asked_of(path, source, 1, pick=pick)
        turns = [*shot_messages(shots), *example.prompt]
        said = [turn["content"] for turn in turns if turn["role"] == "assistant"]
        assert said == (["3"] if kind == "similar" else ["yes", "no", "yes"])
        assert sum("the sky is blue" in turn["content"] for turn in turns) == 2
        (row,) = answer(task, open_source(source, type="fp32"), [example], shots, Protocol(pick=pick))
        assert row["prediction"] and row["parsed"]
        _, (example,), shots = asked_of(path, source, 1, pick=pick, method="generate")
        said = [t["content"] for t in [*shot_messages(shots), *example.prompt] if t["role"] == "assistant"]
        assert said == (["2.5"] if kind == "similar" else ['["blue", "red"]'])
        assert [e.wanted for e in train_items(None, task)] == [["2.5"] if kind == "similar" else ['["blue", "red"]']]


# --- whole evaluations -----------------------------------------------------------------------------------------------


def evaluated(base, path, tmp_path, **how):
    return evaluate_models([str(base)], tasks=str(path), out=tmp_path / "own", precision="fp32", **how)["rows"]


@pytest.mark.parametrize("metric", ["pearson", "spearman"])
def test_numbers_from_a_file_to_the_page(metric, toy_bytes, tmp_path):
    path = task_file(tmp_path, "similar", list(many("similar")), f"metric: {metric}\n")
    rows = evaluated(toy_bytes, path, tmp_path, limit=10)
    assert [row["metric"] for row in rows] == [metric, *({"pearson", "spearman"} - {metric})]
    assert all(-1 <= row["low"] <= row["value"] <= row["high"] <= 1 and row["n"] == 10 for row in rows)
    protocol = rows[0]["protocol"]
    assert protocol["method"] == similar.METHOD and "expected value" in protocol["method"]
    assert protocol["extractor"] == "" and protocol["max_tokens"] == 0 and protocol["about"]["kind"] == "similar"
    html = overview(["bytes"], rows)
    assert "Pearson correlation" in html and "Spearman correlation" in html and "correlations from -100" in html
    assert "rise and fall with those that people gave" in html


def test_labels_from_a_file_to_the_page(toy_bytes, tmp_path):
    rows = evaluated(toy_bytes, task_file(tmp_path, "tag", list(many("tag"))), tmp_path)
    assert [row["metric"] for row in rows] == ["micro_f1", "label_f1", "exact_match"]
    assert all(0 <= row["value"] <= 1 and row["n"] == 12 and row["groups"] == 6 for row in rows)
    assert rows[0]["protocol"]["method"] == tag.METHOD and rows[0]["protocol"]["max_tokens"] == 0
    items = list(read_jsonl(tmp_path / "own" / "items" / "my_tag" / "bytes.jsonl"))
    wanted = [set(json.loads(item["wanted"][0])) for item in items]
    given = [set(json.loads(item["prediction"])) for item in items]
    right = sum(len(a & b) for a, b in zip(wanted, given, strict=True))
    assert rows[0]["value"] == pytest.approx(2 * right / sum(map(len, [*wanted, *given])))
    html = overview(["bytes"], rows)
    assert "macro F1 over labels" in html and "all labels right" in html and "A common label weighs more" in html
    assert "correlations" not in html and "rise and fall" not in html


def test_a_model_that_cannot_tell_numbers_apart_is_not_scored_and_not_zero(toy_base, tmp_path):
    """The toy of words knows no digit: all are as likely, and the expected one is the middle for every item."""
    rows = evaluated(toy_base, task_file(tmp_path, "similar", list(many("similar"))), tmp_path)
    assert [(row["value"], row["low"], row["n"], row["not_scored"]) for row in rows] == [(None, None, 12, 0)] * 2
    items = list(read_jsonl(tmp_path / "own" / "items" / "my_similar" / "toy.jsonl"))
    assert {item["prediction"] for item in items} == {"2.5000"}
    assert "not scored" in overview(["toy"], rows)


@pytest.mark.parametrize("kind", ITEMS)
def test_written_and_constrained_by_a_real_model_all_can_be_read(kind, toy_bytes, tmp_path):
    path = task_file(tmp_path, kind, list(many(kind, 6)), "max_tokens: 60\n")
    held = Protocol(method="generate", constrained=True)
    rows = evaluated(toy_bytes, path, tmp_path, protocol=held)
    protocol = rows[0]["protocol"]
    what = {"similar": "the number", "tag": "the labels"}[kind]
    assert protocol["method"] == f"greedy generation of {what}, constrained to a JSON schema"
    assert protocol["constrained"] and rows[0]["unparsed"] == 0 and protocol["max_tokens"] > 0
    assert protocol["extractor"].startswith(("the number behind", "first JSON list of the reply"))
    free = evaluated(toy_bytes, path, tmp_path / "free", protocol=Protocol(method="generate"))
    assert free[0]["unparsed"] == 6 and free[0]["not_scored"] == (6 if kind == "similar" else 0)


@pytest.mark.parametrize("kind", ITEMS)
def test_both_are_asked_in_other_words_and_their_options_have_no_order(kind, toy_bytes, tmp_path, capsys):
    path = task_file(tmp_path, kind, list(many(kind)))
    rows = evaluated(toy_bytes, path, tmp_path, limit=8, vary=("wording", "order"))
    by = {(row["model"].partition(".")[2], row["metric"]): row for row in rows}
    main = {"similar": "pearson", "tag": "micro_f1"}[kind]
    assert {name for name, metric in by if metric == main} == {"", "wording-1", "wording-2", "wording-3"}
    folder = tmp_path / "own" / "items" / f"my_{kind}"
    said = [[row["prediction"] for row in read_jsonl(file)] for file in sorted(folder.glob("*.jsonl"))]
    if kind == "similar":
        said = [[math.floor(float(one) + 0.5) for one in side] for side in said]
    same = sum(len({str(one) for one in side}) == 1 for side in zip(*said, strict=True)) / 8
    assert by["wording", "consistency"]["value"] == pytest.approx(same)
    assert "is not varied by order: its items have no options to turn" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ITEMS)
def test_two_models_are_compared_and_finished_work_is_not_done_again(kind, toy_bytes, tmp_path, monkeypatch):
    other = tmp_path / "other"
    shutil.copytree(read_manifest(toy_bytes)["model"]["path"], other)
    path = task_file(tmp_path, kind, list(many(kind)))
    given = {"tasks": str(path), "out": tmp_path / "both", "precision": "fp32"}
    found = evaluate_models([str(toy_bytes), str(other)], **given)
    (compared,) = found["comparisons"]
    assert compared["difference"] == 0 and compared["p_holm"] == 1 and compared["n"] == 12  # the same weights
    assert compared["groups"] == 6 and compared["metric"] == {"similar": "pearson", "tag": "micro_f1"}[kind]
    monkeypatch.setattr("residency.evaluate.jobs.Worker.do", lambda *_: pytest.fail("done before"))
    assert evaluate_models([str(toy_bytes), str(other)], **given) == found


def test_an_option_that_changes_nothing_for_them_is_told(toy_bytes, tmp_path):
    (task,) = named(str(task_file(tmp_path, "tag")))
    job = Job("x", task.name, of_stage(toy_bytes), own=task.own)
    (told,) = without_effect([job], Protocol(style="options"))
    assert told.startswith("--style options changes nothing")
    assert without_effect([job], Protocol(method="cot")) == []


def test_another_scale_is_another_job(toy_bytes, tmp_path):
    path = task_file(tmp_path, "similar", list(many("similar", 4)))
    evaluated(toy_bytes, path, tmp_path)
    about = tmp_path / "own" / "items" / "my_similar" / "bytes.protocol.json"
    before = read_json(about)["fingerprint"]
    path.write_text(path.read_text().replace("[0, 5]", "[0, 6]"))
    evaluated(toy_bytes, path, tmp_path)
    assert read_json(about)["fingerprint"] != before


def test_what_does_not_fit_beside_its_labels_is_not_scored(toy_base, tmp_path):
    rows = [TAGGED, {**TAGGED, "id": "2", "text": "sky " * 200}]
    task, examples, _ = asked_of(task_file(tmp_path, "tag", rows), of_stage(toy_base))
    made = answer(task, open_source(of_stage(toy_base), type="fp32"), examples)
    assert [row["score"] is None for row in made] == [False, True] and made[1]["finish"] == "too long"
    assert figures(made, metric_for("micro_f1", made))["not_scored"] == 1
