"""Solved examples that are like a question: by their words, by their vectors, and with every answer among them.

Liu et al. 2022, What Makes Good In-Context Examples for GPT-3? A question's nearest examples often have one answer,
and a model repeats what it sees most (Zhao et al. 2021, Calibrate Before Use); so they can be taken in rounds, the
nearest of each answer in turn. The most alike stands last, next to the question.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from residency.core.types import Example

Find = Callable[[Example, int], list[Example]]
"""What finds ``count`` solved examples for a question."""
Embed = Callable[[Sequence[str]], np.ndarray]


def nearest_shots(pool: Sequence[Example], *, balanced: bool = False) -> Find:
    """Return what finds examples by the cosine of tf-idf vectors (Salton and Buckley 1988)."""
    words = [_words(e) for e in pool]
    seen = Counter(word for found in words for word in set(found))
    weight = {word: math.log((1 + len(pool)) / (1 + count)) + 1 for word, count in seen.items()}
    vectors = [_unit(found, weight) for found in words]

    def alike(example: Example) -> list[float]:
        asked = _unit(_words(example), weight)
        return [sum(value * vector.get(word, 0.0) for word, value in asked.items()) for vector in vectors]

    return _finder(pool, alike, balanced)


def similar_shots(pool: Sequence[Example], embed: Embed, *, balanced: bool = False) -> Find:
    """Return what finds examples by the cosine of their vectors, which ``embed`` gives at unit length.

    What an example is about is embedded (its facts, where it has any), not how it is asked.
    """
    vectors = embed([_about(e) for e in pool]) if pool else None

    def alike(example: Example) -> list[float]:
        if vectors is None:
            return []
        return [round(float(score), 6) for score in vectors @ embed([_about(example)])[0]]  # the rest is rounding

    return _finder(pool, alike, balanced)


def remembering(embed: Embed, most: int = 20_000) -> Embed:
    """Return an embedding that keeps the vectors of the last texts: a pool is embedded once for all models."""

    @lru_cache(maxsize=most)
    def slot(text: str) -> list[Any]:
        return []

    def embedded(texts: Sequence[str]) -> np.ndarray:
        slots = {text: slot(text) for text in texts}
        if new := [text for text, kept in slots.items() if not kept]:
            for text, vector in zip(new, embed(new), strict=True):
                slots[text].append(vector)
        return np.stack([slots[text][0] for text in texts])

    return embedded


def _finder(pool: Sequence[Example], alike: Callable[[Example], Sequence[float]], balanced: bool) -> Find:
    """Return the examples most alike first found, last shown; of equal ones that of the lower id."""

    def find(example: Example, count: int) -> list[Example]:
        scores = alike(example)
        order = sorted(range(len(pool)), key=lambda i: (-scores[i], pool[i].id))
        if balanced:
            taken = set(in_rounds(order, [pool[i].wanted[0] for i in order], count))
            order = [i for i in order if i in taken]
        return [pool[i] for i in reversed(order[:count])]

    return find


def in_rounds(order: Iterable[int], answers: Sequence[str], count: int) -> list[int]:
    """Return ``count`` of the entries of ``order``: the first of every answer, then the second of every answer, ….

    Within a round the answers stand in the order in which they first come; where no answer comes twice, the entries
    are simply the first.
    """
    rounds: dict[int, list[int]] = {}
    seen: Counter[str] = Counter()
    for entry, answer in zip(order, answers, strict=True):
        rounds.setdefault(seen[answer], []).append(entry)
        seen[answer] += 1
    return [entry for number in sorted(rounds) for entry in rounds[number]][:count]


def _about(example: Example) -> str:
    return "\n".join(example.meta.get("facts") or [m["content"] for m in example.prompt])


def _words(example: Example) -> list[str]:
    facts = example.meta.get("facts") or [m["content"] for m in example.prompt]
    return re.findall(r"\w+", " ".join(facts).lower())


def _unit(words: Sequence[str], weight: dict[str, float]) -> dict[str, float]:
    counts = Counter(word for word in words if word in weight)
    vector = {word: count * weight[word] for word, count in counts.items()}
    size = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {word: value / size for word, value in vector.items()}
