"""The same arithmetic in fewer walks through memory, for a network that only reads.

A norm written as six operations, or a gate as two, goes through its numbers as often; on a processor that costs as
much as a fifth of the products. The last layer goes on with those tokens alone whose states are asked for. Each
replacement is first tried beside what it replaces.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

from residency.models.pack import Block, Layout, collate

PARTS = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
"""What a decoder layer is made of that adds its attention, then its feed-forward part, to what it was given."""
SILU = ("SiLU", "SiLUActivation")


def fuse(net: PreTrainedModel) -> PreTrainedModel:
    """Return the network with its RMSNorms (Zhang and Sennrich 2019) and gated layers (Shazeer 2020) in one walk each.

    Where a layout says which tokens to ``keep``, the last layer gives the states of those alone. What computes anything
    else is left as it is.
    """
    for module in net.modules():
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            _replace(module, normed, len(module.weight))
        elif type(getattr(module, "act_fn", None)).__name__ in SILU and hasattr(module, "gate_proj"):
            _replace(module, gated, module.gate_proj.in_features)
    _end_early(net.base_model)
    return net


@torch.inference_mode()
def _replace(module: Any, forward: Any, width: int) -> None:
    weight = next(module.parameters())
    x = torch.linspace(-2.0, 3.0, 2 * width, device=weight.device, dtype=weight.dtype).view(1, 2, width)
    usual, ours = module(x).float(), forward(module, x).float()
    if torch.allclose(usual, ours, rtol=2 * torch.finfo(weight.dtype).eps, atol=1e-5 * float(usual.abs().max())):
        module.forward = partial(forward, module)


def normed(norm: Any, x: torch.Tensor) -> torch.Tensor:
    """Return w x / sqrt(mean(x²) + eps), computed in fp32; x [..., D]."""
    if x.is_cuda:  # one kernel there, which computes in fp32 too
        return F.rms_norm(x, norm.weight.shape, norm.weight, norm.variance_epsilon)
    wide = x.float()
    if torch.is_grad_enabled():  # what is changed in place has no gradient
        scale = (wide.square().mean(-1, keepdim=True) + norm.variance_epsilon).rsqrt()
        return (wide * scale * norm.weight).to(x.dtype)
    return torch.mul(wide, inverse_rms(wide, norm.variance_epsilon)).mul_(norm.weight).to(x.dtype)


def inverse_rms(x: torch.Tensor, eps: float) -> torch.Tensor:
    """Return 1 / sqrt(mean(x²) + eps) [..., 1] of x [..., D]."""
    size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return size.square_().div_(x.shape[-1]).add_(eps).rsqrt_()


def gated(mlp: Any, x: torch.Tensor) -> torch.Tensor:
    """Return down(silu(gate x) · up x); x [..., D]."""
    if torch.is_grad_enabled():
        return mlp.down_proj(F.silu(mlp.gate_proj(x)) * mlp.up_proj(x))
    return mlp.down_proj(F.silu(mlp.gate_proj(x), inplace=True).mul_(mlp.up_proj(x)))


@torch.inference_mode()
def _end_early(body: Any) -> None:
    """Let the last layer of a network keep only some tokens after its attention, if it does just what ``kept`` does."""
    layers = getattr(body, "layers", None)
    if not layers or {name for name, _ in layers[-1].named_children()} != PARTS or not hasattr(body, "rotary_emb"):
        return
    layer, weight = layers[-1], next(layers[-1].input_layernorm.parameters())
    batch = collate([Block([0] * 4, [])]).to(weight.device)
    x = torch.linspace(-2.0, 3.0, 4 * len(weight), device=weight.device, dtype=weight.dtype).view(1, 4, -1)
    turned = body.rotary_emb(x, batch.positions)
    given = {"position_embeddings": turned, "position_ids": batch.positions, "attention_mask": None}
    usual = layer(x, layout=batch.layout, **given)
    batch.layout.keep = torch.tensor([1, 3], device=weight.device)
    ours = kept(layer, layer.forward, x, layout=batch.layout, **given)
    tolerance = 4 * torch.finfo(weight.dtype).eps * float(usual.float().abs().max())
    if torch.is_tensor(usual) and torch.allclose(usual[:, 1::2].float(), ours.float(), rtol=0.0, atol=tolerance):
        layer.forward = partial(kept, layer, layer.forward)


def kept(layer: Any, usual: Any, hidden_states: torch.Tensor, *given: Any, **named: Any) -> Any:
    """Return a layer's states [1, K, D] of the K tokens that its layout keeps, of x [1, T, D]; else of all."""
    layout: Layout | None = named.get("layout")
    if given or layout is None or layout.keep is None or torch.is_grad_enabled():
        return usual(hidden_states, *given, **named)
    attended, _ = layer.self_attn(hidden_states=layer.input_layernorm(hidden_states), **named)
    x = hidden_states[:, layout.keep] + attended[:, layout.keep]
    return x + layer.mlp(layer.post_attention_layernorm(x))
