"""Groups of rows: their sums, and what a metric comes to when groups are drawn, or exchanged between two models.

Most metrics are values of sums, so that a group is its sum. Where a metric is ``ranked``, every row is kept with the
number of its group (``owners``), and counts as often as the group was drawn.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from residency.measure.intervals import Metric


def numbered(groups: Sequence[str]) -> np.ndarray:
    """Return the number of each row's group, ``[rows]``."""
    return np.unique(groups, return_inverse=True)[1]


def summed(stats: Sequence[Sequence[float]], groups: Sequence[Hashable]) -> np.ndarray:
    """Return the rows' numbers summed by group, ``[groups, width]``, in order of first appearance."""
    return added(np.zeros((0, 0)), {}, list(zip(stats, groups, strict=True)))


def added(sums: np.ndarray, index: dict[Hashable, int], rows: Sequence[tuple[Sequence[float], Hashable]]) -> np.ndarray:
    """Return sums ``[at least the groups, width]`` with these rows' numbers added; new groups are put in ``index``."""
    if not rows:
        return sums
    places = [index.setdefault(group, len(index)) for _, group in rows]
    table = np.array([numbers for numbers, _ in rows], dtype=float)
    if len(index) > len(sums):
        more = np.zeros((max(len(index), len(sums) * 5 // 4), table.shape[1]))
        if len(sums):
            more[: len(sums)] = sums
        sums = more
    np.add.at(sums, places, table)
    return sums


def telling(sums: np.ndarray) -> int:
    """Return how many groups have a number other than 0 among their sums ``[groups, width]``."""
    return int(np.any(sums != 0, axis=1).sum()) if sums.size else 0


def whole(metric: Metric, numbers: np.ndarray) -> float:
    """Return the metric of all groups as they are; ``numbers`` are their sums, or the rows where it is ranked."""
    return float(metric.value(numbers if metric.ranked else numbers.sum(axis=0)))


def drawn(metric: Metric, numbers: np.ndarray, owners: np.ndarray | None, weights: np.ndarray) -> np.ndarray:
    """Return the metric ``[draws]`` of groups that were drawn ``weights`` times, ``[draws, groups]``."""
    if metric.ranked is None:
        return metric.value(weights @ numbers)
    return metric.ranked(weights[:, owners], numbers)


def exchanged(
    metric: Metric, first: np.ndarray, second: np.ndarray, owners: np.ndarray | None, flips: np.ndarray
) -> np.ndarray:
    """Return second minus first ``[draws]`` where groups whose ``flips`` are 1, ``[draws, groups]``, changed sides."""
    if metric.ranked is None:
        swapped = flips @ (second - first)
        return metric.value(second.sum(axis=0) - swapped) - metric.value(first.sum(axis=0) + swapped)
    gone = flips[:, owners]
    both, mine = np.concatenate([first, second]), np.concatenate([1 - gone, gone], axis=1)
    return metric.ranked(1 - mine, both) - metric.ranked(mine, both)
