"""What is refused before training: data and templates that cannot teach what was asked for.

Each refusal says how many, and which by their ids; never a word of a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from residency.core.errors import UserError

if TYPE_CHECKING:
    from residency.core.types import Example
    from residency.models.local import LocalModel
    from residency.models.pack import Block

SHOWN = 8
"""Ids that a message names."""


def answered(items: Sequence[Example]) -> None:
    """Raise UserError where examples have no answer to learn."""
    wrong = [e.id for e in items if not e.wanted or not e.wanted[0].strip()]
    if wrong:
        raise UserError(
            f"{counted(wrong, len(items), 'examples')} hold no answer to learn; take them out or answer them"
        )


def learnable(blocks: Sequence[Block]) -> None:
    """Raise UserError where a text has no token that is learned: all of it is masked, or there is but one."""
    wrong = [block.id for block in blocks if not scored_tokens(block)]
    if wrong:
        raise UserError(
            f"{counted(wrong, len(blocks), 'texts')} hold nothing to learn: no token of theirs is scored. Take "
            "them out, or see that each has an answer (a turn of the assistant) behind its prompt"
        )


def scored_tokens(block: Block) -> int:
    """Return how many of a block's tokens are learned."""
    if block.scored:
        return sum(map(sum, block.scored))
    return sum(map(len, block.branches)) if block.branches else max(0, len(block.context) - 1)


def within(blocks: Sequence[Block], context: int) -> None:
    """Raise UserError where a text is longer than what the model can see at once, ``context`` tokens."""
    wrong = [block.id for block in blocks if span_of(block) > context]
    if wrong:
        raise UserError(
            f"{counted(wrong, len(blocks), 'texts')} are longer than the model's context of {context:,} tokens. Lower "
            f"schedule.batch_tokens to {context} at most, which leaves them out, or take another base"
        )


def span_of(block: Block) -> int:
    """Return how many positions a block takes: its context and the longest branch behind it, as far as it is read."""
    return len(block.context) + max((len(branch) - 1 for branch in block.branches), default=0)


def distinct(items: Iterable[Example]) -> None:
    """Raise UserError where a preference example's rejected answers are all its chosen one: it prefers nothing."""
    items = list(items)
    wrong = [e.id for e in items if e.unwanted and all(a.split() == e.wanted[0].split() for a in e.unwanted)]
    if wrong:
        raise UserError(
            f"{counted(wrong, len(items), 'preference pairs')} have a rejected answer that is the chosen one; take "
            "them out or give another rejected answer"
        )


def speakable(model: LocalModel, turns: str = "last") -> None:
    """Raise UserError where a model has no chat template, or one that does not tell whose the turns are."""
    if model.plain or not model.tokenizer.chat_template:
        raise UserError(
            f"{model.name} has no chat template, so its prompts cannot be put; take a base that is made for chat, "
            "or read running text only (pretrain)"
        )
    if turns == "all":
        from residency.train.turns import tells_turns

        tells_turns(model)


def counted(ids: Sequence[str], total: int, what: str) -> str:
    """Return "3 of 60 examples (a, b, c)"."""
    return f"{len(ids):,} of {total:,} {what} ({ids_told(ids)})"


def ids_told(ids: Sequence[str]) -> str:
    """Return the first ids, and how many more there are."""
    named = ", ".join(name or "without an id" for name in ids[:SHOWN])
    return named + (f" and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else "")
