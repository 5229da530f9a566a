"""Logistic regression over classes on rows with few traits of many, by L-BFGS: what the reader is made by.

Liu and Nocedal (1989), On the limited memory BFGS method for large scale optimization. Without chance: the same rows
give the same weights.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

KEPT, STEPS, FLAT = 8, 40, 1e-4
"""Steps that are remembered; steps that are taken, at most; the slope (largest part of it) at which it ends."""
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learned: ``of`` is [traits, classes], ``base`` [classes]."""

    of: np.ndarray
    base: np.ndarray

    def shares(self, ids: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return the probability of each class for one row."""
        odds = values @ self.of[ids] + self.base
        made = np.exp(odds - odds.max())
        return made / made.sum()


def learn(
    rows: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: np.ndarray,
    counts: np.ndarray,
    *,
    size: int,
    strength: float,
) -> Weights:
    """Return weights that tell the classes of rows apart; each row is (numbers of its traits, values).

    ``counts`` is how much each row counts, besides which each class counts as much as every other; ``size`` is the
    number of traits, ``strength`` the inverse of the penalty on squared weights (as C of scikit-learn's).
    """
    kinds = int(classes.max()) + 1
    totals = np.bincount(classes, weights=counts, minlength=kinds)
    counts = counts * (counts.sum() / (kinds * totals))[classes]
    loss = _loss(rows, classes, counts, size, kinds, strength)
    found = minimise(loss, np.zeros((size + 1) * kinds)).reshape(size + 1, kinds)
    return Weights(found[:size], found[size])


def _loss(
    rows: Sequence[tuple[np.ndarray, np.ndarray]],
    classes: np.ndarray,
    counts: np.ndarray,
    size: int,
    kinds: int,
    strength: float,
) -> Loss:
    """Return the function of weights that gives the mean loss and its slope; the last trait is every row's."""
    ids = np.concatenate([np.append(one, size) for one, _ in rows])
    values = np.concatenate([np.append(one, 1.0) for _, one in rows])
    lengths = np.array([len(one) + 1 for one, _ in rows])
    begins, owners = np.concatenate([[0], np.cumsum(lengths)[:-1]]), np.repeat(np.arange(len(rows)), lengths)
    wanted, total = np.eye(kinds)[classes], counts.sum()
    ridge = np.full((size + 1, 1), 1 / (strength * total))
    ridge[size] = 0  # the base is free

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.reshape(size + 1, kinds)
        odds = np.add.reduceat(values[:, None] * weights[ids], begins)
        odds -= odds.max(axis=1, keepdims=True)
        sums = np.log(np.exp(odds).sum(axis=1))
        mean = float((counts * (sums - (odds * wanted).sum(axis=1))).sum() / total)
        off = counts[:, None] * (np.exp(odds - sums[:, None]) - wanted) / total
        slope = [np.bincount(ids, weights=values * off[owners, kind], minlength=size + 1) for kind in range(kinds)]
        return mean + float((ridge * weights**2).sum()) / 2, (np.stack(slope, axis=1) + ridge * weights).ravel()

    return loss


def minimise(loss: Loss, start: np.ndarray) -> np.ndarray:
    """Return where a smooth, convex function is least, or near it after ``STEPS`` steps."""
    at, (value, slope) = start, loss(start)
    past: deque[tuple[np.ndarray, np.ndarray, float]] = deque(maxlen=KEPT)
    for _ in range(STEPS):
        if np.abs(slope).max() < FLAT:
            break
        way = -_turned(slope, past)
        step, falls = 1.0 if past else 1 / max(1.0, float(np.abs(slope).sum())), float(way @ slope)
        while True:
            there = at + step * way
            new, steep = loss(there)
            if new <= value + 1e-4 * step * falls or step < 1e-10:
                break
            step /= 2
        moved, bent = there - at, steep - slope
        if (curve := float(moved @ bent)) > 1e-12:
            past.append((moved, bent, 1 / curve))
        at, value, slope = there, new, steep
    return at


def _turned(slope: np.ndarray, past: Sequence[tuple[np.ndarray, np.ndarray, float]]) -> np.ndarray:
    """Return a slope times what is known of the inverse curvature (their algorithm 2.1's two loops)."""
    way, shares = slope.copy(), []
    for moved, bent, inverse in reversed(past):
        shares.append(inverse * float(moved @ way))
        way -= shares[-1] * bent
    if past:
        moved, bent, inverse = past[-1]
        way /= inverse * float(bent @ bent)
    for (moved, bent, inverse), share in zip(past, reversed(shares), strict=True):
        way += moved * (share - inverse * float(bent @ way))
    return way
