"""Few-shot prompts: which solved examples are shown, and their tokens as a prefix that is computed once."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from residency.core.errors import UserError
from residency.core.types import Example, Message
from residency.infer.prompts.nearest import Find

if TYPE_CHECKING:
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


def named_shots(pool: Sequence[Example], ids: Sequence[str]) -> list[Example]:
    """Return the examples of these ids, in their order; UserError names those that are not there."""
    known = {e.id: e for e in pool}
    if absent := [key for key in ids if key not in known]:
        raise UserError(f"{len(absent)} solved examples that the prompt names are not there: {', '.join(absent[:5])}")
    return [known[key] for key in ids]


def drawn_shots(pool: Sequence[Example], seed: int) -> Find:
    """Return what draws solved examples for a question: the same ones for the same id and seed."""

    def find(example: Example, count: int) -> list[Example]:
        return random.Random(f"{seed}:shots:{example.id}").sample(list(pool), min(count, len(pool)))

    return find


def instructed(example: Example, instruction: str) -> Example:
    """Return an example whose last turn has an instruction before it (itself where there is none)."""
    if not instruction:
        return example
    *before, last = example.prompt
    return replace(example, prompt=[*before, {**last, "content": f"{instruction}\n\n{last['content']}"}])


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
