"""Attention of an encoder over a packed row: every token sees the whole of its block, and nothing of its neighbours.

Blocks of like length are multiplied side by side, few enough at a time that their scores stay near the processor.
The backward pass is written out, and the dropout of the probabilities draws from the row's own generator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from residency.core.errors import Unsupported
from residency.models.chance import kept
from residency.models.flash import flash
from residency.models.pack import Bucket, Layout


def whole(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    layout: Layout,
    scale: float,
    dropout: float,
    named: dict[str, Any],
    has_flash: Callable[..., bool],
) -> torch.Tensor:
    """Return attention [T, H, D] of a two-way row; q, k and v [T, H, D].

    ``named`` is what else the layer says: where it has a ``sliding_window`` of w, a token sees those that are fewer
    than w places away. Raises Unsupported for capped scores and shared key heads.
    """
    if named.get("softcap") or q.shape[1] != k.shape[1]:
        raise Unsupported("two-way packed attention takes no capped scores (softcap) and no shared key heads")
    window = named.get("sliding_window") or 0
    window = window if layout.longest > window else 0
    if not (window or dropout) and has_flash(v.device, v.dtype, q.shape[1], k.shape[1], q.shape[2]):
        return flash(q, k, v, layout.runs(), scale, causal=False)
    if not (window or dropout or (torch.is_grad_enabled() and (q.requires_grad or v.requires_grad))):
        return _read(q.to(v.dtype), k.to(v.dtype), v, layout, scale)
    return _TwoWay.apply(q, k, v, layout, scale, dropout, window)


class _TwoWay(torch.autograd.Function):
    """Softmax attention (Vaswani et al. 2017, eq. 1) over each block, with dropout of the probabilities as BERT has it.

    The scores, the softmax and the gradient of the scores are in fp32 whatever the types given, since the last is a
    difference of two numbers that are almost equal; the other products are in the values' type. The row sums of that
    gradient are taken from the output (Dao et al. 2022, FlashAttention, appendix B.2), which is a tenth as wide.
    """

    @staticmethod
    def forward(
        ctx: Any,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        layout: Layout,
        scale: float,
        dropout: float,
        window: int,
    ) -> torch.Tensor:
        out = torch.empty(v.shape, dtype=torch.float32, device=v.device)
        saved: list[torch.Tensor] = []
        for bucket in layout.buckets:
            qb, kb, vb = (_take(x, bucket) for x in (q, k, v))
            p = torch.matmul(qb.float().mul_(scale), kb.float().transpose(2, 3))
            p = torch.softmax(_masked(p, bucket, window), -1)
            keep = kept(p.shape, dropout, p.device, layout.draw) if dropout else None
            shown = (p if keep is None else p * keep).to(v.dtype)
            _put(out, torch.matmul(shown, vb).float(), bucket, dropout)
            saved += [p] if keep is None else [p, keep]
        ctx.save_for_backward(q, k, v, out, *saved)
        ctx.given = layout, scale, dropout
        return out.to(v.dtype)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        q, k, v, out, *rest = ctx.saved_tensors
        layout, scale, dropout = ctx.given
        found = [torch.empty_like(x) for x in (q, k, v)]
        saved, low = iter(rest), v.dtype
        for bucket in layout.buckets:
            p, keep = next(saved), next(saved) if dropout else None
            qb, kb, vb, gb, ob = (_take(x, bucket) for x in (q, k, v, grad.float(), out))
            if bucket.padded:
                gb = gb * bucket.visible.transpose(2, 3)
            along = (gb * ob).sum(-1, keepdim=True)
            gb = gb * (1 / (1 - dropout)) if dropout else gb
            shown = (p if keep is None else p * keep).to(low)
            grad_s = torch.matmul(gb, vb.float().transpose(2, 3))
            grad_s = grad_s if keep is None else grad_s.mul_(keep)
            grad_s = grad_s.sub_(along).mul_(p).to(low)
            _put(found[0], torch.matmul(grad_s, kb.to(low)).mul_(scale), bucket)
            _put(found[1], torch.matmul(grad_s.transpose(2, 3), qb.to(low)).mul_(scale), bucket)
            _put(found[2], torch.matmul(shown.transpose(2, 3), gb.to(low)), bucket)
        return *found, None, None, None, None


def _take(x: torch.Tensor, bucket: Bucket) -> torch.Tensor:
    """Return the bucket's tokens of x [T, H, D] as [B, H, L, D]; padded places hold the row's first token."""
    b, length = bucket.shape
    return x.index_select(0, bucket.take).view(b, length, *x.shape[1:]).transpose(1, 2).contiguous()


def _put(out: torch.Tensor, x: torch.Tensor, bucket: Bucket, dropped: float = 0.0) -> None:
    """Write the bucket's real tokens of x [B, H, L, D] to their places of out [T, H, D], scaled up for dropout."""
    flat = x.transpose(1, 2).reshape(-1, *out.shape[1:])
    flat = flat.index_select(0, bucket.put) if bucket.padded else flat
    out.index_copy_(0, bucket.flat, (flat.mul_(1 / (1 - dropped)) if dropped else flat).to(out.dtype))


def _masked(scores: torch.Tensor, bucket: Bucket, window: int) -> torch.Tensor:
    """Return scores [B, H, L, L] where none is seen that is padding, or ``window`` places away or more; in place."""
    if bucket.padded:
        scores.add_(bucket.bias)
    if window and scores.shape[-1] > window:
        place = torch.arange(scores.shape[-1], device=scores.device)
        far = (place[:, None] - place[None]).abs() >= window
        scores.masked_fill_(far, torch.finfo(torch.float32).min)
    return scores


def _read(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, scale: float) -> torch.Tensor:
    """Return attention [T, H, D] without gradients, by torch's own function, bucket by bucket."""
    out = torch.empty_like(v)
    for bucket in layout.buckets:
        b, length = bucket.shape
        parts = (x.index_select(0, bucket.take).view(b, length, *x.shape[1:]).transpose(1, 2) for x in (q, k, v))
        mask = bucket.visible if bucket.padded else None
        found = F.scaled_dot_product_attention(*parts, attn_mask=mask, scale=scale)
        flat = found.transpose(1, 2).reshape(-1, *v.shape[1:])
        out.index_copy_(0, bucket.flat, flat.index_select(0, bucket.put))
    return out
