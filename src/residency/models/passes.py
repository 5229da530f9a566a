"""Which blocks are read in one pass: full rows, of like length, as many in each lane.

Blocks lie behind prefixes that were read before. Those behind one prefix share rows; the rows of all prefixes share
the lanes, the longest first, so that no lane waits long for another at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from residency.models.lanes import lanes
from residency.models.pack import Block, fill_rows

Behind = tuple[Sequence[int], Sequence[Block]]
"""A prefix (token ids, maybe none) and the blocks behind it."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Blocks that are read at once behind a prefix."""

    prefix: tuple[int, ...]
    blocks: list[Block]

    @property
    def read(self) -> int:
        """Return how many tokens it takes."""
        return sum(block.read for block in self.blocks)


def together(families: Iterable[Behind], room: int) -> Iterator[list[Behind]]:
    """Yield runs of families whose prefixes have ``room`` tokens together; a longer one is alone."""
    some: list[Behind] = []
    used = 0
    for family in families:
        if some and used + len(family[0]) > room:
            yield some
            some, used = [], 0
        some.append(family)
        used += len(family[0])
    if some:
        yield some


def passes_of(families: Sequence[Behind], row: int, device: torch.device) -> list[Pass]:
    """Return the passes that read families in rows of about ``row`` tokens at most, the longest pass first."""
    sizes = [block.read for _, blocks in families for block in blocks]
    if not sizes:
        return []
    total, mean, count = sum(sizes), sum(sizes) // len(sizes), max(1, lanes(len(sizes), device))
    turns = max(1, -(-total // (max(1, row - mean) * count)))
    even = min(row, -(-total // (turns * count)) + mean)
    passes = []
    for prefix, blocks in families:
        ordered = sorted(blocks, key=lambda block: block.read)
        lengths = [block.read for block in ordered]
        for places in fill_rows(lengths, max(even, *lengths)) if lengths else []:
            passes.append(Pass(tuple(prefix), [ordered[i] for i in places]))
    return sorted(passes, key=lambda one: -one.read)
