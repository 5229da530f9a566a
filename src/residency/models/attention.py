"""Attention for packed rows, registered with transformers under the name "packed".

Any transformers model that takes an attention interface can then be called on a row of blocks with
``model(ids, position_ids=..., layout=...)``. Blocks of similar length are laid side by side and multiplied as
batches; backward is written out, because torch's own backward of scaled-dot-product attention is slow on a CPU for
short texts. The same function serves scoring behind a shared prefix and decoding from a cache.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional as F
from transformers import AttentionInterface, PreTrainedModel

from residency.core.errors import Unsupported
from residency.models.pack import Bucket, Layout

NAME = "packed"


@dataclass(slots=True)
class Cache:
    """Keys and values of every layer: a prefix shared by all rows, and each row's own.

    ``prefix[layer]`` = (keys, values) [heads, P, width]; ``rows[layer]`` = (keys, values) [B, heads, room, width];
    ``lengths`` [B] counts the row's own tokens. ``record`` names what the next pass stores: "prefix", "rows" or "".
    """

    prefix: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    rows: dict[int, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict)
    lengths: torch.Tensor | None = None
    room: int = 0
    record: str = ""
    decoding: bool = False

    def keep(self, chosen: torch.Tensor) -> None:
        """Keep only the chosen rows (indices)."""
        self.rows = {i: (k[chosen], v[chosen]) for i, (k, v) in self.rows.items()}
        assert self.lengths is not None
        self.lengths = self.lengths[chosen]


class _Blocks(torch.autograd.Function):
    """Softmax attention over a bucket of blocks with grouped key heads; q [B, K, G*L, D], k and v [B, K, L, D].

    Computed in fp32 whatever the types given: for short texts it is a small part of the work, and the larger part of
    a bf16 gradient's error, since the score gradient is a difference of two numbers that are almost equal.
    """

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor, scale: float
    ) -> torch.Tensor:
        b, heads, gl, _ = q.shape
        length = k.shape[2]
        ctx.types, ctx.scale = (q.dtype, k.dtype, v.dtype), scale
        q, k, v = q.float(), k.float(), v.float()
        scores = torch.matmul(q, k.transpose(2, 3)).mul_(scale)
        scores.view(b, heads, gl // length, length, length).add_(bias[:, :, None])
        p = torch.softmax(scores, dim=-1)
        ctx.save_for_backward(q, k, v, p)
        return torch.matmul(p, v).to(ctx.types[2])

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        q, k, v, p = ctx.saved_tensors
        grad = grad.float()
        grad_v = torch.matmul(p.transpose(2, 3), grad)
        grad_s = torch.matmul(grad, v.transpose(2, 3))
        grad_s.sub_((grad_s * p).sum(-1, keepdim=True)).mul_(p).mul_(ctx.scale)
        grad_q, grad_k = torch.matmul(grad_s, k), torch.matmul(grad_s.transpose(2, 3), q)
        return *(g.to(type) for g, type in zip((grad_q, grad_k, grad_v), ctx.types, strict=True)), None, None


class _Take(torch.autograd.Function):
    """The bucket's tokens of x [T, ...], the first token where it is padded; backward puts the real ones back."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, bucket: Bucket) -> torch.Tensor:
        ctx.bucket, ctx.size = bucket, x.shape[0]
        return x.index_select(0, bucket.take)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        out = grad.new_zeros(ctx.size, *grad.shape[1:])
        out.index_copy_(0, ctx.bucket.flat, grad.index_select(0, ctx.bucket.put))
        return out, None


class _Put(torch.autograd.Function):
    """The bucket's real tokens, from [B*L, ...]; backward leaves zero at the padding."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, bucket: Bucket) -> torch.Tensor:
        ctx.bucket, ctx.size = bucket, x.shape[0]
        return x.index_select(0, bucket.put)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        out = grad.new_zeros(ctx.size, *grad.shape[1:])
        out.index_copy_(0, ctx.bucket.put, grad)
        return out, None


def _train(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: Layout, scale: float) -> torch.Tensor:
    """Return attention [T, H, D] of a packed row; q [T, H, D], k and v [T, K, D]."""
    heads, kv, width = q.shape[1], k.shape[1], q.shape[2]
    outs = []
    for bucket in layout.buckets:
        b, length = bucket.shape
        qb = _Take.apply(q, bucket).view(b, length, kv, heads // kv, width).permute(0, 2, 3, 1, 4)
        kb = _Take.apply(k, bucket).view(b, length, kv, width).transpose(1, 2)
        vb = _Take.apply(v, bucket).view(b, length, kv, width).transpose(1, 2)
        ob = _Blocks.apply(qb.reshape(b, kv, -1, width), kb.contiguous(), vb.contiguous(), bucket.bias, scale)
        ob = ob.view(b, kv, heads // kv, length, width).permute(0, 3, 1, 2, 4).reshape(b * length, heads, width)
        outs.append(_Put.apply(ob, bucket))
    joined = torch.cat(outs) if len(outs) > 1 else outs[0]
    return joined.index_select(0, layout.order)


def _score(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    layout: Layout,
    scale: float,
    prefix: tuple[torch.Tensor, torch.Tensor] | None,
) -> torch.Tensor:
    """Return attention [T, H, D] without gradients, every block also seeing the shared prefix."""
    heads, kv, width = q.shape[1], k.shape[1], q.shape[2]
    out = torch.empty_like(q)
    for bucket in layout.buckets:
        b, length = bucket.shape
        qb = q.index_select(0, bucket.take).view(b, length, heads, width).transpose(1, 2)
        kb = k.index_select(0, bucket.take).view(b, length, kv, width).transpose(1, 2)
        vb = v.index_select(0, bucket.take).view(b, length, kv, width).transpose(1, 2)
        visible = bucket.visible
        if prefix is not None:
            kb = torch.cat([prefix[0].expand(b, -1, -1, -1), kb], dim=2)
            vb = torch.cat([prefix[1].expand(b, -1, -1, -1), vb], dim=2)
            visible = torch.cat([visible.new_ones(b, 1, length, prefix[0].shape[1]), visible], dim=3)
        ob = F.scaled_dot_product_attention(qb, kb, vb, attn_mask=visible, scale=scale, enable_gqa=heads != kv)
        ob = ob.transpose(1, 2).reshape(b * length, heads, width)
        out.index_copy_(0, bucket.flat, ob.index_select(0, bucket.put))
    return out


def _fill(cache: Cache, layer: int, k: torch.Tensor, v: torch.Tensor, layout: Layout) -> None:
    """Store a prompt pass in the cache; every block of the row becomes a cache row, in the order of the row."""
    if cache.record == "prefix":
        cache.prefix[layer] = (k.transpose(0, 1).contiguous(), v.transpose(0, 1).contiguous())
        return
    assert cache.lengths is not None
    row = torch.repeat_interleave(torch.arange(len(cache.lengths)), cache.lengths)
    place = torch.arange(int(cache.lengths.sum())) - (cache.lengths.cumsum(0) - cache.lengths)[row]
    shape = (len(cache.lengths), k.shape[1], cache.room, k.shape[2])
    keys, values = k.new_zeros(shape), v.new_zeros(shape)
    keys[row, :, place] = k
    values[row, :, place] = v
    cache.rows[layer] = (keys, values)


def _decode(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cache: Cache, layer: int, scale: float) -> torch.Tensor:
    """Return attention [B, H, D] of one new token a row, after storing its key and value."""
    assert cache.lengths is not None
    b, heads, width = q.shape
    kv = k.shape[1]
    keys, values = cache.rows[layer]
    rows = torch.arange(b)
    keys[rows, :, cache.lengths] = k
    values[rows, :, cache.lengths] = v
    used = int(cache.lengths.max()) + 1
    qg = q.view(b, kv, heads // kv, width)
    scores = torch.matmul(qg, keys[:, :, :used].transpose(2, 3)).float() * scale
    hidden = torch.arange(used)[None] > cache.lengths[:, None]
    scores.masked_fill_(hidden[:, None, None], float("-inf"))
    if layer not in cache.prefix:
        p = torch.softmax(scores, -1).to(q.dtype)
        return torch.matmul(p, values[:, :, :used]).view(b, heads, width)
    pk, pv = cache.prefix[layer]
    flat = qg.transpose(0, 1).reshape(kv, -1, width)
    shared = torch.matmul(flat, pk.transpose(1, 2)).view(kv, b, heads // kv, -1).transpose(0, 1).float() * scale
    p = torch.softmax(torch.cat([shared, scores], -1), -1).to(q.dtype)
    ps, po = p.split([pk.shape[1], used], dim=-1)
    out = torch.matmul(po, values[:, :, :used])
    front = torch.matmul(ps.transpose(0, 1).reshape(kv, -1, pk.shape[1]), pv)
    return (out + front.view(kv, b, heads // kv, width).transpose(0, 1)).reshape(b, heads, width)


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    layout: Layout | None = None,
    cache: Cache | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Return ([1, T, H, D], None): attention of a packed row; q [1, H, T, D], k and v [1, K, T, D].

    Without a layout and a cache it is plain causal attention over a padded batch (torch's own).
    """
    if layout is not None:
        _refuse(layout, kwargs)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if layout is None and cache is None:
        causal = attention_mask is None and query.shape[2] > 1
        out = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=attention_mask,
            is_causal=causal,
            scale=scale,
            enable_gqa=query.shape[1] != key.shape[1],
        )
        return out.transpose(1, 2).contiguous(), None
    q, k, v = (t[0].transpose(0, 1) for t in (query, key, value))
    if layout is not None and cache is None and torch.is_grad_enabled() and (q.requires_grad or k.requires_grad):
        return _train(q, k, v, layout, scale)[None], None
    q, k = q.to(v.dtype), k.to(v.dtype)
    layer = int(getattr(module, "layer_idx", 0))
    if cache is not None and cache.decoding:
        return _decode(q, k, v, cache, layer, scale)[None], None
    assert layout is not None
    prefix = cache.prefix.get(layer) if cache is not None else None
    if cache is not None and cache.record:
        _fill(cache, layer, k, v, layout)
    return _score(q, k, v, layout, scale, prefix)[None], None


def _refuse(layout: Layout, kwargs: dict[str, Any]) -> None:
    """Raise Unsupported for what would be computed wrongly: capped scores, or a window shorter than a block."""
    window = kwargs.get("sliding_window")
    longest = max(b.shape[1] for b in layout.buckets)
    if kwargs.get("softcap") or (window and longest > window):
        reason = "caps its scores (softcap)" if kwargs.get("softcap") else f"sees {window} tokens (sliding window)"
        raise Unsupported(f"packed attention cannot run this model, which {reason}; the longest block has {longest}")


def register() -> None:
    """Make "packed" known to transformers; harmless when repeated."""
    AttentionInterface.register(NAME, packed_attention)


def use_packed(model: PreTrainedModel) -> PreTrainedModel:
    """Return the model, set to packed attention."""
    register()
    model.set_attn_implementation(NAME)
    return model
