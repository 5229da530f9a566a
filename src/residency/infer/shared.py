"""What many contexts have in common is computed once: the beginning that all share, and each context for its answers.

Contexts that begin with the same tokens (few-shot examples, an instruction) form a family; its common beginning is a
prefix. Within a family, equal contexts are one block whose answers are its branches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from residency.models.pack import Block

LEAST = 24
"""Tokens that contexts must share before it pays to compute them apart."""

Pair = tuple[Sequence[int], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Family:
    """Blocks behind one prefix; a branch's owner is the place of its pair among all."""

    prefix: list[int]
    blocks: list[Block]


def families(pairs: Sequence[Pair], *, least: int = LEAST) -> Iterator[Family]:
    """Yield every (context, answer) pair once, in families; a context keeps at least its last token for itself."""
    order = sorted(range(len(pairs)), key=lambda i: list(pairs[i][0]))
    start = 0
    while start < len(order):
        stop = start + 1
        head = list(pairs[order[start]][0][:least])
        while stop < len(order) and len(head) == least and list(pairs[order[stop]][0][:least]) == head:
            stop += 1
        if stop == start + 1:  # alone: gathered with the others that share nothing
            while stop < len(order) and not _begins_family(pairs, order, stop, least):
                stop += 1
            yield Family([], list(_blocks(pairs, order[start:stop], 0)))
        else:
            first, last = pairs[order[start]][0], pairs[order[stop - 1]][0]  # sorted: these two share the least
            shared = _common(first, last)
            shared = min(shared, min(len(pairs[i][0]) for i in order[start:stop]) - 1)
            one = len({tuple(pairs[i][0]) for i in order[start:stop]}) == 1
            size = 0 if one else shared  # one context is one block: nothing to share beside it
            yield Family(list(first[:size]), list(_blocks(pairs, order[start:stop], size)))
        start = stop


def _begins_family(pairs: Sequence[Pair], order: Sequence[int], place: int, least: int) -> bool:
    if place + 1 >= len(order):
        return False
    here, there = pairs[order[place]][0], pairs[order[place + 1]][0]
    return len(here) >= least and list(here[:least]) == list(there[:least])


def _blocks(pairs: Sequence[Pair], order: Sequence[int], size: int) -> Iterator[Block]:
    """Yield a block for each different context of the pairs (sorted), without its first ``size`` tokens."""
    open_block: Block | None = None
    context: list[int] = []
    for i in order:
        found = list(pairs[i][0])
        if open_block is None or found != context:
            if open_block is not None:
                yield open_block
            open_block, context = Block(found[size:], [], []), found
        open_block.branches.append(list(pairs[i][1]))
        open_block.owners.append(i)
    if open_block is not None:
        yield open_block


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    size = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        size += 1
    return size
