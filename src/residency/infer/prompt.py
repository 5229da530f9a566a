"""Few-shot prompts: which solved examples are shown, and their tokens as a prefix that is computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

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


def shot_messages(shots: Sequence[Example]) -> list[Message]:
    """Return the shots as turns of a chat."""
    turns: list[Message] = []
    for shot in shots:
        turns += [*shot.prompt, {"role": "assistant", "content": shot.wanted[0]}]
    return turns


def prefix_ids(model: LocalModel, shots: Sequence[Example]) -> list[int]:
    """Return the token ids that go before every prompt (none without shots)."""
    return model.encode_prompt(shot_messages(shots), reply=False) if shots else []
