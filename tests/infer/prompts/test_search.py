"""The search: halving keeps the best at the price of few, and the winner is measured on items it was not chosen on."""

from __future__ import annotations

import json
import random

import pytest

from residency.core.errors import UserError
from residency.core.types import Example
from residency.infer.prompts.edits import Candidate
from residency.infer.prompts.halving import Trial, halve, sizes
from residency.infer.prompts.prompt import Prompt
from residency.infer.prompts.search import parted, search
from residency.models.scripted import ScriptedModel

START = Prompt("a", "choice", task="t", instruction="0.5")


def items(count, split="dev"):
    return [
        Example(f"{n:03}", [{"role": "user", "content": f"q{n}"}], ["yes"], split=split, group=f"g{n}")
        for n in range(count)
    ]


class Asked:
    """Answers an item rightly with the probability that stands in the instruction; counts what it was asked."""

    def __init__(self):
        self.count = 0

    def __call__(self, prompt, part):
        self.count += len(part)
        chance = float(prompt.instruction.split()[-1]) if prompt.instruction else 0.3
        return [self.row(one, random.Random(f"{one.id}{prompt.instruction}").random() < chance) for one in part]

    def row(self, one, right):
        said = "yes" if right else "no"
        return {
            "id": one.id,
            "group": one.group,
            "score": float(right),
            "prediction": said,
            "wanted": ["yes"],
            "hash": said,
        }


def candidates(*chances):
    return [Candidate(Prompt("a", "choice", instruction=str(chance))) for chance in chances]


def test_rounds_ask_about_twice_as_many_items_of_half_as_many_prompts():
    assert sizes(16, 400) == [(50, False), (100, False), (200, False), (400, True)]
    assert sizes(3, 100) == [(50, False), (100, True)] and sizes(1, 100) == [(100, True)]
    assert sizes(16, 40) == [(16, False), (16, False), (20, False), (40, True)]
    assert sizes(4, 10) == [(10, False), (10, True)]


def test_the_best_of_sixteen_is_found_at_half_the_price():
    asked = Asked()
    tried = candidates(*(round(0.3 + 0.03 * n, 2) for n in range(16)))
    trial = Trial(items(400), asked, "accuracy")
    rounds = halve(tried, trial)
    (left,) = [one for one in rounds[-1] if not one.left]
    assert float(left.candidate.prompt.instruction) >= 0.69 and left.n == 400
    assert asked.count == sum(len(trial.rows[one.prompt.hash]) for one in tried) < 16 * 400 / 3


def test_nobody_is_asked_an_item_twice():
    asked, tried = Asked(), candidates(0.2, 0.9)
    trial = Trial(items(100), asked, "accuracy")
    halve(tried, trial)
    before = asked.count
    halve(tried, trial)
    assert asked.count == before


def test_one_told_apart_below_the_leader_leaves_though_of_the_better_half():
    (first, *_) = halve(candidates(0.95, 0.3, 0.1, 0.05), Trial(items(200), Asked(), "accuracy"), keep=4)
    assert [one.left for one in first] == ["", "behind", "behind", "behind"]
    assert all(one.gap.high < 0 for one in first[1:])


def test_of_equal_prompts_the_one_begun_with_stays():
    tried = [Candidate(START), *candidates("a 0", "b 0", "c 0")]
    same = Trial(items(40), lambda prompt, part: [Asked().row(one, True) for one in part], "accuracy")
    rounds = halve(tried, same)
    assert [one.candidate.prompt for one in rounds[-1] if not one.left] == [START]
    assert {one.left for one in rounds[0]} == {"", "lower half"}


def test_what_is_not_scored_ranks_last():
    def ask(prompt, part):
        scored = prompt.instruction == "x"
        return [{**Asked().row(one, False), **({} if scored else {"score": None})} for one in part]

    rounds = halve(candidates("y", "x"), Trial(items(40), ask, "accuracy"))
    assert [one.candidate.prompt.instruction for one in rounds[-1]] == ["x", "y"]


def test_groups_stay_whole_and_a_third_is_kept_apart():
    made = items(300)
    for n, one in enumerate(made):
        one.group = f"g{n // 3}"
    choosing, apart = parted(made)
    assert {e.group for e in choosing}.isdisjoint(e.group for e in apart) and len(choosing) + len(apart) == 300
    assert 60 < len(apart) < 140 and parted(made[::-1]) == (choosing, apart)


@pytest.mark.parametrize("split", ["test", "test-hard"])
def test_test_items_are_refused(split):
    with pytest.raises(UserError, match="1 items are of a test split; a prompt is searched on development items only"):
        search(START, [*items(99), *items(1, split)], Asked(), "accuracy")


def test_too_few_items_are_refused_before_anything_is_asked():
    asked = Asked()
    with pytest.raises(UserError, match="10 development items are too few to search on"):
        search(START, items(10), asked, "accuracy")
    assert asked.count == 0


def test_a_writers_better_prompt_is_found_and_measured_on_items_kept_apart():
    better = iter(range(1000))

    def script(said):
        if "reasons" in said:
            return json.dumps({"reasons": ["It is only half right."]})
        return json.dumps({"instruction": f"try {next(better)} 0.9" if "What was wrong" in said else "worse 0.1"})

    made = items(300)
    found = search(START, made, Asked(), "accuracy", writer=ScriptedModel(script), mends=True, tries=2, whole=True)
    choosing, apart = parted(made)
    assert found.best.how == "mended by scripted" and found.better and found.gap.n == len(apart)
    assert found.chosen_on == len(choosing) and found.last.low > found.first.high
    assert found.gap.difference.value == pytest.approx(found.last.value - found.first.value)
    assert found.reasons[:1] == ["It is only half right."] and found.tried == 1 + 5 + 1 + 1 + 1 + 1


def test_where_nothing_is_better_the_first_prompt_stays():
    def ask(prompt, part):
        return [Asked().row(one, prompt.hash == START.hash) for one in part]

    found = search(START, items(120), ask, "accuracy")
    assert found.best.prompt == START and not found.better and found.gap.difference.value == 0


def test_a_search_is_the_same_a_second_time():
    once, again = (search(START, items(150), Asked(), "accuracy", whole=True) for _ in range(2))
    assert once.best == again.best and once.rounds == again.rounds and once.gap == again.gap
