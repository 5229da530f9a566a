"""How well judges agree beyond chance: Cohen's and Fleiss's kappa and Krippendorff's alpha, with intervals.

Ratings are one row an item and one column a rater; nan is "not rated". Intervals are bootstraps over groups of items,
as everywhere else here: items of one question are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from residency.core.types import Interval

Ratings = np.ndarray


def cohen_kappa(a: Sequence[float], b: Sequence[float], *, weights: str = "none", scale: Sequence[float] = ()) -> float:
    """Return Cohen's kappa of two raters over the items that both rated; nan where chance agreement is total.

    Cohen (1960); ``weights`` "linear" or "quadratic" for ordered ratings (Cohen 1968), by the distance of the ratings'
    places in ``scale``, or among all that occur. Equals scikit-learn's ``cohen_kappa_score``.
    """
    first, second = np.asarray(a, float), np.asarray(b, float)
    both = ~np.isnan(first) & ~np.isnan(second)
    first, second = first[both], second[both]
    if not len(first):
        return float("nan")
    values = np.unique(np.concatenate([first, second, np.asarray(scale, float)]))
    return _kappa(np.searchsorted(values, first), np.searchsorted(values, second), len(values), weights)


def _kappa(a: np.ndarray, b: np.ndarray, size: int, weights: str) -> float:
    table = np.zeros((size, size))
    np.add.at(table, (a, b), 1.0)
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(float)
    cost = {"none": (apart > 0).astype(float), "linear": apart, "quadratic": apart**2}[weights]
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    chance = float((cost * expected).sum())
    return 1.0 - float((cost * table).sum()) / chance if chance > 0 else float("nan")


def fleiss_kappa(ratings: Ratings) -> float:
    """Return Fleiss's kappa of any number of raters (Fleiss 1971); items with fewer than two ratings are left out.

    Items may have different numbers of ratings: agreement is averaged over items, as is usual then.
    """
    counts = _counts(ratings)
    n = counts.sum(1)
    counts, n = counts[n >= 2], n[n >= 2]
    if not len(counts):
        return float("nan")
    agreement = float((((counts**2).sum(1) - n) / (n * (n - 1))).mean())
    chance = float(((counts.sum(0) / counts.sum()) ** 2).sum())
    return (agreement - chance) / (1 - chance) if chance < 1 else float("nan")


def krippendorff_alpha(ratings: Ratings, *, level: str = "nominal") -> float:
    """Return Krippendorff's alpha for ratings with gaps; ``level`` "nominal", "ordinal" or "interval".

    Krippendorff (2011), Computing Krippendorff's alpha-reliability: the coincidence matrix of pairable ratings.
    """
    values = np.unique(ratings[~np.isnan(ratings)])
    counts = _counts(ratings)
    n = counts.sum(1)
    counts, n = counts[n >= 2], n[n >= 2]
    if not len(counts):
        return float("nan")
    share = counts / (n - 1)[:, None]
    coincidences = share.T @ counts - np.diag(share.sum(0))
    totals = coincidences.sum(0)
    apart = _distances(values, totals, level)
    expected = np.outer(totals, totals) - np.diag(totals)
    chance = float((apart * expected).sum()) / (totals.sum() - 1)
    return 1.0 - float((apart * coincidences).sum()) / chance if chance > 0 else float("nan")


def _distances(values: np.ndarray, totals: np.ndarray, level: str) -> np.ndarray:
    size = len(values)
    if level == "nominal":
        return 1.0 - np.eye(size)
    if level == "interval":
        return np.subtract.outer(values, values) ** 2
    between = np.zeros((size, size))
    for low in range(size):
        for high in range(low + 1, size):
            inside = totals[low : high + 1].sum() - (totals[low] + totals[high]) / 2
            between[low, high] = between[high, low] = inside**2
    return between


def _counts(ratings: Ratings) -> np.ndarray:
    """Return how many raters gave each value to each item, ``[items, values]``."""
    values = np.unique(ratings[~np.isnan(ratings)])
    return (ratings[:, :, None] == values[None, None, :]).sum(1).astype(float)


def with_interval(
    measure: Callable[[Ratings], float], ratings: Ratings, groups: Sequence[str], *, n: int = 2000, seed: int = 0
) -> Interval:
    """Return a measure of agreement with its 95% percentile bootstrap interval, whole groups of items drawn.

    The limits are nan where there are fewer than two groups.
    """
    names = {g: i for i, g in enumerate(dict.fromkeys(groups))}
    place = np.array([names[g] for g in groups])
    members = [np.flatnonzero(place == i) for i in range(len(names))]
    value = measure(ratings)
    if len(members) < 2:
        return Interval(value, float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    draws = []
    for _ in range(n):
        chosen = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        draws.append(measure(ratings[chosen]))
    known = np.array([d for d in draws if not np.isnan(d)])
    if not len(known):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [0.025, 0.975])
    return Interval(value, float(low), float(high))
