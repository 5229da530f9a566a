"""What the reader is made by: logistic regression against scikit-learn's, and a minimum worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from residency.serve.guard.learning import learn, minimise

SIZE, ROWS = 12, 90


def rows(seed: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    made = [(np.flatnonzero(chance.random(SIZE) < 0.4), chance) for _ in range(ROWS)]
    values = [(ids, chance.random(len(ids)) + 0.2) for ids, _ in made]
    classes = np.array([int(ids.sum()) % 3 if chance.random() < 0.8 else chance.integers(3) for ids, _ in values])
    return values, classes, chance.choice([1.0, 5.0], ROWS)


@pytest.mark.parametrize("strength", [0.3, 3.0])
def test_it_is_scikit_learns_logistic_regression(strength: float) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    values, classes, counts = rows(7)
    full = np.zeros((ROWS, SIZE))
    for row, (ids, value) in enumerate(values):
        full[row, ids] = value
    found = learn(values, classes, counts, size=SIZE, strength=strength)
    totals = np.bincount(classes, weights=counts)
    balanced = counts * (counts.sum() / (3 * totals))[classes]
    other = linear_model.LogisticRegression(C=strength, tol=1e-9, max_iter=5000).fit(full, classes, balanced)
    mine = np.array([found.shares(ids, value) for ids, value in values])
    assert np.abs(mine - other.predict_proba(full)).max() < 5e-3


def test_it_finds_the_minimum_of_a_bowl() -> None:
    scale, middle = np.array([1.0, 10.0, 0.1]), np.array([3.0, -2.0, 5.0])

    def bowl(at: np.ndarray) -> tuple[float, np.ndarray]:
        off = at - middle
        return float((scale * off**2).sum()), 2 * scale * off

    assert np.abs(minimise(bowl, np.zeros(3)) - middle).max() < 1e-3


def test_a_row_without_traits_is_judged_by_the_classes_alone() -> None:
    values, classes, counts = rows(8)
    shares = learn(values, classes, counts, size=SIZE, strength=1.0).shares(np.array([], dtype=np.int64), np.array([]))
    assert shares.sum() == pytest.approx(1) and (shares > 0).all()
