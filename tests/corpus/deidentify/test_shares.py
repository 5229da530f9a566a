"""The limits of a share are exact where nothing is clustered, and hold where much is."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import binomtest

from residency.corpus.deidentify.shares import Drawn, needed, share


def one(count: int) -> Drawn:
    return Drawn([0] * count, [1.0] * count)


def test_without_a_miss_the_lower_limit_is_the_exact_one_of_the_clusters():
    found = share([5] * 59, [5] * 59, one(59))
    assert (found.value, found.high, found.missed, found.n, found.clusters) == (1, 1, 0, 295, 59)
    assert found.bound == pytest.approx(0.05 ** (1 / 59)) == pytest.approx(0.9505, abs=1e-4)
    assert found.low == pytest.approx(binomtest(59, 59).proportion_ci(method="exact").low)


def test_clusters_that_hold_nothing_do_not_count():
    some = share([5] * 59 + [0] * 500, [5] * 59 + [0] * 500, one(559))
    assert some.bound == pytest.approx(0.05 ** (1 / 59)) and some.clusters == 59


def test_clusters_of_one_thing_give_the_limits_of_clopper_and_pearson_but_for_students_t():
    hits = [1] * 9700 + [0] * 300
    found, exact = share(hits, [1] * 10000, one(10000)), binomtest(9700, 10000).proportion_ci(method="exact")
    assert (found.low, found.high) == (pytest.approx(exact.low, abs=2e-5), pytest.approx(exact.high, abs=2e-5))


def test_one_miss_never_gives_a_better_limit_than_none():
    for clusters in (20, 60, 200):
        for size in (1, 3, 30):
            none = share([size] * clusters, [size] * clusters, one(clusters))
            miss = share([size - 1] + [size] * (clusters - 1), [size] * clusters, one(clusters))
            assert miss.bound <= none.bound and miss.low <= none.low and miss.bound < miss.value


def test_misses_in_few_clusters_weigh_more_than_the_same_spread_out():
    spread = share([9] * 30 + [10] * 70, [10] * 100, one(100))
    heaped = share([0] * 3 + [10] * 97, [10] * 100, one(100))
    assert spread.value == heaped.value == 0.97
    assert heaped.bound < spread.bound - 0.01


def test_a_stratum_counts_for_what_it_stands_for():
    drawn = Drawn([0] * 50 + [1] * 50, [1.0] * 50 + [9.0] * 50)
    found = share([1] * 50 + [1] * 45 + [0] * 5, [1] * 100, drawn)
    assert found.value == pytest.approx((50 + 9 * 45) / (50 + 9 * 50))
    whole = share([1] * 100, [1] * 100, drawn)
    kish = 500**2 / (50 + 50 * 81)
    assert whole.bound == pytest.approx(0.05 ** (1 / kish))


def test_where_the_whole_was_looked_at_nothing_is_estimated():
    found = share([3, 2], [3, 3], Drawn([0, 0], [1.0, 1.0], all=True))
    assert found.value == found.low == found.high == found.bound == 5 / 6


def test_nothing_and_nothing_found():
    empty = share([0, 0], [0, 0], one(2))
    assert empty.n == 0 and math.isnan(empty.value) and math.isnan(empty.bound)
    none = share([0] * 30, [2] * 30, one(30))
    assert (none.value, none.low, none.bound) == (0, 0, 0) and 0 < none.high < 0.2


def test_how_many_clusters_a_floor_takes():
    assert [needed(floor) for floor in (0.9, 0.95, 0.98, 0.99)] == [29, 59, 149, 299]
    for floor in (0.9, 0.95, 0.98, 0.99):
        least = needed(floor)
        assert 0.05 ** (1 / least) >= floor > 0.05 ** (1 / (least - 1))


def simulated(clusters: int, recall: float, alike: float, rng: np.random.Generator, rows: int = 300) -> float:
    """Return how often the lower limit lies below the true recall, over made-up samples.

    A cluster holds 8 things on average, and of how many it misses a beta-binomial law decides: ``alike`` is the
    correlation of the things of a cluster.
    """
    held = 0
    for _ in range(rows):
        sizes = rng.geometric(1 / 8, clusters)
        rate = rng.beta((1 - recall) * (1 / alike - 1), recall * (1 / alike - 1), clusters)
        held += share(sizes - rng.binomial(sizes, rate), sizes, one(clusters)).bound < recall
    return held / rows


@pytest.mark.parametrize(("clusters", "recall", "alike"), [(80, 0.97, 0.1), (120, 0.97, 0.3), (200, 0.95, 0.2)])
def test_the_lower_limit_holds_in_95_of_100_samples_whose_misses_gather(clusters, recall, alike):
    assert simulated(clusters, recall, alike, np.random.default_rng(6)) >= 0.93


def test_a_normal_interval_would_not_hold_so_that_the_simulation_can_fail():
    rng, held = np.random.default_rng(6), 0
    for _ in range(300):
        sizes = rng.geometric(1 / 8, 120)
        rate = rng.beta(0.03 * (1 / 0.3 - 1), 0.97 * (1 / 0.3 - 1), 120)
        hits = (sizes - rng.binomial(sizes, rate)).sum()
        value, n = hits / sizes.sum(), sizes.sum()
        held += value - NormalDist().inv_cdf(0.95) * math.sqrt(value * (1 - value) / n) < 0.97
    assert held / 300 < 0.9


@pytest.mark.slow
@pytest.mark.parametrize("alike", [0.02, 0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("recall", [0.95, 0.97, 0.99])
@pytest.mark.parametrize("clusters", [70, 120, 300])
def test_the_lower_limit_holds_over_many_kinds_of_samples(clusters, recall, alike):
    held = simulated(clusters, recall, alike, np.random.default_rng(7), rows=1000)
    assert held >= (0.9 if alike > 0.6 else 0.93)
