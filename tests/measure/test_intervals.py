"""Intervals and tests: coverage by simulation, agreement with scipy, and hand-worked corrections."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import f1_score

from residency.core.errors import UserError
from residency.core.types import Interval
from residency.measure import intervals
from residency.measure.paired import holm, paired, unpaired


def rows_of(scores: np.ndarray, groups: np.ndarray | None = None) -> list[dict[str, Any]]:
    names = range(len(scores)) if groups is None else groups
    return [
        {"id": f"i{i}", "group": f"g{g}", "score": float(s), "hash": f"h{i}"}
        for i, (s, g) in enumerate(zip(scores, names, strict=True))
    ]


def clustered(rng: np.random.Generator, groups: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return 0/1 scores with mean 0.5 whose chance of being right is shared within a group, and the group of each."""
    sizes = rng.integers(1, 7, groups)
    chance = np.repeat(rng.beta(0.7, 0.7, groups), sizes)
    return (rng.random(len(chance)) < chance).astype(float), np.repeat(np.arange(groups), sizes)


ACCURACY = intervals.mean_of("accuracy")


def test_the_clustered_interval_covers_the_truth_about_95_times_in_100_and_the_item_level_one_does_not() -> None:
    rng = np.random.default_rng(11)
    inside, inside_naive, times = 0, 0, 300
    for seed in range(times):
        scores, groups = clustered(rng)
        whole = intervals.bootstrap(rows_of(scores, groups), ACCURACY, n=400, seed=seed)
        naive = intervals.bootstrap(rows_of(scores), ACCURACY, n=400, seed=seed)
        inside += whole.low <= 0.5 <= whole.high
        inside_naive += naive.low <= 0.5 <= naive.high
    assert 0.91 <= inside / times <= 0.98
    assert inside_naive / times < 0.88


def test_the_paired_p_is_below_5_in_100_about_5_times_in_100_when_nothing_differs() -> None:
    rng = np.random.default_rng(3)
    ps = []
    for seed in range(200):
        chance, groups = clustered(rng, groups=40)
        first, second = ((rng.random(len(chance)) < 0.25 + chance / 2).astype(float) for _ in range(2))
        ps.append(paired(rows_of(first, groups), rows_of(second, groups), ACCURACY, n=400, seed=seed).p)
    assert np.mean(np.array(ps) < 0.05) <= 0.1
    assert 0.4 < np.mean(ps) < 0.65


def test_with_one_item_a_group_the_interval_is_that_of_scipy() -> None:
    scores = np.random.default_rng(0).normal(size=150)
    ours = intervals.bootstrap(rows_of(scores), ACCURACY, n=20_000)
    theirs = scipy.stats.bootstrap((scores,), np.mean, n_resamples=20_000, method="percentile", rng=1)
    assert ours.value == pytest.approx(scores.mean())
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.006)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.006)


def test_with_one_item_a_group_the_paired_p_is_that_of_scipys_permutation_test() -> None:
    rng = np.random.default_rng(5)
    first = rng.normal(size=40)
    second = first + rng.normal(0.25, 1.0, size=40)
    ours = paired(rows_of(first), rows_of(second), ACCURACY, n=20_000)
    theirs = scipy.stats.permutation_test(
        (second, first), lambda b, a: np.mean(b - a), permutation_type="samples", n_resamples=20_000, rng=2
    )
    assert ours.p == pytest.approx(theirs.pvalue, abs=0.012)
    assert ours.difference.value == pytest.approx(np.mean(second - first))


def test_p_is_never_zero_however_large_the_difference() -> None:
    result = paired(rows_of(np.zeros(200)), rows_of(np.ones(200)), ACCURACY, n=1000)
    assert result.p == pytest.approx(1 / 1001)
    assert result.difference.high == 1.0
    assert result.difference.low == pytest.approx(2 * scipy.stats.beta.ppf(0.025, 200, 1) - 1)  # not 1: 200 is not all


def test_equal_models_have_a_p_of_one() -> None:
    scores = np.array([0.0, 1.0, 1.0, 0.0])
    assert paired(rows_of(scores), rows_of(scores), ACCURACY, n=200).p == 1.0


def test_macro_f1_as_a_sum_equals_scikit_learn_and_its_interval_holds_it() -> None:
    rng = np.random.default_rng(1)
    labels = rng.choice(["entails", "contradicts", "neutral"], 120)
    guesses = np.where(rng.random(120) < 0.5, labels, "neutral")
    rows = [
        {"id": str(i), "group": str(i // 2), "score": float(g == w), "prediction": str(g), "wanted": [str(w)]}
        for i, (g, w) in enumerate(zip(guesses, labels, strict=True))
    ]
    metric = intervals.macro_f1(["contradicts", "entails", "neutral"])
    found = intervals.bootstrap(rows, metric)
    assert found.value == pytest.approx(f1_score(labels, guesses, average="macro"))
    assert found.low < found.value < found.high


def test_an_answer_that_could_not_be_read_is_a_miss_and_not_left_out() -> None:
    rows = [
        {"id": "1", "group": "1", "score": 1.0, "prediction": "yes", "wanted": ["yes"]},
        {"id": "2", "group": "2", "score": 0.0, "prediction": None, "wanted": ["yes"]},
    ]
    assert intervals.bootstrap(rows, intervals.macro_f1(["yes"])).value == pytest.approx(2 / 3)


def test_entity_f1_sums_counts_before_it_divides() -> None:
    rows = [
        {"id": "1", "group": "a", "counts": {"tp": 2, "fp": 1, "fn": 0}},
        {"id": "2", "group": "b", "counts": {"tp": 0, "fp": 0, "fn": 2}},
    ]
    assert intervals.bootstrap(rows, intervals.entity_f1()).value == pytest.approx(4 / 7)


def test_perplexity_weighs_items_by_their_tokens() -> None:
    rows = [
        {"id": "1", "group": "1", "score": 2.0, "tokens": 30},
        {"id": "2", "group": "2", "score": 5.0, "tokens": 10},
    ]
    assert intervals.bootstrap(rows, intervals.perplexity()).value == pytest.approx(np.exp((60 + 50) / 40))


def test_rows_that_are_not_scored_are_left_out_and_counted() -> None:
    rows = [*rows_of(np.array([1.0, 0.0])), {"id": "x", "group": "x", "score": None, "hash": "x"}]
    rows.append({"id": "y", "group": "y", "score": float("nan"), "hash": "y"})
    assert intervals.scored(rows, ACCURACY)[1] == 2
    assert intervals.bootstrap(rows, ACCURACY).value == 0.5
    assert paired(rows, rows, ACCURACY, n=50).not_scored == 2


def test_nothing_scored_is_nan_and_one_group_gives_no_limits() -> None:
    assert np.isnan(intervals.bootstrap([], ACCURACY).value)
    single = intervals.bootstrap(rows_of(np.array([1.0, 0.0]), np.array([7, 7])), ACCURACY)
    assert single.value == 0.5
    assert np.isnan(single.low) and np.isnan(single.high)


def test_items_that_only_one_model_answered_are_named() -> None:
    rows = rows_of(np.zeros(4))
    with pytest.raises(UserError, match=r"1 items \(i3\) were answered by one"):
        paired(rows, rows[:3], ACCURACY)


def test_items_that_changed_between_the_models_are_named() -> None:
    rows = rows_of(np.zeros(3))
    other = [row | {"hash": "other"} if row["id"] == "i1" else row for row in rows]
    with pytest.raises(UserError, match=r"1 items \(i1\) changed"):
        paired(rows, other, ACCURACY)


def test_repeated_items_are_refused() -> None:
    rows = rows_of(np.zeros(3))
    with pytest.raises(UserError, match="1 repeated item ids"):
        paired([*rows, rows[0]], rows, ACCURACY)


def test_the_order_of_rows_does_not_matter_to_a_pairing() -> None:
    scores = np.random.default_rng(2).integers(0, 2, 30).astype(float)
    straight = paired(rows_of(np.zeros(30)), rows_of(scores), ACCURACY, n=200)
    assert straight == paired(rows_of(np.zeros(30)), rows_of(scores)[::-1], ACCURACY, n=200)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    rows = rows_of(np.random.default_rng(9).normal(size=50))
    assert intervals.bootstrap(rows, ACCURACY, seed=1) == intervals.bootstrap(rows, ACCURACY, seed=1)
    assert intervals.bootstrap(rows, ACCURACY, seed=1) != intervals.bootstrap(rows, ACCURACY, seed=2)


def test_holm_matches_the_worked_example_of_rs_p_adjust() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_an_untested_family_out_and_never_exceeds_one() -> None:
    adjusted = holm([0.6, float("nan"), 0.7])
    assert adjusted[0] == adjusted[2] == 1.0
    assert np.isnan(adjusted[1])
    assert holm([]) == []


def test_ten_thousand_resamples_of_300_items_take_well_under_five_seconds() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.integers(0, 2, (2, 300)).astype(float)
    started = time.perf_counter()
    paired(rows_of(first), rows_of(second), ACCURACY)
    assert time.perf_counter() - started < 5


def test_how_many_resamples_are_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.random.default_rng(5).integers(0, 2, (2, 90)).astype(float)
    first, second = (rows_of(part, np.arange(90) // 2) for part in scores)
    whole = intervals.bootstrap(first, ACCURACY), paired(first, second, ACCURACY, n=700)
    monkeypatch.setattr(intervals, "CELLS", 45 * 7)
    few = intervals.bootstrap(first, ACCURACY), paired(first, second, ACCURACY, n=700)
    assert list(intervals.chunks(20, 45)) == [7, 7, 6] and list(intervals.chunks(2, 10**9)) == [1, 1]
    for a, b in zip((whole[0], whole[1].difference), (few[0], few[1].difference), strict=True):
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-12)
    assert whole[1].p == few[1].p


def test_rows_are_summed_by_group_as_they_come_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intervals, "CHUNK", 4)
    scores = [1.0, 0.0, None, 1.0, 1.0, float("nan"), 0.0, 1.0, 1.0, 0.5, 1.0]
    groups = [f"g{i // 2}" for i in range(len(scores))]
    rows = ({"group": g, "score": s} for g, s in zip(groups, scores, strict=True))
    found = intervals.tally(rows, ACCURACY)
    assert (found.n, found.not_scored) == (9, 2)
    assert found.sums.tolist() == [[1, 2], [1, 1], [1, 1], [1, 2], [1.5, 2], [1, 1]]
    assert next(rows, None) is None
    nothing = intervals.tally([{"group": "g", "score": None}], ACCURACY)
    assert nothing.n == 0 and len(nothing.sums) == 0 and np.isnan(intervals.interval(nothing, ACCURACY).value)


def intervals_of(right: int, of: int) -> Interval:
    """Return a proportion with Wilson's limits."""
    found = scipy.stats.binomtest(right, of).proportion_ci(method="wilson")
    return Interval(right / of, found.low, found.high)


def test_a_difference_of_values_on_different_items_is_the_published_one() -> None:
    """Newcombe 1998, Table II, (a): 56 of 70 against 48 of 80, Wilson's limits: 0.2000 [0.0524, 0.3339]."""
    first = intervals_of(48, 80)
    second = intervals_of(56, 70)
    found = unpaired(first, second)
    assert [round(v, 4) for v in (found.value, found.low, found.high)] == [0.2, 0.0524, 0.3339]
    turned = unpaired(second, first)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))


def test_groups_that_say_nothing_do_not_narrow_the_interval():
    metric = intervals.Metric("share", lambda row: row["parts"], intervals.ratio)
    silent = [{"id": f"e{n}", "group": f"e{n}", "hash": f"e{n}", "parts": [0.0, 0.0]} for n in range(98)]
    telling = [{"id": f"t{n}", "group": f"t{n}", "hash": f"t{n}", "parts": [0.0, 1.0]} for n in range(2)]
    found, counted = intervals.bootstrap([*silent, *telling], metric), intervals.tally([*silent, *telling], metric)
    alone = intervals.bootstrap(telling, metric)
    assert found.value == 0.0 and found.high == pytest.approx(alone.high) and found.high > 0.8
    assert (counted.n, counted.drawn, counted.groups) == (100, 100, 2)
    both = paired([*silent, *telling], [*silent, *telling], metric)
    assert both.groups == 2 and both.difference.high > 0.8
