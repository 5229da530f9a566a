"""Cut points against every other choice of them, and ratings by hand."""

from __future__ import annotations

import itertools
import random

import pytest
from sklearn.metrics import cohen_kappa_score

from residency.measure.ordinal import fit_cuts, rating_of


def test_a_score_is_rated_by_the_cuts_below_it_and_half_way_at_a_cut() -> None:
    cuts = [-1.0, 0.0, 2.0]
    assert [rating_of(score, cuts) for score in (-9.0, -1.0, -0.5, 0.0, 1.0, 2.0, 9.0)] == [1, 1.5, 2, 2.5, 3, 3.5, 4]
    assert [round(rating_of(score, cuts)) for score in (-1.01, -0.99, 0.01, 1.99, 2.01)] == [1, 2, 3, 3, 4]
    assert rating_of(float("nan"), cuts) != rating_of(float("nan"), cuts)


def test_cuts_that_lie_together_leave_out_the_rating_between_them() -> None:
    assert [round(rating_of(score, [0.0, 0.0, 1.0])) for score in (-0.1, 0.1, 1.1)] == [1, 3, 4]
    assert [rating_of(score, [0.5]) for score in (0.0, 0.5, 1.0)] == [1, 1.5, 2]


def test_scores_that_tell_ratings_apart_are_cut_between_them() -> None:
    ratings = [1, 1, 2, 2, 2, 3, 4, 4]
    scores = [-3.0, -2.0, -1.0, -0.5, 0.0, 1.0, 5.0, 6.0]
    cuts = fit_cuts(scores, ratings, (1, 2, 3, 4))
    assert [round(rating_of(score, cuts)) for score in scores] == ratings


def test_no_other_cuts_of_a_small_set_agree_much_better() -> None:
    rng = random.Random(4)
    ratings = [rng.choice([1, 1, 1, 2, 2, 3, 4]) for _ in range(24)]
    scores = [rating + rng.gauss(0, 1.5) for rating in ratings]

    def kappa(cuts: tuple[float, ...] | list[float]) -> float:
        given = [1 + sum(score > cut for cut in cuts) for score in scores]
        return float(cohen_kappa_score(ratings, given, weights="quadratic", labels=[1, 2, 3, 4]))

    places = sorted(scores)
    between = [(a + b) / 2 for a, b in itertools.pairwise(places)]
    best = max(kappa(cuts) for cuts in itertools.combinations_with_replacement(between, 3))
    found = kappa(fit_cuts(scores, ratings, (1, 2, 3, 4)))
    assert best > 0.2 and best - 0.05 <= found <= best


def test_one_rating_or_one_score_gives_no_cuts() -> None:
    for scores, ratings in (([1.0, 2.0], [3, 3]), ([1.0, 1.0], [1, 2])):
        with pytest.raises(ValueError, match="two different"):
            fit_cuts(scores, ratings, (1, 2, 3, 4))
