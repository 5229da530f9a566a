"""Choosing by likelihood: every option of a question is scored behind its prompt, which is computed once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from residency.core.types import Example, TokenScores
from residency.models.local import LocalModel
from residency.models.pack import Block


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
    return Choice(max(range(len(values)), key=values.__getitem__), values)
