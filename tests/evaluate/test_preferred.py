"""Two answers that people judged: which pairs there are, and what a model, a reward model and a rule say of them."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from fixture_sets import write_judged
from residency.core.errors import Unsupported
from residency.corpus.benchmarks import frozen_split
from residency.evaluate.answer import answer
from residency.evaluate.contamination import reason_to_drop
from residency.evaluate.jobs import Job
from residency.evaluate.kinds import prefer
from residency.evaluate.run import able, evaluate_models
from residency.evaluate.tasks import MED, TASKS
from residency.evaluate.tasks.form import Ask, example_of
from residency.evaluate.tasks.read import examples_of
from residency.measure.rules import longer
from residency.models.load import Source, of_stage, open_source
from residency.models.reward import RewardModel

TASK = TASKS["medquad_preferred"]


def pair(key, chosen, rejected):
    item = {"id": key, "input": "sky ?", "chosen": chosen, "rejected": rejected}
    return example_of("prefer", Ask(), item, task=TASK.name)


@pytest.fixture
def judged(tmp_path, monkeypatch):
    """One consumer's answers of the frozen test part, of every rating, and one too long to be weighed."""
    by_consumer = defaultdict(list)
    for key, part in frozen_split("medquad_judged").items():
        if part == "test":
            by_consumer[key.partition(":")[0]].append(key.partition(":")[2])
    consumer, keys = next((c, k) for c, k in sorted(by_consumer.items()) if len(k) >= 6)
    answers = [(4, "blue blue"), (3, "blue is"), (2, "red"), (1, "green red one"), (1, "x" * 2001), (4, "")]
    rows = [(consumer, r, key, f"sky {r} ?", text) for key, (r, text) in zip(keys, answers, strict=False)]
    monkeypatch.setenv("RESIDENCY_DATA", str(tmp_path / "data"))
    write_judged(tmp_path / "data", rows)
    return keys


def test_a_pair_is_an_answer_that_people_judged_good_and_one_two_ratings_lower(judged):
    found, _ = examples_of(TASK)
    assert {(e.wanted[0], e.unwanted[0]) for e in found} == {
        ("blue blue", "red"), ("blue blue", "green red one"), ("blue is", "green red one"),
    }  # fmt: skip
    assert [e.prompt for e in found if e.wanted[0] == "blue is"] == [[{"role": "user", "content": "sky 3 ?"}]]
    assert len({e.group for e in found}) == 1 and TASK not in MED and judged[0] in found[0].id


def test_neither_answer_is_shown_and_their_order_does_not_tell():
    one, other = pair("1", "blue", "red"), pair("2", "red", "blue")
    assert one.prompt == other.prompt == [{"role": "user", "content": "sky ?"}]
    assert one.choices == other.choices and one.wanted != other.wanted


def test_a_causal_model_weighs_answers_by_their_mean_a_token(toy_base):
    model = open_source(of_stage(toy_base), type="fp32")
    examples = [pair("1", "blue blue blue", "red"), pair("2", "green", "one two")]
    rows = answer(TASK, model, examples)
    for example, row in zip(examples, rows, strict=True):
        ends = [f"{text} {model.tokenizer.eos_token}" for text in example.choices]
        scores = model.loglik([example.prompt] * 2, ends)
        means = [score.total / len(score.logprobs) for score in scores]
        assert row["choice_logprobs"] == pytest.approx(means, abs=1e-5)
        assert row["prediction"] == example.choices[means.index(max(means))]
        assert row["score"] == float(row["prediction"] == example.wanted[0]) and row["confidence"] is None


def test_a_reward_model_weighs_them_by_its_scores_and_does_nothing_else(toy_base):
    local = open_source(of_stage(toy_base), type="fp32")
    torch.manual_seed(1)
    model = RewardModel("r", "h", local, torch.nn.Linear(32, 1, bias=False), 2000, {})
    example = pair("1", "blue blue", "red")
    [row] = answer(TASK, model, [example])
    values = model.score_answers([example.prompt] * 2, example.choices)
    assert row["choice_logprobs"] == values and row["prediction"] == example.choices[values.index(max(values))]
    reward = Source("reward", "x", "h", None, {"reward": {}})
    assert able(Job("reward", TASK.name, reward), None) and not able(Job("reward", "medmcqa", reward), None)
    with pytest.raises(Unsupported, match="gives no likelihoods"):
        next(prefer.by_likelihood(SimpleNamespace(name="gguf"), [example], ()))


def test_the_longer_answer_is_the_rule_beside():
    assert longer([], [pair("1", "blue", "red red"), pair("2", "green one", "red")]) == ["red red", "green one"]


def test_what_says_the_same_as_either_answer_is_not_learned():
    long = "The sky is blue because air scatters the short waves of light the most, and that light is blue."
    tests = [pair("1", long, f"{long} It is not.")]
    for text in (long.upper(), f"{long}  It is not."):
        learned = example_of("generate", Ask(), {"id": "a", "input": "why ?", "reference": text}, task="medquad")
        assert reason_to_drop(tests)(learned) == "the same answer as held-out item 1"
    pair_of_it = example_of("prefer", Ask(), {"id": "b", "input": "why ?", "chosen": "so", "rejected": long}, task="t")
    assert reason_to_drop(tests)(pair_of_it) == "the same answer as held-out item 1"


def test_the_task_is_examined_like_any_other_and_says_how(judged, toy_base, tmp_path):
    found = evaluate_models([str(toy_base)], tasks=TASK.name, out=tmp_path / "o", precision="fp32", shots=3)
    [row] = found["rows"]
    assert (row["metric"], row["n"], row["groups"], row["family"]) == ("accuracy", 3, 1, "Alignment")
    assert row["protocol"]["method"] == prefer.METHOD and row["protocol"]["max_tokens"] == row["protocol"]["shots"] == 0
