"""Limits of an interval where groups are few or alike: against scipy's exact intervals, and coverage by simulation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats

from residency.measure import intervals, limits
from residency.measure.paired import paired

ACCURACY = intervals.mean_of("accuracy")
ROUGE = intervals.mean_of("rouge_l", graded=True)


def rows_of(scores: Any, groups: Any = None) -> list[dict[str, Any]]:
    names = range(len(scores)) if groups is None else groups
    return [
        {"id": f"i{i}", "group": f"g{g}", "score": float(s), "hash": f"h{i}", "tokens": 10}
        for i, (s, g) in enumerate(zip(scores, names, strict=True))
    ]


@pytest.mark.parametrize("groups", (5, 6, 12, 40, 300))
def test_the_tails_are_those_of_students_t_by_scipy(groups: int) -> None:
    t = scipy.stats.t.ppf(0.975, groups - 1)
    assert limits.student(groups - 1) == pytest.approx(t, rel=1e-3)
    expected = scipy.stats.norm.cdf(-math.sqrt(groups / (groups - 1)) * t)
    assert limits.tail(groups) == pytest.approx(expected, rel=0.02)


def test_for_many_groups_the_tails_are_those_of_a_plain_percentile_interval() -> None:
    assert limits.tail(100_000) == pytest.approx(0.025, abs=1e-5)


@pytest.mark.parametrize(("right", "groups"), ((6, 6), (0, 6), (40, 40), (0, 100)))
def test_equal_items_have_the_exact_binomial_interval_of_scipy(right: int, groups: int) -> None:
    found = intervals.bootstrap(rows_of([float(right > 0)] * groups), ACCURACY, n=200)
    exact = scipy.stats.binomtest(right, groups).proportion_ci(0.95, method="exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert found.high > found.low


def test_six_right_answers_of_six_by_hand() -> None:
    found = intervals.bootstrap(rows_of([1.0] * 6), ACCURACY)  # p ** 6 = 0.025 at p = 0.541
    assert found.low == pytest.approx(0.541, abs=0.001) and found.high == 1.0


def test_equal_items_of_few_concepts_count_as_concepts_and_not_as_items() -> None:
    whole = intervals.bootstrap(rows_of([1.0] * 60, [i // 10 for i in range(60)]), ACCURACY)
    assert whole == intervals.bootstrap(rows_of([1.0] * 6), ACCURACY)


def test_equal_graded_scores_have_room_on_both_sides_and_perplexity_says_nothing() -> None:
    rows = rows_of([0.5] * 20)
    found = intervals.bootstrap(rows, ROUGE)
    share = 1 - 0.025 ** (1 / 20)
    assert (found.low, found.high) == pytest.approx((0.5 - share / 2, 0.5 + share / 2))
    flat = intervals.bootstrap(rows, intervals.perplexity())
    assert flat.value == pytest.approx(math.exp(0.5)) and math.isnan(flat.low) and math.isnan(flat.high)


def test_a_model_and_its_exact_copy_may_still_differ_on_items_not_seen() -> None:
    scores = np.random.default_rng(0).integers(0, 2, 100).astype(float)
    same = paired(rows_of(scores), rows_of(scores), ACCURACY, n=200)
    reach = scipy.stats.binomtest(0, 100).proportion_ci(0.95, method="exact").high
    assert (same.difference.low, same.difference.high) == pytest.approx((-reach, reach))
    assert same.groups == 100 and intervals.groups_of(rows_of(scores)) == 100


def test_one_item_of_a_hundred_has_at_least_the_room_of_none() -> None:
    one = intervals.bootstrap(rows_of([1.0] + [0.0] * 99), ACCURACY)
    none = intervals.bootstrap(rows_of([0.0] * 100), ACCURACY)
    assert one.high > none.high > 0.03 and one.low == 0.0


def test_with_eight_groups_the_interval_covers_the_truth_where_the_plain_percentile_one_does_not() -> None:
    rng = np.random.default_rng(21)
    inside, inside_plain, times = 0, 0, 400
    for seed in range(times):
        scores = rng.beta(2, 2, 8)
        found = intervals.bootstrap(rows_of(scores), ROUGE, n=800, seed=seed)
        inside += found.low <= 0.5 <= found.high
        plain = np.quantile(rng.choice(scores, (800, 8)).mean(axis=1), [0.025, 0.975])
        inside_plain += plain[0] <= 0.5 <= plain[1]
    assert inside / times >= 0.92
    assert inside_plain / times < 0.9


def test_fewer_than_six_groups_reach_as_far_as_groups_not_seen() -> None:
    found = intervals.bootstrap(rows_of([0.4, 0.5, 0.6]), ROUGE)
    assert found.low < 0.4 - 0.1 and found.high > 0.6 + 0.1


def test_no_finding_of_a_hundred_texts_leaves_room_for_some() -> None:
    rows = [{"id": str(i), "group": str(i), "counts": {"tp": 0, "fp": 0, "fn": 2}} for i in range(100)]
    found = intervals.bootstrap(rows, intervals.entity_f1(), n=200)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(scipy.stats.binomtest(0, 100).proportion_ci(0.95, method="exact").high)
