"""Attention for packed rows, registered with transformers under the name "packed".

Any transformers model that takes an attention interface can then be called on a row of blocks with
``model(ids, position_ids=..., layout=...)``. Blocks of similar length are laid side by side and multiplied as
batches; backward is written out, because torch's own backward of scaled-dot-product attention is slow on a CPU for
short texts. The same function serves scoring behind a shared prefix and decoding from a cache.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from residency.core.errors import Unsupported
from residency.models.alone import is_alone, own_attention, own_mask, reach_of
from residency.models.cache import Cache, fill
from residency.models.flash import flash
from residency.models.pack import Bucket, Layout
from residency.models.tiles import LongBlocks
from residency.models.twoway import whole

NAME = "packed"
LONG = 192
"""Tokens of a block beyond which training goes in tiles and keeps no probabilities."""


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
        blocks = LongBlocks if length > LONG else _Blocks
        ob = blocks.apply(qb.reshape(b, kv, -1, width), kb.contiguous(), vb.contiguous(), bucket.bias, scale)
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
        if prefix is not None:
            grouped = qb.reshape(b, kv, -1, width)
            bias = bucket.bias.to(q.dtype).repeat(1, 1, heads // kv, 1)
            ob = _behind(grouped, kb, vb, bias, scale, prefix).reshape(b, heads, length, width)
        else:
            mask = None if bucket.causal else bucket.visible
            ob = F.scaled_dot_product_attention(
                qb, kb, vb, attn_mask=mask, is_causal=bucket.causal, scale=scale, enable_gqa=heads != kv
            )
        ob = ob.transpose(1, 2).reshape(b * length, heads, width)
        out.index_copy_(0, bucket.flat, ob.index_select(0, bucket.put))
    return out


def _behind(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    bias: torch.Tensor,
    scale: float,
    prefix: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Return attention [B, K, N, D] of blocks behind a prefix [K, P, D], which is read once for all of them.

    q [B, K, N, D]: the heads that share a key head lie behind each other as one longer query; ``bias`` [B, 1, N, L].
    Attention over two parts is the mean of both, weighted by their sums of exponents.
    """
    b, kv, _, width = q.shape
    if q.device.type != "cpu":
        keys, values = (torch.cat([p.expand(b, -1, -1, -1), x], 2) for p, x in zip(prefix, (k, v), strict=True))
        mask = torch.cat([bias.new_zeros(*bias.shape[:3], prefix[0].shape[1]), bias], 3)
        return F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=scale)
    own, weight = _flash(q, k, v, attn_mask=bias, scale=scale)
    flat = q.transpose(0, 1).reshape(1, kv, -1, width)
    front, before = _flash(flat, prefix[0][None], prefix[1][None], scale=scale)
    front = front.view(kv, b, -1, width).transpose(0, 1)
    share = torch.sigmoid(before.view(kv, b, -1).transpose(0, 1).float() - weight.float())
    return torch.lerp(own, front, share[..., None].to(own.dtype))


def _flash(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, scale: float, attn_mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return attention on a CPU and the logarithm of each query's sum of exponents."""
    found = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        q, k, v, 0.0, False, attn_mask=attn_mask, scale=scale
    )
    return found[0], found[1]


def _decode(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cache: Cache, layer: int, scale: float) -> torch.Tensor:
    """Return attention [B, H, D] of one new token a row, after storing its key and value."""
    assert cache.bias is not None
    b, heads, width = q.shape
    kv, used = k.shape[1], cache.bias.shape[-1]
    keys, values = (each[:b] for each in cache.rows[layer])
    rows = torch.arange(b, device=q.device)
    keys[rows, :, cache.lengths] = k
    values[rows, :, cache.lengths] = v
    grouped, bias = q.view(b, kv, heads // kv, width), cache.bias.to(q.dtype).expand(-1, -1, heads // kv, -1)
    keys, values = keys[:, :, :used], values[:, :, :used]
    if layer in cache.prefix:
        out = _behind(grouped, keys, values, bias, scale, cache.prefix[layer])
    else:
        out = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=bias, scale=scale)
    return out.reshape(b, heads, width)


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

    Without a layout and a cache it is torch's own over a padded batch, causal unless the layer says that it is not, or,
    where a text is to be read ``alone``, the eager attention of the architecture itself.
    """
    if layout is None and is_alone():
        q, k = query.to(value.dtype), key.to(value.dtype)
        return own_attention(module, q, k, value, attention_mask, scaling=scaling, dropout=dropout, **kwargs)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if layout is None and cache is None:
        causal = attention_mask is None and query.shape[2] > 1 and bool(getattr(module, "is_causal", True))
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
    if layout is not None and layout.two_way:
        return whole(q, k, v, layout, scale, dropout, kwargs, has_flash)[None], None
    if layout is not None:
        _refuse(layout, kwargs)
    if layout is not None and has_flash(v.device, v.dtype, q.shape[1], k.shape[1], q.shape[2]):
        return _flashed(module, q, k, v, layout, cache, scale)[None], None
    if layout is not None and cache is None and torch.is_grad_enabled() and (q.requires_grad or k.requires_grad):
        return _train(q, k, v, layout, scale)[None], None
    q, k = q.to(v.dtype), k.to(v.dtype)
    layer = int(getattr(module, "layer_idx", 0))
    if cache is not None and layout is None:
        return _decode(q, k, v, cache, layer, scale)[None], None
    assert layout is not None
    prefix = cache.prefix.get(layer) if cache is not None else None
    if cache is not None and (cache.record or cache.arriving is not None):
        fill(cache, layer, k, v)
    return _score(q, k, v, layout, scale, prefix)[None], None


def _flashed(
    module: torch.nn.Module,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    layout: Layout,
    cache: Cache | None,
    scale: float,
) -> torch.Tensor:
    """Return attention [T, H, D] of a packed row on a GPU, with gradients or without, after filling the cache."""
    layer = int(getattr(module, "layer_idx", 0))
    prefix = cache.prefix.get(layer) if cache is not None else None
    if cache is not None and (cache.record or cache.arriving is not None):
        fill(cache, layer, k.to(v.dtype), v)
    if prefix is not None:
        k, v = (torch.cat([p.transpose(0, 1), x.to(p.dtype)]) for p, x in zip(prefix, (k, v), strict=True))
    return flash(q, k, v, layout.runs(prefix[0].shape[1] if prefix is not None else 0), scale)


@lru_cache
def has_flash(device: torch.device, dtype: torch.dtype, heads: int, kv: int, width: int) -> bool:
    """Return whether the flash kernel serves such heads on a device, by trying it beside what it replaces."""
    if device.type != "cuda" or dtype not in (torch.bfloat16, torch.float16):
        return False
    layout = Layout([0, 9, 12], [[0, 0, 0, 1, 1, 2, 2, 2, 3], [0, 0, 0], [0, 0, 1, 1]], device)
    random = torch.Generator(device).manual_seed(0)
    q, k, v = (torch.randn(16, n, width, device=device, generator=random).to(dtype) for n in (heads, kv, kv))
    try:
        with torch.inference_mode():
            found = flash(q, k, v, layout.runs(), width**-0.5)
            wanted = _score(q.float(), k.float(), v.float(), layout, width**-0.5, None)
    except (RuntimeError, NotImplementedError, AttributeError, TypeError):  # a build, a card or a width without it
        return False
    return torch.allclose(found.float(), wanted, atol=0.05)


def _refuse(layout: Layout, kwargs: dict[str, Any]) -> None:
    """Raise Unsupported for what would be computed wrongly: capped scores, or a window shorter than a block."""
    window = kwargs.get("sliding_window")
    longest = layout.longest
    if kwargs.get("softcap") or (window and longest > window):
        reason = "caps its scores (softcap)" if kwargs.get("softcap") else f"sees {window} tokens (sliding window)"
        raise Unsupported(f"packed attention cannot run this model, which {reason}; the longest block has {longest}")


def register() -> None:
    """Make "packed" known to transformers; harmless when repeated."""
    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, own_mask)


def use_packed(model: PreTrainedModel) -> PreTrainedModel:
    """Return the model, set to packed attention; its ``reach`` is how long a text may be for that to be its own."""
    register()
    model.set_attn_implementation(NAME)
    model.reach = reach_of(model)
    return model
