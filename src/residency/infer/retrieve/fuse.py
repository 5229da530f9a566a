"""One ranking of several: reciprocal rank fusion, which needs no common scale (Cormack, Clarke and Buettcher 2009)."""

from __future__ import annotations

from collections.abc import Sequence

CONSTANT = 60
"""The constant of the paper: it keeps what one ranking alone puts first from deciding by itself."""


def fused(rankings: Sequence[Sequence[str]], weights: Sequence[float] = ()) -> list[tuple[str, float]]:
    """Return all ids with their scores, the sum of weight / (60 + rank) over the rankings, the best first.

    Ranks count from 1; equal scores go by id.
    """
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, one in enumerate(ranking, 1):
            scores[one] = scores.get(one, 0.0) + weight / (CONSTANT + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
