"""Agreement against scikit-learn and against values worked by hand or published."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from residency.measure.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha, with_interval

NAN = float("nan")


def two_raters(seed=0, n=60):
    rng = np.random.default_rng(seed)
    first = rng.integers(1, 5, n)
    return first, np.where(rng.random(n) < 0.6, first, rng.integers(1, 5, n))


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_is_scikit_learns(weights):
    a, b = two_raters()
    theirs = cohen_kappa_score(a, b, weights=None if weights == "none" else weights)
    assert cohen_kappa(a, b, weights=weights) == pytest.approx(theirs, abs=1e-12)


def test_a_rating_that_nobody_gave_still_lies_between_its_neighbours_when_the_scale_is_given():
    a, b = [1, 1, 4, 4], [1, 4, 4, 4]
    assert cohen_kappa(a, b, weights="quadratic", scale=(1, 2, 3, 4)) == pytest.approx(
        cohen_kappa_score(a, b, weights="quadratic", labels=[1, 2, 3, 4])
    )


def test_items_that_one_rater_left_out_do_not_count():
    assert cohen_kappa([1, 2, NAN, 1], [1, 2, 2, NAN]) == 1.0


def test_agreement_without_any_choice_is_not_a_number():
    assert np.isnan(cohen_kappa([1, 1], [1, 1])) and np.isnan(cohen_kappa([], []))


def test_fleiss_own_example():
    """Ten subjects, fourteen raters, five categories: kappa 0.210 (Fleiss 1971, as worked in the literature)."""
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    ratings = np.array([[float(v) for v, n in enumerate(row) for _ in range(n)] for row in table])
    assert fleiss_kappa(ratings) == pytest.approx(0.210, abs=5e-4)


def test_krippendorffs_own_example():
    """Four observers, twelve units, with gaps: 0.743 nominal, 0.815 ordinal, 0.849 interval (Krippendorff 2011)."""
    rows = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
    ratings = np.array(rows, dtype=float).T
    for level, value in (("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)):
        assert krippendorff_alpha(ratings, level=level) == pytest.approx(value, abs=1e-3)


def test_the_interval_is_wider_when_items_of_a_question_hang_together():
    a, b = two_raters(n=40)
    ratings = np.repeat(np.column_stack([a, b]).astype(float), 5, axis=0)

    def kappa(r):
        return cohen_kappa(r[:, 0], r[:, 1], weights="quadratic", scale=(1, 2, 3, 4))

    alone = with_interval(kappa, ratings, [str(i) for i in range(200)], n=300)
    whole = with_interval(kappa, ratings, [str(i // 5) for i in range(200)], n=300)
    assert alone.value == whole.value and whole.low < alone.low < alone.value < alone.high < whole.high
    assert np.isnan(with_interval(kappa, ratings, ["one"] * 200).low)
