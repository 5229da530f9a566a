"""Confidence intervals and paired tests that keep groups whole, each as one matrix product.

A metric is two functions: the numbers one row adds, and the value of their sum. A resample of groups is then a row of
weights, and all resamples together are ``weights @ sums``. Groups (a concept, a patient, a document) are drawn whole,
because their items are not independent: Field and Welsh (2007), Bootstrapping clustered data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from residency.core.errors import UserError
from residency.core.types import Interval
from residency.measure import scorers
from residency.measure.groups import added, drawn, exchanged, numbered, summed, telling, whole
from residency.measure.limits import limits

Row = Mapping[str, Any]
CHUNK = 500
"""Resamples, and rows, held in memory at once."""
CELLS = 500_000
"""The largest matrix of resamples, in numbers; beyond 1,000 groups fewer resamples are held at once."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A named metric: what one row adds, ``[width]`` (None: not scored), and the value of sums ``[..., width]``.

    ``bounded`` says that values lie from ``least`` to 1, ``graded`` that an item is scored by degrees, not as right or
    wrong. Where the value is no function of sums, ``ranked`` is that of rows ``[rows, width]`` that count ``weights``
    times, ``[..., rows]``, and ``value`` that of the rows as they are.
    """

    name: str
    stats: Callable[[Row], Sequence[float] | None]
    value: Callable[[np.ndarray], np.ndarray]
    higher_is_better: bool = True
    bounded: bool = True
    graded: bool = False
    least: float = 0.0
    ranked: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """What an interval rests on: sums by group, ``[groups, width]``, and how many rows were scored and were not.

    Of a metric that is ranked, ``sums`` holds every row, and ``owners`` the number of its group.
    """

    sums: np.ndarray
    n: int
    not_scored: int
    owners: np.ndarray | None = None

    @property
    def drawn(self) -> int:
        """Return how many groups were scored, which are drawn again and again."""
        return len(self.sums if self.owners is None else np.unique(self.owners))

    @property
    def groups(self) -> int:
        """Return how many groups say something: not those whose numbers are all 0, as without a finding to deny."""
        return self.drawn if self.owners is not None else telling(self.sums)


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


def mean_of(name: str, field: str = "score", *, graded: bool = False) -> Metric:
    """Return the mean of one field over rows (accuracy; ROUGE-L and BERTScore, which are ``graded``)."""

    def stats(row: Row) -> Sequence[float] | None:
        value = row.get(field)
        return None if value is None or np.isnan(value) else (float(value), 1.0)

    return Metric(name, stats, ratio, graded=graded)


def macro_f1(classes: Sequence[str]) -> Metric:
    """Return macro F1 of ``prediction`` against the first of ``wanted``, over these classes.

    A scored row without a prediction, or with one outside the classes, is a miss of its wanted class.
    """

    def stats(row: Row) -> Sequence[float] | None:
        if row.get("score") is None:
            return None
        guess, label = row.get("prediction"), row["wanted"][0]
        rows = [(guess == c == label, guess == c != label, label == c != guess) for c in classes]
        return [float(flag) for flags in rows for flag in flags]

    def value(sums: np.ndarray) -> np.ndarray:
        return scorers.macro_f1_from_counts(sums.reshape(*sums.shape[:-1], len(classes), 3))

    return Metric("macro_f1", stats, value)


def entity_f1() -> Metric:
    """Return micro F1 over the rows' ``counts`` of true positives, false positives and false negatives."""

    def stats(row: Row) -> Sequence[float] | None:
        counts = row.get("counts")
        return None if counts is None else (counts["tp"], counts["fp"], counts["fn"])

    return Metric("entity_f1", stats, scorers.f1_from_counts, graded=True)


def perplexity() -> Metric:
    """Return exp of the token-weighted mean of ``score``, an item's mean negative log-likelihood in nats a token."""

    def stats(row: Row) -> Sequence[float] | None:
        score, tokens = row.get("score"), row.get("tokens")
        return None if score is None or np.isnan(score) or not tokens else (float(score) * tokens, float(tokens))

    def value(sums: np.ndarray) -> np.ndarray:
        return np.exp(ratio(sums))

    return Metric("perplexity", stats, value, higher_is_better=False, bounded=False, graded=True)


def ratio(sums: np.ndarray) -> np.ndarray:
    """Return the first of two sums over the second, of sums ``[..., 2]``; nan where the second is 0."""
    weight = sums[..., 1]
    return np.where(weight > 0, sums[..., 0] / np.where(weight > 0, weight, 1), np.nan)


def scored(rows: Sequence[Row], metric: Metric) -> tuple[list[Row], int]:
    """Return the rows that this metric can score, and how many it cannot."""
    kept = [row for row in rows if metric.stats(row) is not None]
    return kept, len(rows) - len(kept)


def detectable(found: Interval) -> float:
    """Return the least difference between two models on such items that is found four times in five, at 5% error.

    From the interval's width, for models that answer independently (Cohen 1988, Statistical power analysis, chapter 2);
    two models that mostly answer alike are told apart sooner. nan where there is no interval.
    """
    error = (found.high - found.low) / (2 * 1.959964)
    return (1.959964 + 0.841621) * math.sqrt(2) * error


def groups_of(rows: Sequence[Row]) -> int:
    """Return how many groups the rows belong to: what an interval over groups rests on."""
    return len({row["group"] for row in rows})


def tally(rows: Iterable[Row], metric: Metric) -> Tally:
    """Return a metric's sums over rows, which are gone through once: in memory stay a group's name and its sums.

    Rows that are ranked stay themselves.
    """
    index: dict[Hashable, int] = {}
    owners: list[str] = []
    sums, n, not_scored, rest = np.zeros((0, 0)), 0, 0, iter(rows)
    while part := list(islice(rest, CHUNK)):
        kept = [(found, row["group"]) for row in part if (found := metric.stats(row)) is not None]
        if metric.ranked:
            owners += [group for _, group in kept]
            kept = [(found, n + i) for i, (found, _) in enumerate(kept)]
        n, not_scored = n + len(kept), not_scored + len(part) - len(kept)
        sums = added(sums, index, kept)
    return Tally(sums[: len(index)], n, not_scored, numbered(owners) if metric.ranked else None)


def bootstrap(rows: Iterable[Row], metric: Metric, *, n: int = 2000, seed: int = 0) -> Interval:
    """Return the metric over the scored rows with its interval, as ``interval`` does."""
    return interval(tally(rows, metric), metric, n=n, seed=seed)


def interval(found: Tally, metric: Metric, *, n: int = 2000, seed: int = 0) -> Interval:
    """Return the metric's value with its 95% percentile bootstrap interval, clustered by group.

    Efron and Tibshirani (1993), An introduction to the bootstrap, chapter 13; whole groups are drawn with replacement,
    and ``limits`` keeps few or equal groups honest. All nan where nothing is scored; the limits are nan where there is
    only one group, which tells nothing of the spread between groups.
    """
    if not found.n:
        return Interval(float("nan"), float("nan"), float("nan"))
    sums, owners = found.sums, found.owners
    weights = _resamples(found.drawn, n, seed, len(sums))
    draws = np.concatenate([drawn(metric, sums, owners, some) for some in weights])
    value = whole(metric, sums)
    span = (metric.least, 1.0) if metric.bounded else None
    return Interval(value, *limits(draws, value, found.groups, span, graded=metric.graded))


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
    weights = _resamples(count, n, seed, len(first))
    draws = np.concatenate([drawn(metric, second, owners, w) - drawn(metric, first, owners, w) for w in weights])
    gap, span = value_b - value_a, (metric.least - 1.0, 1.0 - metric.least) if metric.bounded else None
    told = count if metric.ranked else telling(np.abs(first) + np.abs(second))
    difference = Interval(gap, *limits(draws, gap, told, span, graded=metric.graded))
    exchange = partial(exchanged, metric, first, second, owners)
    p = _exchange_p(exchange, gap, count, len(first), n=n, seed=seed)
    return Paired(value_a, value_b, difference, p, len(both), len(pairs) - len(both), told)


def unpaired(first: Interval, second: Interval) -> Interval:
    """Return second minus first where the two were measured on different items, from their own intervals.

    Each limit by square and add (Newcombe 1998, method 10; for any pair of intervals Zou and Donner 2008).
    """
    difference = second.value - first.value
    low = difference - math.hypot(second.value - second.low, first.high - first.value)
    high = difference + math.hypot(second.high - second.value, first.value - first.low)
    return Interval(difference, low, high)


def _exchange_p(
    exchange: Callable[[np.ndarray], np.ndarray], difference: float, groups: int, width: int, *, n: int, seed: int
) -> float:
    """Return the two-sided share of group-wise exchanges with at least this difference, the observed one included."""
    if np.isnan(difference):
        return float("nan")
    rng, hits = np.random.default_rng(seed + 1), 0
    for size in _chunks(n, width):
        values = exchange(rng.integers(0, 2, (size, groups)).astype(float))
        hits += int(np.sum(~(np.abs(values) < abs(difference) - 1e-12)))
    return (hits + 1) / (n + 1)


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


def _resamples(groups: int, n: int, seed: int, width: int) -> Iterator[np.ndarray]:
    """Yield weights ``[resamples, groups]``: how often each group was drawn, which sums to ``groups``.

    ``width`` is how many numbers a resample takes: the groups, or the rows where these are ranked.
    """
    rng = np.random.default_rng(seed)
    for size in _chunks(n, width):
        yield rng.multinomial(groups, np.full(groups, 1 / groups), size=size).astype(float)


def _chunks(n: int, width: int) -> Iterator[int]:
    """Yield how many of ``n`` resamples are held at once, so that no matrix grows with its width."""
    size = min(CHUNK, max(1, CELLS // width))
    for start in range(0, n, size):
        yield min(size, n - start)


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
