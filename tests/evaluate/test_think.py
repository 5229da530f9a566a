"""Choices reached by a way of thinking: the rows, what is said of them, and the budget."""

import pytest

from fixture_kinds import TAGGED, task_file
from residency.core.types import Example
from residency.evaluate.answer import answer
from residency.evaluate.jobs import Job
from residency.evaluate.ledger import rows
from residency.evaluate.protocol import THINKING, Protocol, room
from residency.evaluate.statement import _method as method_of
from residency.evaluate.statement import extractor_of, without_effect
from residency.evaluate.tasks import TASKS, named
from residency.evaluate.tasks.read import examples_of
from residency.evaluate.think import first_asked
from residency.infer.reason import STRATEGIES, usual
from residency.models.load import Source, of_stage, open_source
from residency.models.scripted import ScriptedModel

EXAMPLE = Example("1", [{"role": "user", "content": "Which?"}], ["yes"], choices=["yes", "no"], group="g")
QA = TASKS["qa"]


def made(model, method, task=QA, example=EXAMPLE, **how):
    (row,) = answer(task, model, [example], protocol=Protocol(method, **how))
    return row


def drawn(*replies):
    rest = iter(replies)
    return ScriptedModel(lambda said: next(rest))


def test_every_way_of_thinking_is_a_method_of_evaluation():
    assert set(THINKING) == set(STRATEGIES) - {"direct"}
    for method in THINKING:
        row = made(ScriptedModel(lambda said: "So.\nAnswer: yes"), method)
        assert (row["score"], row["prediction"], row["parsed"]) == (1.0, "yes", True), method
        assert row["reasoning"] == "So.\nAnswer: yes" and row["tokens"] > 0


def test_the_share_of_a_vote_is_the_confidence_of_its_answer_and_calibration_is_measured():
    row = made(drawn("a\nAnswer: no", "Answer: yes", "Answer: yes", "Answer: no", "Answer: yes"), "vote")
    assert row["prediction"] == "yes" and row["confidence"] == pytest.approx(3 / 5)
    assert row["votes"] == {"no": 2, "yes": 3} and row["margin"] == pytest.approx(1 / 5)
    assert made(ScriptedModel(lambda said: "Answer: yes"), "cot")["confidence"] is None
    many = [{**row, "id": str(n), "group": str(n)} for n in range(8)]
    found = {one["metric"]: one["value"] for one in rows("qa", "m", many, {}, None)}
    assert found["accuracy"] == 1.0 and found["ece"] == pytest.approx(0.4)


def test_what_concludes_nothing_is_unparsed_and_wrong_and_no_reply_is_not_scored():
    row = made(ScriptedModel(lambda said: "hm"), "vote")
    assert (row["score"], row["parsed"], row["prediction"], row["reasoning"]) == (0.0, False, "", "hm")
    row = made(ScriptedModel(lambda said: None), "vote")
    assert row["score"] is None and row["prediction"] is None and row["finish"] == "abstain"


def test_a_set_of_labels_is_voted_on_as_a_list(tmp_path):
    (task,) = named(str(task_file(tmp_path, "tag", [TAGGED])))
    (example,), _ = examples_of(task)
    model = drawn(
        'Answer: ["blue"]', 'Hm.\nAnswer: ["blue", "red"]', "none", 'Answer: ["blue", "red"]', "x", "[]", "[]"
    )
    row = made(model, "vote", task, example)
    assert row["exact_match"] == 1.0 and row["asked_again"] == 2 and row["confidence"] == pytest.approx(2 / 5)


def test_tokens_are_the_budget_of_an_item_and_stand_in_its_protocol():
    task, job = QA, Job("m", "qa", Source("m", "m", ""), protocol=Protocol("vote", tokens=400))
    assert room(task, [EXAMPLE], job.protocol) == 400 and room(task, [EXAMPLE], Protocol("cot")) == usual("cot") == 256
    said = method_of(job, task, "")
    assert "vote of 5 drawn chains" in said and "temperature 0.7, seed 0" in said and "at most 400 tokens" in said
    assert "asked for once more" in extractor_of(job, task)
    model = ScriptedModel(lambda said: "Answer: yes")
    seen = []
    model.generate = lambda prompts, **how: seen.append(how) or ScriptedModel.generate(model, prompts, **how)
    made(model, "vote", tokens=400)
    assert seen[0]["max_tokens"] == 400 // 5 - 16 and seen[0]["n"] == 5 and seen[0]["temperature"] == 0.7


def test_replies_that_are_drawn_again_are_drawn_with_another_seed():
    seen = []
    model = ScriptedModel(lambda said: "Answer: yes")
    model.generate = lambda prompts, **how: seen.append(how) or ScriptedModel.generate(model, prompts, **how)
    made(model, "cot", seed=3)
    made(model, "cot", seed=3, repeat=2)
    assert [(how["temperature"], how["seed"]) for how in seen] == [(0.0, 3), (0.7, 5)]


def test_a_budget_without_thinking_changes_nothing_and_that_is_said():
    job = Job("m", "qa", Source("m", "m", ""), protocol=Protocol("generate", tokens=9))
    assert without_effect([job], job.protocol) == [
        "--tokens 9 changes nothing: nothing here is thought over before it is answered (--method cot, vote, …)"
    ]
    assert without_effect([job], Protocol("vote", tokens=900)) == []


def test_the_first_question_is_shown_as_the_strategy_puts_it():
    assert "step by step" in first_asked(QA, EXAMPLE, Protocol("vote"))[-1]["content"]
    assert "simpler questions" in first_asked(QA, EXAMPLE, Protocol("decompose"))[-1]["content"]


def test_a_real_model_votes_the_same_whenever_it_is_asked_and_what_is_too_long_is_not_scored(toy_base):
    model = open_source(of_stage(toy_base), type="fp32")
    items = [
        Example(n, [{"role": "user", "content": f"{n} ?"}], ["red"], choices=["red", "blue"]) for n in ("sky", "dog")
    ]
    items.append(Example("long", [{"role": "user", "content": "sky " * 120}], ["red"], choices=["red", "blue"]))
    first, second = (answer(QA, model, items, protocol=Protocol("vote", tokens=200)) for _ in range(2))
    assert [{**row, "seconds": 0} for row in first] == [{**row, "seconds": 0} for row in second]
    assert [row["finish"] == "too long" for row in first] == [False, False, True] and first[2]["score"] is None
