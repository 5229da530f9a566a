"""The parts of the comparison that need no model: which items, which positions, and the interval."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy.stats import binomtest

from residency.compress.parity import SHORT_PROMPT, make_jobs, pick, wilson
from residency.core.errors import UserError
from residency.core.store import write_examples
from residency.core.types import Example


def example(task: str, number: int, *, split: str = "test", answer: str = "a b c") -> Example:
    return Example(
        id=f"{task}-{number:03}",
        prompt=[{"role": "user", "content": "x"}],
        wanted=[answer],
        split=split,
        meta={"task": task},
    )


def words(text: str, add_special_tokens: bool = False) -> dict[str, list[int]]:
    """A tokenizer of one token a word."""
    return {"input_ids": [len(word) for word in text.split()]}


@pytest.mark.parametrize(("k", "n"), [(0, 10), (10, 10), (490, 500), (480, 500), (1, 3)])
def test_wilson_is_scipys(k, n):
    theirs = binomtest(k, n).proportion_ci(method="wilson")
    ours = wilson(k, n)
    assert ours.value == k / n
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_nothing_compared_is_nan_not_zero():
    assert math.isnan(wilson(0, 0).value)


def test_tasks_take_turns_and_only_test_examples_are_asked(tmp_path: Path):
    rows = [example(task, i) for task in ("qa", "ie") for i in range(5)] + [example("qa", 9, split="train")]
    write_examples(tmp_path / "e.jsonl", rows)
    chosen = pick(tmp_path / "e.jsonl", seed=0)
    assert [e.meta["task"] for e in chosen[:4]] == ["ie", "qa", "ie", "qa"]
    assert "qa-009" not in {e.id for e in chosen}
    assert [e.id for e in pick(tmp_path / "e.jsonl", seed=0)] == [e.id for e in chosen]
    assert [e.id for e in pick(tmp_path / "e.jsonl", seed=1)] != [e.id for e in chosen]


def test_without_test_examples_there_is_a_clear_error(tmp_path: Path):
    write_examples(tmp_path / "e.jsonl", [example("qa", 0, split="train")])
    with pytest.raises(UserError, match="no test examples"):
        pick(tmp_path / "e.jsonl", seed=0)


def test_positions_are_counted_exactly_and_one_follows_each_answer():
    chosen = [example("qa", i) for i in range(10)]
    jobs = make_jobs(words, chosen, [[1, 2]] * 10, positions=10)
    assert [len(job.answer) + 1 for job in jobs] == [4, 4, 2]
    assert [job.whole for job in jobs] == [True, True, False]


def test_short_prompts_are_asked_before_long_ones():
    chosen = [example("qa", i) for i in range(3)]
    prompts = [[0] * (SHORT_PROMPT + 1), [1], [2]]
    assert [job.prompt[0] for job in make_jobs(words, chosen, prompts, positions=12)] == [1, 2, 0]
