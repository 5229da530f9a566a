"""Correlations against scipy: their values, what a drawn group does to ranks, intervals and p-values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from residency.evaluate.ledger import figures
from residency.measure import correlation, intervals
from residency.measure.metrics import metric_for
from residency.measure.paired import paired

NAMES = {"pearson": scipy.stats.pearsonr, "spearman": scipy.stats.spearmanr}


def made(seed: int, n: int = 80, noise: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Return numbers of people in halves, so that many are equal, and those of a model that follows them loosely."""
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, 11, n) / 10
    return gold, np.round(gold + rng.normal(0, noise, n), 2)


def rows_of(gold: np.ndarray, said: np.ndarray, groups: np.ndarray | None = None) -> list[dict[str, Any]]:
    names = np.arange(len(gold)) if groups is None else groups
    return [
        {"id": f"i{i}", "group": f"g{g}", "pair": [float(x), float(y)], "hash": f"h{i}"}
        for i, (x, y, g) in enumerate(zip(gold, said, names, strict=True))
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(4))
def test_the_value_is_that_of_scipy_with_its_many_ties(name: str, seed: int) -> None:
    gold, said = made(seed)
    found = intervals.bootstrap(rows_of(gold, said), metric_for(name, []), n=100)
    assert found.value == pytest.approx(NAMES[name](gold, said).statistic, abs=1e-12)
    assert found.low < found.value < found.high


def test_five_pairs_by_hand() -> None:
    """Ranks 1 2 3 4 5 and 2 1 4 3 5: the squared differences sum to 4, so rho is 1 - 6 * 4 / (5 * 24)."""
    rows = rows_of(np.array([1, 2, 3, 4, 5.0]), np.array([2, 1, 40, 3, 500.0]))
    assert intervals.bootstrap(rows, metric_for("spearman", rows)).value == pytest.approx(0.8)


def test_a_row_that_counts_twice_is_a_row_that_stands_there_twice() -> None:
    gold, said = made(7, 30)
    weights = np.random.default_rng(1).integers(0, 4, (5, 30))
    found = correlation.spearman(weights.astype(float), np.stack([gold, said], axis=-1))
    expected = [scipy.stats.spearmanr(np.repeat(gold, w), np.repeat(said, w)).statistic for w in weights]
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_known_is_not_scored_and_never_zero(name: str) -> None:
    line = np.array([0.1, 0.2, 0.3, 0.4])
    for gold, said in ((line[:2], line[:2]), (line, np.full(4, 0.37)), (np.full(4, 0.1), line), (line[:0], line[:0])):
        found = figures(rows_of(gold, said), metric_for(name, []))
        assert found["value"] is found["low"] is found["high"] is None, (gold, said)
        assert found["n"] == len(gold)
    assert figures([{"group": "g", "pair": None}, {"group": "h"}], metric_for(name, []))["not_scored"] == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_order_of_few_items_leaves_room_below_and_none_above(name: str) -> None:
    found = figures(rows_of(np.arange(5.0), np.arange(5.0)), metric_for(name, []))
    assert found["value"] == pytest.approx(1) and found["high"] == pytest.approx(1) and -1 <= found["low"] < 0.9


@pytest.mark.parametrize("name", NAMES)
def test_with_one_item_a_group_the_interval_is_that_of_scipys_bootstrap(name: str) -> None:
    gold, said = made(3, 150)
    ours = intervals.bootstrap(rows_of(gold, said), metric_for(name, []), n=4000)
    theirs = scipy.stats.bootstrap(
        (gold, said), lambda x, y: NAMES[name](x, y).statistic, paired=True, vectorized=False, n_resamples=1000,
        method="percentile", rng=1,
    ).confidence_interval  # fmt: skip
    assert ours.low == pytest.approx(theirs.low, abs=0.03)
    assert ours.high == pytest.approx(theirs.high, abs=0.03)


@pytest.mark.parametrize("name", NAMES)
def test_items_that_stand_five_times_in_their_group_tell_no_more_than_once(name: str) -> None:
    gold, said = made(5, 40)
    once = figures(rows_of(gold, said), metric_for(name, []))
    rows = rows_of(np.repeat(gold, 5), np.repeat(said, 5), np.repeat(np.arange(40), 5))
    often = figures(rows, metric_for(name, []))
    assert (often["n"], often["groups"]) == (200, 40) and once["groups"] == 40
    assert [often[key] for key in ("value", "low", "high")] == pytest.approx(
        [once[key] for key in ("value", "low", "high")]
    )
    alone = figures(rows_of(np.repeat(gold, 5), np.repeat(said, 5)), metric_for(name, []))
    assert alone["high"] - alone["low"] < 0.6 * (often["high"] - often["low"])


@pytest.mark.parametrize("name", NAMES)
def test_the_paired_p_is_that_of_scipys_permutation_test(name: str) -> None:
    gold, first = made(11, 40, noise=0.45)
    second = gold + np.random.default_rng(2).normal(0, 0.3, 40)
    ours = paired(rows_of(gold, first), rows_of(gold, second), metric_for(name, []), n=4000)
    theirs = scipy.stats.permutation_test(
        (second, first), lambda b, a: NAMES[name](gold, b).statistic - NAMES[name](gold, a).statistic,
        permutation_type="samples", vectorized=False, n_resamples=1500, rng=2,
    )  # fmt: skip
    assert ours.difference.value == pytest.approx(theirs.statistic, abs=1e-12)
    assert ours.difference.low < ours.difference.value < ours.difference.high
    assert ours.p == pytest.approx(theirs.pvalue, abs=0.04) and 0.001 < ours.p < 0.9
    assert (ours.n, ours.groups, ours.not_scored) == (40, 40, 0)


@pytest.mark.parametrize("name", NAMES)
def test_groups_are_exchanged_whole(name: str) -> None:
    gold, first = made(13, 24)
    _, second = made(14, 24)
    once = paired(rows_of(gold, first), rows_of(gold, second), metric_for(name, []), n=500)
    sides = [
        rows_of(np.repeat(gold, 3), np.repeat(side, 3), np.repeat(np.arange(24), 3)) for side in (first, second)
    ]  # fmt: skip
    often = paired(*sides, metric_for(name, []), n=500)
    assert often.groups == 24 and often.n == 72
    assert often.difference.low == pytest.approx(once.difference.low)
    assert often.p == pytest.approx(once.p, abs=0.005)


def test_how_many_draws_are_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gold, said = made(9, 60)
    rows, metric = rows_of(gold, said, np.arange(60) // 3), metric_for("spearman", [])
    other = rows_of(gold, np.roll(said, 1), np.arange(60) // 3)
    whole = intervals.bootstrap(rows, metric, n=300), paired(rows, other, metric, n=300)
    monkeypatch.setattr(intervals, "CELLS", 60 * 7)
    monkeypatch.setattr(intervals, "CHUNK", 50)
    few = intervals.bootstrap(rows, metric, n=300), paired(rows, other, metric, n=300)
    assert (whole[0].low, whole[0].high, whole[1].p) == pytest.approx((few[0].low, few[0].high, few[1].p))
