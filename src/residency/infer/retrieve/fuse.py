"""One ranking of two: by their scores (Bruch et al. 2022, arXiv 2210.11934), or by rank alone, which needs no common
scale (reciprocal rank fusion: Cormack et al. 2009).

By scores is the default: measured on MedQuAD, ranks alone do worse than vectors alone, since they forget by how much a
passage is ahead (``bench/search_medquad.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from residency.core.store import sha256_json
from residency.infer.evidence import Found

CONSTANT = 60
"""The constant of reciprocal rank fusion: it keeps what one ranking alone puts first from deciding by itself."""
ALL_EXPIRED, EXPIRED = "all that was found is no longer valid", "no longer valid, and left out"
"""How a search begins to name what is expired: where nothing else is found, and where something is."""
WORDS = 0.1
"""How much BM25 weighs beside the cosine: chosen on 150 development questions (0.05 to 0.5 and 0 tried)."""


def fused(rankings: Sequence[Sequence[str]], weights: Sequence[float] = ()) -> list[tuple[str, float]]:
    """Return all ids with their scores, the sum of weight / (60 + rank) over the rankings, the best first.

    Ranks count from 1; equal scores go by id.
    """
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, one in enumerate(ranking, 1):
            scores[one] = scores.get(one, 0.0) + weight / (CONSTANT + rank)
    return ordered(scores)


def blended(words: Mapping[str, float], cosines: Mapping[str, float], share: float = WORDS) -> list[tuple[str, float]]:
    """Return all ids with ``share`` of their BM25, as a part of the best one, and the rest of their cosine, best first.

    What one of the two did not find has 0 of BM25, and the lowest cosine that was found. Equal scores go by id.
    """
    best, lowest = max(words.values(), default=1.0) or 1.0, min(cosines.values(), default=0.0)
    names = {**words, **cosines}
    return ordered({one: share * words.get(one, 0.0) / best + (1 - share) * cosines.get(one, lowest) for one in names})


def ordered(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return ids with their scores, the best first; equal ones by id."""
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def together(found: Sequence[Found], k: int) -> Found:
    """Return the searches of several indexes as one: their passages fused by rank, at most ``k``.

    Where there are any, only what is no longer valid is said beside them.
    """
    if len(found) == 1:
        return found[0]
    known = {one.id: one for each in reversed(found) for one in each.evidence}
    ranked = fused([[one.id for one in each.evidence] for each in found])[:k]
    reasons = dict.fromkeys(each.why for each in found if each.why and (each.expired or not ranked))
    said = "; ".join(reasons)
    return Found(
        [replace(known[id], score=score) for id, score in ranked],
        sha256_json([each.snapshot for each in found]),
        sum(each.expired for each in found),
        (said.replace(ALL_EXPIRED, EXPIRED) if ranked else said) or None,
    )
