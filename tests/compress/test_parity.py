"""The parts of the comparison that need no model: which items, which positions, and the interval."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from scipy.stats import binomtest

from residency.compress.parity import (
    LONGEST_PROMPT,
    SHORT_PROMPT,
    Choice,
    agreement,
    findings,
    own_replies,
    pick,
    short_first,
    stops,
    wilson,
)
from residency.core.errors import UserError
from residency.core.store import write_examples
from residency.core.types import Example
from residency.models.gguf import Step


def example(task: str, number: int, *, split: str = "test", answer: str = "a b c") -> Example:
    return Example(
        id=f"{task}-{number:03}",
        prompt=[{"role": "user", "content": "x"}],
        wanted=[answer],
        split=split,
        meta={"task": task},
    )


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
    with pytest.raises(UserError, match="no test or dev examples"):
        pick(tmp_path / "e.jsonl", seed=0)


def test_short_prompts_are_asked_before_long_ones_and_endless_ones_never():
    lengths = [SHORT_PROMPT + 1, 5, LONGEST_PROMPT + 1, 3]
    prompted = [([0] * length, example("qa", i)) for i, length in enumerate(lengths)]
    assert [len(prompt) for prompt, _ in short_first(prompted)] == [5, 3, SHORT_PROMPT + 1]


class Parrot:
    """In the place of llama.cpp: replies of seven steps, answers followed word for word."""

    def greedy_each(self, prompts: list[list[int]], max_tokens: int) -> list[list[Step]]:
        return [[Step(1, -0.1, 1)] * 7 for _ in prompts]


def test_replies_fill_the_positions_exactly():
    readings = own_replies(Parrot(), [[1]] * 40, positions=150)
    assert sum(len(reading.steps) for reading in readings) == 150
    assert [len(reading.steps) for reading in readings[-2:]] == [7, 3]


def pair(theirs: int, ours: int, *, behind: float = 0.0, logprob: float = -1.0) -> tuple[Step, Choice]:
    return Step(theirs, logprob, theirs), Choice(ours, -0.5, -0.5 - behind, -1.0)


def test_agreement_counts_places_and_measures_the_distance_where_they_differ():
    result = agreement([[pair(5, 5), pair(6, 7, behind=0.2)], [pair(8, 8, logprob=math.nan), pair(9, 9, logprob=-1.5)]])
    assert (result["same"], result["of"], result["share"]) == (3, 4, 0.75)
    assert result["differing_behind_nats"] == {"mean": pytest.approx(0.2), "max": pytest.approx(0.2)}
    assert result["logprob_difference_nats"] == {"mean": pytest.approx(0.5 / 3), "max": pytest.approx(0.5)}


def test_a_reply_that_torch_would_end_earlier_or_later_ends_elsewhere():
    end = 2
    together = [pair(5, 5), pair(end, end)]
    earlier = [pair(5, end), pair(end, end)]
    later = [pair(5, 5), pair(end, 7)]
    both_go_on = [pair(5, 5), pair(6, 7)]
    assert stops([together, earlier, later, both_go_on], [end]) == {"replies": 4, "ended": 3, "same": 2}


GOOD = {
    "bar": 0.98,
    "positions": 500,
    "template": {"checked": 10, "same": 10},
    "stop": {"gguf": "<end>", "torch": "<end>", "replies": 50, "ended": 50, "same": 49},
    "next_token": {"torch_fp32": {"share": 0.98, "low": 0.96, "high": 0.99, "of": 500}},
}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"template": {"checked": 10, "same": 9}}, "chat template"),
        ({"stop": {**GOOD["stop"], "torch": "</s>"}}, "ends a turn"),
        ({"stop": {**GOOD["stop"], "same": 40}}, "end elsewhere"),
        ({"positions": 499}, "499 of 500"),
        ({"next_token": {"torch_fp32": {"share": 0.978, "low": 0.9, "high": 0.99, "of": 500}}}, "NOT the same model"),
        ({"next_token": {"torch_fp32": {"share": math.nan, "low": 0, "high": 1, "of": 0}}}, "NOT the same model"),
    ],
)
def test_every_shortfall_is_a_finding(change, word):
    assert findings(GOOD, 500) == []
    (found,) = findings({**GOOD, **change}, 500)
    assert word in found
