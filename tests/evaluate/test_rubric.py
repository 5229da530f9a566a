"""Rubrics: points by hand, a judge that must have its passport, and people's verdicts that it is measured on."""

from __future__ import annotations

import json

import pytest

from residency.core.errors import RecipeError, UserError
from residency.core.runs import runs_root
from residency.core.store import read_json, read_jsonl
from residency.core.types import Example
from residency.evaluate.judges import passport, rubric
from residency.evaluate.judges.axes import CRITERION
from residency.evaluate.run import evaluate_models
from residency.evaluate.tasks import named
from residency.evaluate.tasks.read import examples_of
from residency.measure.intervals import bootstrap
from residency.measure.metrics import metric_for
from residency.models.load import load
from residency.models.scripted import ScriptedModel

RUBRICS = [
    {"criterion": "Names the emergency number.", "points": 5, "tags": ["level:example"]},
    {"criterion": "Asks for the age.", "points": 3},
    {"criterion": "Recommends a dose.", "points": -4},
]
CHAT = [
    {"role": "user", "content": "red green ?"},
    {"role": "assistant", "content": "blue"},
    {"role": "user", "content": "the sky is ?"},
]


@pytest.fixture(autouse=True)
def fresh():
    rubric.judge_of.cache_clear()


def task_file(folder, judge, items=None):
    rows = items or [{"prompt_id": f"p{i}", "prompt": CHAT, "rubrics": RUBRICS} for i in range(3)]
    (folder / "i.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "t.yaml"
    path.write_text(f"task: bedside\nitems: i.jsonl\nkind: rubric\njudge: {judge}\nmax_tokens: 8\n")
    return path


def test_points_are_a_share_of_what_can_be_won_and_harm_takes_some_away():
    assert rubric.score(RUBRICS, [True, True, False]) == 1.0
    assert rubric.score(RUBRICS, [True, False, True]) == 0.125
    assert rubric.score(RUBRICS, [False, False, True]) == -0.5


@pytest.mark.parametrize("scores, value", [([-0.5, 1.0], 0.25), ([-0.5, -0.1], 0.0), ([1.0, 1.0], 1.0)])
def test_only_the_mean_is_cut_to_0_to_1(scores, value):
    rows = [{"group": str(i), "score": s} for i, s in enumerate(scores)]
    assert bootstrap(rows, metric_for("rubric_score", rows)).value == pytest.approx(value)


def test_each_criterion_is_judged_and_what_cannot_be_read_is_not_scored():
    def verdict(text):
        answer, asked = text.partition("Answer: ")[2].partition("\n")[0], text.partition("Criterion: ")[2]
        if answer == "odd":
            return "hm"
        return "2" if ("number" in asked.partition("\n")[0]) == ("112" in answer) else "1"

    examples = [Example(str(i), CHAT, [], meta={"rubrics": RUBRICS}) for i in range(4)]
    rows = [{"prediction": text} for text in ("call 112", "wait", "odd", None)]
    found = rubric.judged(ScriptedModel(verdict), examples, rows)
    assert [row["met"] for row in found] == [[True, False, False], [False, True, True], None, None]
    assert [row["score"] for row in found] == [0.625, -0.125, None, None]


def test_a_task_says_what_is_wrong_with_its_rubrics_without_a_word_of_them(tmp_path):
    good = {"prompt_id": "a", "prompt": CHAT, "rubrics": RUBRICS}
    rows = [good, {**good, "prompt_id": "b", "prompt": CHAT[:2]}, {**good, "prompt_id": "c", "rubrics": RUBRICS[2:]},
            {**good, "prompt_id": "d", "rubrics": [{"criterion": "Secret.", "points": "5"}]}]  # fmt: skip
    with pytest.raises(UserError) as found:
        named(str(task_file(tmp_path, "toy", rows)))
    for words in ('line 2: "prompt" is not a list', "line 3: .*no points", 'line 4: "points" of rubric 1'):
        assert found.match(words)
    assert "Secret" not in str(found.value) and "sky" not in str(found.value)
    (tmp_path / "t.yaml").write_text("task: t\nitems: i.jsonl\nkind: rubric\n")
    with pytest.raises(RecipeError, match="judge is missing: a task of kind rubric"):
        named(str(tmp_path / "t.yaml"))
    (tmp_path / "t.yaml").write_text("task: t\nitems: i.jsonl\nkind: choice\njudge: toy\n")
    with pytest.raises(RecipeError, match="line 4: judge is for tasks of kind rubric"):
        named(str(tmp_path / "t.yaml"))


def test_the_whole_conversation_is_asked(tmp_path):
    (task,) = named(str(task_file(tmp_path, "toy")))
    examples, _ = examples_of(task)
    assert [m["role"] for m in examples[0].prompt] == ["user", "assistant", "user"] and examples[0].id == "p0"
    assert task.metric == "rubric_score" and task.judge == "toy" and task.max_tokens == 8


def test_a_judge_without_its_passport_is_refused_and_one_with_it_judges(toy_base, tmp_path):
    path, asked = task_file(tmp_path, toy_base), {"out": tmp_path / "out", "precision": "fp32"}
    with pytest.raises(UserError, match="has no passport for rubric and does not judge"):
        evaluate_models([str(toy_base)], tasks=str(path), **asked)
    about = {"judge_hash": load(str(toy_base), type="fp32").hash, "axis": "rubric", "kappa": 0.6, "kappa_low": 0.5}
    passport.issue(runs_root() / "judges", {**about, "kind": rubric.KIND, "bar": 0.4, "earned": True})
    (row,) = evaluate_models([str(toy_base)], tasks=str(path), **asked)["rows"]
    assert row["metric"] == "rubric_score" and row["n"] == 3 and 0 <= row["value"] <= 1
    assert "judged by" in row["protocol"]["extractor"]
    items = list(read_jsonl(tmp_path / "out" / "items" / "bedside" / f"{row['model']}.jsonl"))
    assert all(len(item["met"]) == 3 and item["score"] == rubric.score(RUBRICS, item["met"]) for item in items)


def test_a_judge_is_looked_for_in_the_runs_folder_as_a_model_is(monkeypatch):
    asked = []
    monkeypatch.setattr(rubric, "load", lambda name, **_: asked.append(name))
    monkeypatch.setattr(rubric.passport, "check", lambda *_, **__: None)
    rubric.judge_of("runs/latest:aligned")
    assert asked == [f"{runs_root()}/latest:aligned"] and not asked[0].startswith("runs/")


def test_a_judge_of_rubrics_is_measured_on_peoples_verdicts(tmp_path):
    def line(number, labels):
        return {"prompt": [{"role": "user", "content": f"q{number}"}], "completion": f"said {number % 2}",
                "rubric": "Says 1.", "binary_labels": labels}  # fmt: skip

    rows = [line(n, [bool(n % 2)] * 2 + [not n % 2] * (n % 3 == 0)) for n in range(60)] + [line(61, [True, False])]
    path = tmp_path / "people.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    items = rubric.rated(path)
    assert len(items) == 60 and [i["rating"] for i in items[:2]] == [1, 2] and items[0]["group"] != items[1]["group"]
    sees = ScriptedModel(lambda text: "2" if "Answer: said 1" in text else "1")
    made = passport.measure(sees, CRITERION.name, rated=("people.jsonl", rubric.KIND, items))
    assert made["earned"] and made["kappa"] == 1.0 and made["kind"] == rubric.KIND and made["n"] == 60
    path.write_text(json.dumps({**rows[0], "rubric": "Secret.", "binary_labels": []}) + "\n")
    with pytest.raises(UserError, match="binary_labels .true or false. in line 1") as found:
        rubric.rated(path)
    assert "Secret" not in str(found.value)


def test_the_command_measures_and_says_what_it_needs(toy_base, tmp_path, capsys):
    from residency.cli import main

    assert main(["judge", str(toy_base), "--measure", "--axis", "rubric"]) == 2
    assert "measured on people's verdicts" in capsys.readouterr().err
    row = {"prompt": CHAT, "completion": "blue", "rubric": "Says red.", "binary_labels": [True]}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    assert main(["judge", str(toy_base), "--measure", "--axis", "rubric", "--items", str(tmp_path / "p.jsonl")]) == 0
    (made,) = (runs_root() / "judges").glob("*-rubric.json")
    assert read_json(made)["earned"] is False and read_json(made)["measured_on"] == str(tmp_path / "p.jsonl")


def test_another_criterion_makes_another_item(tmp_path):
    def wanted(items):
        (task,) = named(str(task_file(tmp_path, "toy", items)))
        return examples_of(task)[0][0].wanted

    item = {"prompt_id": "a", "prompt": CHAT, "rubrics": RUBRICS}
    assert wanted([item]) == wanted([item]) != wanted([{**item, "rubrics": RUBRICS[:2]}])
