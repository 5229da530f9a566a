"""Which lines of a record say most of it, without a model: the ones that many others share their words with.

It is the rule that any model has to beat at choosing lines, and what is taken where a model's reply cannot be read.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from residency.corpus.make.support import stems

DAMPING, ROUNDS, LEAST = 0.85, 50, 0.1
MOST = 2000
"""Lines that are compared with each other at once: their likenesses are a square table."""


def central(texts: Sequence[str], count: int) -> list[int]:
    """Return the places of the ``count`` most central texts, in the order of the texts; ties go to the earlier.

    LexRank with a threshold (Erkan and Radev 2004, JAIR 22, section 3.2): the stationary distribution of a walk over
    texts whose cosine is above it; here a word counts once a text. Of texts that say the same the later are left out.
    More than ``MOST`` texts are taken in runs, whose best ones are compared again.
    """
    if count >= len(texts):
        return list(range(len(texts)))
    if len(texts) > MOST:
        runs = [range(start, min(start + MOST, len(texts))) for start in range(0, len(texts), MOST)]
        share = max(1, min(MOST // 2, math.ceil(2 * count / len(runs))))
        best = [run[at] for run in runs for at in central([texts[i] for i in run], share)]
        return [best[at] for at in central([texts[i] for i in best], count)] if len(best) < len(texts) else best[:count]
    likeness = likenesses(texts)
    weight = _walk(likeness > LEAST)
    order = sorted(range(len(texts)), key=lambda at: (-round(float(weight[at]), 12), at))
    chosen: list[int] = []
    for least in (0.7, 1.1):  # first those unlike the ones before, then whatever is left
        for at in order:
            if len(chosen) < count and at not in chosen and all(likeness[at, other] < least for other in chosen):
                chosen.append(at)
    return sorted(chosen)


def likenesses(texts: Sequence[str]) -> np.ndarray:
    """Return the cosines of idf vectors of stems, [texts, texts]; a text without a content word is like none."""
    found = [sorted(stems(text)) for text in texts]
    seen = Counter(word for words in found for word in words)
    place = {word: at for at, word in enumerate(sorted(seen))}
    vectors = np.zeros((len(texts), max(len(place), 1)), dtype=np.float32)
    for row, words in zip(vectors, found, strict=True):
        for word in words:
            row[place[word]] = math.log((1 + len(texts)) / (1 + seen[word])) + 1
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.minimum(vectors @ vectors.T, 1.0)


def _walk(near: np.ndarray) -> np.ndarray:
    """Return how often a walk that mostly goes to a near text is at each of them, [texts]."""
    near = near.astype(np.float64)
    near[np.arange(len(near)), np.arange(len(near))] = 1.0
    step = near / near.sum(axis=1, keepdims=True)
    weight = np.full(len(near), 1 / len(near))
    for _ in range(ROUNDS):
        weight = (1 - DAMPING) / len(near) + DAMPING * (weight @ step)
    return weight
