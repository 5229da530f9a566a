"""Choosing by likelihood: every option of a question is scored behind its prompt, which is computed once.

And many questions of yes or no about one text, which is computed once too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from residency.core.types import Example, Message, TokenScores
from residency.infer.shared import alike
from residency.models.local import LocalModel
from residency.models.pack import Block

EQUAL = 1e-5
"""Nats that are rounding: of options that are as likely (the same tokens, say) the first is taken, on every machine."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The option a model prefers, with the log-probability (nats) of each option in order."""

    index: int
    logprobs: list[float]


def choose(
    model: LocalModel, examples: Sequence[Example], *, prefix: Sequence[int] = (), end: bool = True, norm: str = "sum"
) -> list[Choice]:
    """Return each example's choice.

    ``end`` scores the end of the turn after the option too, so that "cyst" is not preferred to "cyst of the kidney"
    for being its beginning; ``norm`` is "sum", or "mean" for the log-probability a token.
    """
    blocks = []
    owner = 0
    for example in examples:
        branches = [[*model.encode_answer(c), *([model.end] if end else [])] for c in example.choices]
        blocks.append(Block(model.encode_prompt(example.prompt), branches, list(range(owner, owner + len(branches)))))
        owner += len(branches)
    scores = model.score(blocks, prefix=prefix)
    return [_best([scores[o] for o in block.owners], norm) for block in blocks]


def _best(scores: Sequence[TokenScores], norm: str) -> Choice:
    values = [s.total / (len(s.logprobs) if norm == "mean" else 1) for s in scores]
    top = max(values)
    return Choice(next((i for i, value in enumerate(values) if value >= top - EQUAL), 0), values)


def affirm(
    model: LocalModel, asked: Sequence[Sequence[list[Message]]], answers: tuple[str, str], *, prefix: Sequence[int] = ()
) -> list[list[float]]:
    """Return for each item's questions how much likelier (nats) the first answer is than the second, and end of turn.

    The questions of one item are one block: what their prompts have in common is its context, computed once, and the
    rest of each question with an answer is a branch, of which the answer alone is counted.
    """
    replies = [[*model.encode_answer(answer), model.end] for answer in answers]
    blocks: list[Block] = []
    owner = 0
    for questions in asked:
        prompts = [model.encode_prompt(prompt) for prompt in questions]
        shared = min(alike(min(prompts), max(prompts)), min(map(len, prompts)) - 1)
        branches = [[*prompt[shared:], *reply] for prompt in prompts for reply in replies]
        blocks.append(Block(prompts[0][:shared], branches, list(range(owner, owner + len(branches)))))
        owner += len(branches)
    scores = model.score(blocks, prefix=prefix)
    sizes = [len(reply) for reply in replies]
    totals = [[sum(scores[o].logprobs[-sizes[i % 2] :]) for i, o in enumerate(b.owners)] for b in blocks]
    return [[yes - no for yes, no in zip(found[::2], found[1::2], strict=True)] for found in totals]
