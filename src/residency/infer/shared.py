"""What many contexts have in common is computed once: the beginning that all share, and each context for its answers.

Contexts that begin with the same tokens (few-shot examples, an instruction) form a family; its common beginning is a
prefix. Within a family, equal contexts are one block whose answers are its branches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from residency.models.pack import Block

LEAST = 24
"""Tokens that contexts must share before it pays to compute them apart."""
WORTH = 512
"""Tokens that a family must save in all, since its prefix is a pass of its own."""

Pair = tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Family:
    """Blocks behind one prefix; a branch's owner is the place of its pair among all."""

    prefix: list[int]
    blocks: list[Block]


def families(pairs: Sequence[Pair], *, least: int = LEAST, worth: int = WORTH) -> Iterator[Family]:
    """Yield every (context, answer) pair once, in families; a context keeps at least its last token for itself.

    What shares too little with others comes last, in one family without a prefix.
    """
    blocks: dict[tuple[int, ...], Block] = {}
    for owner, (context, answer) in enumerate(pairs):
        block = blocks.setdefault(tuple(context), Block(list(context), [], []))
        block.branches.append(list(answer))
        block.owners.append(owner)
    rest: list[Block] = []
    for _, found in groupby(sorted(blocks.values(), key=lambda block: block.context), lambda b: b.context[:least]):
        alike = list(found)
        shared = min(_common(alike[0].context, alike[-1].context), min(len(b.context) for b in alike) - 1)
        if shared < least or (len(alike) - 1) * shared < worth:
            rest += alike
            continue
        prefix = alike[0].context[:shared]
        yield Family(prefix, [Block(b.context[shared:], b.branches, b.owners) for b in alike])
    if rest:
        yield Family([], rest)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    size = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        size += 1
    return size
