"""What many contexts have in common is computed once: the beginning that all share, and each context for its answers.

Contexts that begin with the same tokens (few-shot examples, an instruction) form a family; its common beginning is a
prefix. Within a family, equal contexts are one block whose answers are its branches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from residency.models.pack import Block

LEAST = 24
"""Tokens that contexts must share before it pays to compute them apart."""
WORTH = 512
"""Tokens that a family must save in all, since its prefix is a pass of its own."""
ROOM = 1024
"""Tokens of answers, beyond the context's length, that lie in one block: each is multiplied with all, in vain."""

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
    blocks = _blocks(pairs)
    if not blocks:
        return
    ordered = sorted(blocks, key=lambda block: block.context)
    common = [alike(a.context, b.context) for a, b in pairwise(ordered)]
    rest: list[Block] = []
    for start, stop, shared in _divided(common, 0, len(ordered), least, worth)[1]:
        family = ordered[start:stop]
        shared = min(shared, min(len(b.context) for b in family) - 1)
        if not shared:
            rest += family
            continue
        yield Family(family[0].context[:shared], [Block(b.context[shared:], b.branches, b.owners) for b in family])
    if rest:
        yield Family([], rest)


def _blocks(pairs: Sequence[Pair]) -> list[Block]:
    """Return every pair in a block with those of the same context, as many as are no dearer side by side than apart."""
    blocks: list[Block] = []
    newest: dict[tuple[int, ...], Block] = {}
    for owner, (context, answer) in enumerate(pairs):
        block = newest.get(tuple(context))
        if block is None or block.length + len(answer) > 2 * len(context) + ROOM:
            block = newest[tuple(context)] = Block(list(context), [], [])
            blocks.append(block)
        block.branches.append(list(answer))
        block.owners.append(owner)
    return blocks


def _divided(
    common: Sequence[int], start: int, stop: int, least: int, worth: int
) -> tuple[int, list[tuple[int, int, int]]]:
    """Return what sorted contexts save at best, and the families that do: (start, stop, tokens shared), 0: none.

    ``common`` holds how many tokens neighbours have in common. A range is one family or, where that saves more, it is
    cut wherever its neighbours have the least in common.
    """
    if stop - start == 1:
        return 0, [(start, stop, 0)]
    lowest = min(common[start : stop - 1])
    whole = (stop - start - 1) * lowest - worth if lowest >= least else -1
    cuts = [start, *(i + 1 for i in range(start, stop - 1) if common[i] == lowest), stop]
    parts = [_divided(common, a, b, least, worth) for a, b in pairwise(cuts)]
    saved = sum(part[0] for part in parts)
    if whole >= saved and whole >= 0:
        return whole, [(start, stop, lowest)]
    return saved, [family for part in parts for family in part[1]]


def alike(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many tokens two contexts have in common at their beginning."""
    size = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        size += 1
    return size
