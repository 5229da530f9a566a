"""Attention of long blocks for training, in tiles: memory grows with the length of a text and not with its square.

Shapes and arithmetic (fp32) are those of the short blocks in ``models/attention.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import torch

TILE = 128
"""Queries that go at a time: few enough for the cache."""


class LongBlocks(torch.autograd.Function):
    """Softmax attention over a bucket of long blocks with grouped key heads; q [B, K, G*L, D], k and v [B, K, L, D].

    ``TILE`` queries go at a time with the keys up to them, since none may see what lies behind it. The probabilities
    are computed again in backward (Rabe and Staats 2021, Self-attention Does Not Need O(n^2) Memory), so that what is
    kept grows with the length and not with its square.
    """

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor, scale: float
    ) -> torch.Tensor:
        ctx.save_for_backward(q, k, v, bias)
        ctx.scale, length = scale, k.shape[2]
        grouped = q.unflatten(2, (-1, length))
        out = torch.empty_like(grouped, dtype=v.dtype)
        for at, tile in _tiles(q.shape[:2], length):
            p, _, _ = _tile(grouped, k, bias, scale, at, tile)
            out[at][:, tile] = torch.matmul(p, v[at][: tile.stop].float()).view_as(out[at][:, tile])
        return out.flatten(2, 3)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        q, k, v, bias = ctx.saved_tensors
        grouped, length = q.unflatten(2, (-1, k.shape[2])), k.shape[2]
        given = grad.unflatten(2, (-1, length))
        grad_q = torch.zeros_like(grouped, dtype=torch.float32)
        grad_k, grad_v = (torch.zeros_like(x, dtype=torch.float32) for x in (k, v))
        for at, tile in _tiles(q.shape[:2], length):
            p, asked, keys = _tile(grouped, k, bias, ctx.scale, at, tile)
            g = given[at][:, tile].flatten(0, 1).float()
            grad_v[at][: tile.stop] += torch.matmul(p.T, g)
            grad_s = torch.matmul(g, v[at][: tile.stop].float().T)
            grad_s.sub_((grad_s * p).sum(-1, keepdim=True)).mul_(p).mul_(ctx.scale)
            grad_q[at][:, tile] = torch.matmul(grad_s, keys).view_as(grad_q[at][:, tile])
            grad_k[at][: tile.stop] += torch.matmul(grad_s.T, asked)
        return grad_q.flatten(2, 3).to(q.dtype), grad_k.to(k.dtype), grad_v.to(v.dtype), None, None


def _tiles(heads: Sequence[int], length: int) -> Iterator[tuple[tuple[int, int], slice]]:
    """Yield ((block, key head), queries) of a bucket's tiles."""
    for at in product(range(heads[0]), range(heads[1])):
        for start in range(0, length, TILE):
            yield at, slice(start, min(length, start + TILE))


def _tile(
    q: torch.Tensor, k: torch.Tensor, bias: torch.Tensor, scale: float, at: tuple[int, int], tile: slice
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return a tile's probabilities [G*tile, keys], its queries and the keys up to them, in fp32; q [B, K, G, L, D]."""
    asked, keys = q[at][:, tile].float(), k[at][: tile.stop].float()
    scores = torch.matmul(asked, keys.T).mul_(scale).add_(bias[at[0], 0, tile, : tile.stop])
    return torch.softmax(scores, -1).flatten(0, 1), asked.flatten(0, 1), keys
