"""What one model has over another: the difference on the same items, with its interval and a p-value.

Both come from whole groups: drawn again for the interval, exchanged between the two models for the p.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from residency.core.errors import UserError
from residency.core.types import Interval
from residency.measure.groups import drawn, exchanged, numbered, summed, telling, whole
from residency.measure.intervals import Metric, Row, chunks, resamples
from residency.measure.limits import limits


@dataclass(frozen=True, slots=True)
class Paired:
    """Two values on the same items, their difference b - a with its 95% interval, and a two-sided p, never 0.

    ``n`` counts the items that both have scored, ``groups`` the groups that these make.
    """

    first: float
    second: float
    difference: Interval
    p: float
    n: int
    not_scored: int
    groups: int


def paired(rows_a: Sequence[Row], rows_b: Sequence[Row], metric: Metric, *, n: int = 10_000, seed: int = 0) -> Paired:
    """Return metric(b) - metric(a) over the items that both have scored, with interval and p-value.

    The interval is a paired percentile bootstrap over groups (Koehn 2004, Statistical significance tests for machine
    translation evaluation). p comes from approximate randomisation: the two models' results are exchanged by whole
    groups (Yeh 2000, More accurate tests for the statistical significance of result differences), and is
    (hits + 1) / (n + 1) (Phipson and Smyth 2010, Permutation p-values should never be zero).

    Raises UserError, naming ids, where the two do not hold the same items with the same hash.
    """
    _check_same_items(rows_a, rows_b)
    by_id = {row["id"]: row for row in rows_b}
    pairs = [(metric.stats(row), metric.stats(by_id[row["id"]]), row["group"]) for row in rows_a]
    both = [(a, b, group) for a, b, group in pairs if a is not None and b is not None]
    if not both:
        nan = float("nan")
        return Paired(nan, nan, Interval(nan, nan, nan), nan, 0, len(pairs), 0)
    groups = [group for _, _, group in both]
    owners, count = numbered(groups) if metric.ranked else None, len(set(groups))
    keys: Sequence[Hashable] = range(len(groups)) if metric.ranked else groups
    first, second = summed([a for a, _, _ in both], keys), summed([b for _, b, _ in both], keys)
    value_a, value_b = whole(metric, first), whole(metric, second)
    weights = resamples(count, n, seed, len(first))
    draws = np.concatenate([drawn(metric, second, owners, w) - drawn(metric, first, owners, w) for w in weights])
    gap, span = value_b - value_a, (metric.least - 1.0, 1.0 - metric.least) if metric.bounded else None
    told = count if metric.ranked else telling(np.abs(first) + np.abs(second))
    difference = Interval(gap, *limits(draws, gap, told, span, graded=metric.graded))
    exchange = partial(exchanged, metric, first, second, owners)
    p = _exchange_p(exchange, gap, count, len(first), n=n, seed=seed)
    return Paired(value_a, value_b, difference, p, len(both), len(pairs) - len(both), told)


def _exchange_p(
    exchange: Callable[[np.ndarray], np.ndarray], difference: float, groups: int, width: int, *, n: int, seed: int
) -> float:
    """Return the two-sided share of group-wise exchanges with at least this difference, the observed one included."""
    if np.isnan(difference):
        return float("nan")
    rng, hits = np.random.default_rng(seed + 1), 0
    for size in chunks(n, width):
        values = exchange(rng.integers(0, 2, (size, groups)).astype(float))
        hits += int(np.sum(~(np.abs(values) < abs(difference) - 1e-12)))
    return (hits + 1) / (n + 1)


def _check_same_items(rows_a: Sequence[Row], rows_b: Sequence[Row]) -> None:
    """Raise UserError unless both hold the same ids, once each, with the same hash."""
    hashes_a, hashes_b = ({row["id"]: row["hash"] for row in rows} for rows in (rows_a, rows_b))
    for rows, hashes in ((rows_a, hashes_a), (rows_b, hashes_b)):
        if len(rows) != len(hashes):
            raise UserError(f"{len(rows) - len(hashes)} repeated item ids: a paired test needs each item once")
    if alone := sorted(hashes_a.keys() ^ hashes_b.keys()):
        raise UserError(f"{_named(alone)} were answered by one of the two models only; evaluate both on the same items")
    if changed := sorted(key for key, value in hashes_a.items() if value != hashes_b[key]):
        raise UserError(
            f"{_named(changed)} changed between the two models (other prompt or answer); evaluate both anew"
        )


def _named(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return f"{len(ids)} items ({', '.join(ids[:5])}{more})"


def unpaired(first: Interval, second: Interval) -> Interval:
    """Return second minus first where the two were measured on different items, from their own intervals.

    Each limit by square and add (Newcombe 1998, method 10; for any pair of intervals Zou and Donner 2008).
    """
    difference = second.value - first.value
    low = difference - math.hypot(second.value - second.low, first.high - first.value)
    high = difference + math.hypot(second.high - second.value, first.value - first.low)
    return Interval(difference, low, high)


def holm(ps: Sequence[float]) -> list[float]:
    """Return the p-values adjusted by Holm's step-down method (Holm 1979), in the order given; nan stays nan.

    A nan was not tested: it does not count among the tests.
    """
    values = np.array(ps, dtype=float)
    adjusted = np.full(len(values), np.nan)
    order = [int(i) for i in np.argsort(values) if not np.isnan(values[i])]
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * values[i]))
        adjusted[i] = running
    return [float(p) for p in adjusted]
