"""Confidence intervals that keep groups whole, each as one matrix product.

A metric is two functions: the numbers one row adds, and the value of their sum. A resample of groups is then a row of
weights, and all resamples together are ``weights @ sums``. Groups (a concept, a patient, a document) are drawn whole,
because their items are not independent: Field and Welsh (2007), Bootstrapping clustered data.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from residency.core.types import Interval
from residency.measure import scorers
from residency.measure.groups import added, drawn, numbered, telling, whole
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
    weights = resamples(found.drawn, n, seed, len(sums))
    draws = np.concatenate([drawn(metric, sums, owners, some) for some in weights])
    value = whole(metric, sums)
    span = (metric.least, 1.0) if metric.bounded else None
    return Interval(value, *limits(draws, value, found.groups, span, graded=metric.graded))


def resamples(groups: int, n: int, seed: int, width: int) -> Iterator[np.ndarray]:
    """Yield weights ``[resamples, groups]``: how often each group was drawn, which sums to ``groups``.

    ``width`` is how many numbers a resample takes: the groups, or the rows where these are ranked.
    """
    rng = np.random.default_rng(seed)
    for size in chunks(n, width):
        yield rng.multinomial(groups, np.full(groups, 1 / groups), size=size).astype(float)


def chunks(n: int, width: int) -> Iterator[int]:
    """Yield how many of ``n`` resamples are held at once, so that no matrix grows with its width."""
    size = min(CHUNK, max(1, CELLS // width))
    for start in range(0, n, size):
        yield min(size, n - start)
