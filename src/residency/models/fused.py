"""The same arithmetic in fewer walks through memory, for a network that only reads.

A norm written as six operations, or a gate as two, goes through its numbers as often; on a processor that costs as
much as a fifth of the products. Each replacement is first tried beside what it replaces.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

SILU = ("SiLU", "SiLUActivation")


def fuse(net: PreTrainedModel) -> PreTrainedModel:
    """Return the network with its RMSNorms (Zhang and Sennrich 2019) and gated layers (Shazeer 2020) in one walk each.

    What computes anything else is left as it is.
    """
    for module in net.modules():
        if type(module).__name__.endswith("RMSNorm") and hasattr(module, "variance_epsilon"):
            _replace(module, normed, len(module.weight))
        elif type(getattr(module, "act_fn", None)).__name__ in SILU and hasattr(module, "gate_proj"):
            _replace(module, gated, module.gate_proj.in_features)
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
