"""Which of many prompts is best, at the price of few: all are tried on some items, the better half on twice as many.

Successive halving: Jamieson and Talwalkar 2016, Non-stochastic Best Arm Identification and Hyperparameter Optimization.
All answer the same items, so each is compared with the leader in pairs; one that is told apart below it leaves at once
(racing: Maron and Moore 1994, Hoeffding Races), though it be of the better half.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.core.types import Example, Interval
from residency.infer.prompts.edits import Candidate
from residency.infer.prompts.prompt import Prompt
from residency.measure.groups import whole
from residency.measure.intervals import bootstrap, tally
from residency.measure.metrics import metric_for
from residency.measure.paired import Paired, paired

Row = dict[str, Any]
Answer = Callable[[Prompt, Sequence[Example]], list[Row]]
"""What asks items by a prompt and returns a scored row for each, in order."""
LEAST = 16
"""Items of the first round, at least: on fewer nothing can be told apart."""
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """How a candidate stood in a round: its value, how far from the leader's, on how many items, and why it left.

    ``left`` is "" for one that stays, "behind" for one whose interval lies below the leader, "lower half" for one that
    is not told apart from it but had to make room.
    """

    candidate: Candidate
    value: Interval
    gap: Interval
    n: int
    left: str = ""


class Trial:
    """Items that are asked by prompts, each item once a prompt, and the metric that the rows are summed by."""

    def __init__(self, items: Sequence[Example], answer: Answer, metric: str) -> None:
        self.items, self.answer, self.metric = list(items), answer, metric
        self.rows: dict[str, list[Row]] = {}

    def first(self, prompt: Prompt, count: int) -> list[Row]:
        """Return the rows of the first items; what was asked before is not asked again."""
        known = self.rows.setdefault(prompt.hash, [])
        if len(known) < count:
            new = self.answer(prompt, self.items[len(known) : count])
            known += [{**row, "hash": row["id"]} for row in new]  # the same item, however it is put
        return known[:count]

    def value(self, prompt: Prompt, count: int) -> Interval:
        """Return a prompt's value on the first items, with its interval."""
        rows = self.first(prompt, count)
        return bootstrap(rows, metric_for(self.metric, rows), n=RESAMPLES)

    def gap(self, first: Prompt, second: Prompt, count: int) -> Paired:
        """Return how much more the second is worth than the first on the same items; below 0 is always worse."""
        a, b = self.first(first, count), self.first(second, count)
        metric = metric_for(self.metric, [*a, *b])
        return paired(a, b, metric, n=RESAMPLES) if metric.higher_is_better else paired(b, a, metric, n=RESAMPLES)

    def worth(self, prompt: Prompt, count: int) -> float:
        """Return a number that ranks prompts: more is better, and what was not scored is last."""
        rows = self.first(prompt, count)
        metric = metric_for(self.metric, rows)
        found = tally(rows, metric)
        value = whole(metric, found.sums) if found.n else math.nan
        return -math.inf if math.isnan(value) else value if metric.higher_is_better else -value


def halve(candidates: Sequence[Candidate], trial: Trial, *, keep: int = 1) -> list[list[Standing]]:
    """Return the rounds, each with its candidates from best to worst; in the last none leaves but for ``keep``.

    Of candidates that are worth the same the earlier stays, so that the prompt one began with is not left for nothing.
    """
    rounds: list[list[Standing]] = []
    left = list(candidates)
    for count, last in sizes(len(left), len(trial.items)):
        worth = {one.prompt.hash: trial.worth(one.prompt, count) for one in left}
        ranked = sorted(left, key=lambda one: -worth[one.prompt.hash])
        room = keep if last else max(keep, math.ceil(len(ranked) / 2))
        rounds.append(standings(ranked, trial, count, room))
        left = [one.candidate for one in rounds[-1] if not one.left]
        left.sort(key=lambda one: place_of(candidates)[one.prompt.hash])
    return rounds


def place_of(candidates: Sequence[Candidate]) -> Mapping[str, int]:
    """Return where each candidate stands, by its hash."""
    return {one.prompt.hash: place for place, one in enumerate(candidates)}


def sizes(candidates: int, items: int) -> list[tuple[int, bool]]:
    """Return for each round on how many items, and whether it is the last: each on about twice those before."""
    rounds = max(1, math.ceil(math.log2(max(2, candidates))))
    found = [max(min(LEAST, items), items >> (rounds - 1 - n)) for n in range(rounds)]
    found[-1] = items
    return [(size, n == rounds - 1) for n, size in enumerate(found)]


def standings(ranked: Sequence[Candidate], trial: Trial, count: int, room: int) -> list[Standing]:
    """Return how ranked candidates stand on the first items, and who leaves where there is room for so many."""
    leader, made = ranked[0].prompt, []
    for place, one in enumerate(ranked):
        gap = trial.gap(leader, one.prompt, count).difference
        behind = place > 0 and gap.high < 0
        left = "behind" if behind else "lower half" if place >= room else ""
        made.append(Standing(one, trial.value(one.prompt, count), gap, count, left))
    return made
