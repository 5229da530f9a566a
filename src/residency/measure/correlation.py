"""How numbers go together with those that people gave: Pearson's correlation from sums, Spearman's from ranks.

Ranks are no sums: they are made anew in every sample, whose rows are counted by their weights. A correlation is nan
where it cannot be known: fewer than three rows, or a side whose numbers are all the same.
"""

from __future__ import annotations

import numpy as np

FEWEST = 3
"""Rows below which two numbers each say nothing: any two points lie on a line."""
FLAT = 1e-12
"""The share of its mean square below which a side's variance is rounding."""


def moments(x: float, y: float) -> list[float]:
    """Return what one pair of numbers adds to the sums of ``pearson``."""
    return [1.0, x, y, x * x, y * y, x * y]


def pearson(sums: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation, -1 to 1, of summed ``moments`` ``[..., 6]``."""
    n, x, y, xx, yy, xy = (sums[..., i] for i in range(6))
    across, along = n * xx - x * x, n * yy - y * y
    known = (n >= FEWEST) & (across > FLAT * n * xx) & (along > FLAT * n * yy)
    spread = np.sqrt(np.where(known, across * along, 1.0))
    return np.where(known, np.clip((n * xy - x * y) / spread, -1.0, 1.0), np.nan)


def spearman(weights: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation ``[...]`` of pairs ``[rows, 2]``, each counted ``weights`` times, ``[..., rows]``.

    It is Pearson's of the ranks; equal numbers share the mean of theirs. Spearman 1904, The proof and measurement of
    association between two things.
    """
    x, y = (ranks(weights, pairs[:, side]) for side in (0, 1))
    parts = (np.ones_like(x), x, y, x * x, y * y, x * y)
    return pearson(np.stack([(weights * part).sum(axis=-1) for part in parts], axis=-1))


def ranks(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return each value's rank, from 0 to 1, in samples that hold it ``weights`` times, ``[..., values]``."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(values, kind="stable")
    held = np.add.reduceat(weights[..., order], np.cumsum(counts) - counts, axis=-1)
    middle = np.cumsum(held, axis=-1) - held / 2
    return (middle / held.sum(axis=-1, keepdims=True))[..., place]
