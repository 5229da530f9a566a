"""Few-shot prompts: which solved examples are shown, and their tokens as a prefix that is computed once."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

from residency.core.types import Example, Message
from residency.models.local import LocalModel


def pick_shots(pool: Sequence[Example], count: int) -> list[Example]:
    """Return ``count`` fixed examples with patterns and answers as different as can be, drawn by hash of the id."""
    ordered = sorted(pool, key=lambda e: hashlib.sha256(e.id.encode()).hexdigest())
    chosen: list[Example] = []
    while len(chosen) < min(count, len(ordered)):

        def seen(e: Example) -> tuple[int, int]:
            patterns = sum(c.meta.get("pattern") == e.meta.get("pattern") for c in chosen)
            answers = sum(c.wanted[0] == e.wanted[0] for c in chosen)
            return answers, patterns

        rest = [e for e in ordered if e not in chosen]
        chosen.append(min(rest, key=seen))
    return chosen


def nearest_shots(pool: Sequence[Example]) -> Callable[[Example, int], list[Example]]:
    """Return what finds the solved examples most like a question, the most alike last, by cosine of tf-idf vectors.

    Liu et al. 2022, What Makes Good In-Context Examples for GPT-3?; tf-idf: Salton and Buckley 1988.
    """
    words = [_words(e) for e in pool]
    seen = Counter(word for found in words for word in set(found))
    weight = {word: math.log((1 + len(pool)) / (1 + count)) + 1 for word, count in seen.items()}
    vectors = [_unit(found, weight) for found in words]

    def find(example: Example, count: int) -> list[Example]:
        asked = _unit(_words(example), weight)
        scores = [sum(value * vector.get(word, 0.0) for word, value in asked.items()) for vector in vectors]
        order = sorted(range(len(pool)), key=lambda i: (-scores[i], pool[i].id))
        return [pool[i] for i in reversed(order[:count])]

    return find


def _words(example: Example) -> list[str]:
    facts = example.meta.get("facts") or [m["content"] for m in example.prompt]
    return re.findall(r"\w+", " ".join(facts).lower())


def _unit(words: Sequence[str], weight: dict[str, float]) -> dict[str, float]:
    counts = Counter(word for word in words if word in weight)
    vector = {word: count * weight[word] for word, count in counts.items()}
    size = math.sqrt(sum(value * value for value in vector.values())) or 1.0
    return {word: value / size for word, value in vector.items()}


def shot_messages(shots: Sequence[Example]) -> list[Message]:
    """Return the shots as turns of a chat."""
    turns: list[Message] = []
    for shot in shots:
        turns += [*shot.prompt, {"role": "assistant", "content": shot.wanted[0]}]
    return turns


def prefix_ids(model: LocalModel, shots: Sequence[Example]) -> list[int]:
    """Return the token ids that go before every prompt (none without shots)."""
    return model.encode_prompt(shot_messages(shots), reply=False) if shots else []


def told(messages: Sequence[Message]) -> str:
    """Return a prompt as a person reads it: its text, or a conversation turn by turn."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in messages)
