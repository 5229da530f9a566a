"""From scores to ratings: cut points on the line of scores, fitted to people's ratings, and the rating of a score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from residency.measure.agreement import cohen_kappa

PLACES = 48
"""Places between scores where a cut point may lie."""


def fit_cuts(scores: Sequence[float], ratings: Sequence[float], scale: Sequence[int]) -> list[float]:
    """Return the rising cut points, one fewer than ratings, that agree best with people's by quadratic-weighted kappa.

    They begin where each rating comes as often as people gave it; then, one at a time, a cut moves to the best of
    PLACES places until none is better, which need not be the best of all. Raises ValueError where there are not two
    different ratings and scores.
    """
    values, wanted = np.asarray(scores, float), np.asarray(ratings, float)
    places = _places(values)
    if not len(places) or len(np.unique(wanted)) < 2:
        raise ValueError("cut points need two different scores and ratings")

    def agreement(cuts: Sequence[float]) -> float:
        given = scale[0] + np.searchsorted(cuts, values, side="left")
        return cohen_kappa(wanted.tolist(), given.tolist(), weights="quadratic", scale=scale)

    shares = np.cumsum([(wanted == rating).mean() for rating in scale])[:-1]
    cuts = [float(each) for each in np.quantile(values, np.minimum(shares, 1.0))]
    best = agreement(cuts)
    while True:
        tried = [sorted([*cuts[:k], place, *cuts[k + 1 :]]) for k in range(len(cuts)) for place in places]
        found = [agreement(each) for each in tried]
        top = int(np.nanargmax(found)) if not np.all(np.isnan(found)) else 0
        if not found[top] > np.nan_to_num(best, nan=-2.0) + 1e-9:
            return cuts
        cuts, best = tried[top], found[top]


def _places(values: np.ndarray) -> list[float]:
    """Return places between neighbouring scores, spread evenly over the scores where they are many."""
    known = np.unique(values)
    between = (known[1:] + known[:-1]) / 2
    if len(between) > PLACES:
        between = between[np.linspace(0, len(between) - 1, PLACES).round().astype(int)]
    return [float(each) for each in between]


def rating_of(score: float, cuts: Sequence[float]) -> float:
    """Return the rating, from 1 on, that a score stands for; between two whole numbers by how near it is to a cut.

    At a cut it is half way; the whole number next to it (the lower one at a cut) is one more than the cuts below the
    score. nan stays nan.
    """
    half = (cuts[-1] - cuts[0]) / max(1, len(cuts) - 1) / 2 or 0.5
    places = [cuts[0] - half, *cuts, cuts[-1] + half]
    return float(np.interp(score, places, [1.0, *(k + 1.5 for k in range(len(cuts))), len(cuts) + 1.0]))
