"""Keys and values that are kept between passes: of a prefix that all rows share, and of each row in a slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(slots=True)
class Cache:
    """Keys and values of every layer: a prefix shared by all rows, and each row's own in a slot.

    ``prefix[layer]`` = (keys, values) [heads, P, width]; ``rows[layer]`` = (keys, values) [slots, heads, room, width],
    of which the first B are in use; ``lengths`` [B] counts their tokens. The next pass reads a prefix (``record``),
    reads prompts of ``arriving`` tokens into the next slots, or one new token a row (``bias``).

    Rows that are read ``alone`` (models/alone.py) have caches of transformers in ``texts`` instead, and the token ids
    of the prefix, which each of them reads anew, in ``before``.
    """

    prefix: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    rows: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    lengths: torch.Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.long))
    slots: int = 0
    room: int = 0
    record: bool = False
    arriving: list[int] | None = None
    bias: torch.Tensor | None = None
    alone: bool = False
    before: Sequence[int] = ()
    texts: list[Any] = field(default_factory=list)

    def for_rows(self, slots: int, room: int, device: torch.device) -> Cache:
        """Return a cache for so many rows of ``room`` tokens behind this one's prefix."""
        none = torch.zeros(0, dtype=torch.long, device=device)
        return Cache(self.prefix, lengths=none, slots=slots, room=room, alone=self.alone, before=self.before)

    def arrived(self) -> None:
        """Count the prompts that have been read among the rows."""
        assert self.arriving is not None
        self.lengths = torch.cat([self.lengths, torch.tensor(self.arriving, device=self.lengths.device)])
        self.arriving = None

    def step(self) -> None:
        """Make ready for one new token a row: ``bias`` [B, 1, 1, longest] is 0, and -inf where a row holds nothing."""
        places = torch.arange(int(self.lengths.max()) + 1, device=self.lengths.device)
        empty = (places[None] > self.lengths[:, None])[:, None, None]
        self.bias = torch.zeros(empty.shape, device=empty.device).masked_fill_(empty, float("-inf"))

    def leave(self, ended: Sequence[int]) -> list[int]:
        """Free the slots of ended rows by moving the last ones there; return which row each place now holds."""
        order = list(range(len(self.lengths)))
        for place in sorted(ended, reverse=True):
            last = order.pop()
            if place < len(order):
                order[place] = last
                size = int(self.lengths[last])
                for keys, values in self.rows.values():
                    keys[place, :, :size] = keys[len(order), :, :size]
                    values[place, :, :size] = values[len(order), :, :size]
        self.lengths = self.lengths[torch.tensor(order, dtype=torch.long, device=self.lengths.device)]
        self.texts = [self.texts[i] for i in order] if self.texts else []
        return order


def fill(cache: Cache, layer: int, k: torch.Tensor, v: torch.Tensor) -> None:
    """Store a prompt pass in the cache; every block of the row becomes a cache row, in the order of the row.

    A prefix that is recorded stands behind the one that is there (virtual tokens).
    """
    if cache.record:
        fresh = (k.transpose(0, 1), v.transpose(0, 1))
        if layer in cache.prefix:
            fresh = tuple(torch.cat([old, new], 1) for old, new in zip(cache.prefix[layer], fresh, strict=True))
        cache.prefix[layer] = (fresh[0].contiguous(), fresh[1].contiguous())
        return
    if layer not in cache.rows:
        shape = (cache.slots, k.shape[1], cache.room, k.shape[2])
        cache.rows[layer] = k.new_zeros(shape), v.new_zeros(shape)
    assert cache.arriving is not None
    keys, values = cache.rows[layer]
    start = 0
    for slot, length in enumerate(cache.arriving, len(cache.lengths)):
        keys[slot, :, :length] = k[start : start + length].transpose(0, 1)
        values[slot, :, :length] = v[start : start + length].transpose(0, 1)
        start += length
