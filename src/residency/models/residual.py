"""The residual stream of a model while it learns: added up in fp32, and normed in one function.

Sixty additions rounded to 8 bits are a large part of a bf16 gradient's error; the products stay bf16. An RMSNorm
written as nine operations, whose backward has twice as many, costs more than its arithmetic: here it is one.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from transformers import AutoConfig, PreTrainedModel

from residency.models.device import precision
from residency.models.fused import inverse_rms
from residency.models.local import read_net


class _RMSNorm(torch.autograd.Function):
    """y = w x / sqrt(mean(x²) + eps), computed in fp32 (Zhang and Sennrich 2019, eq. 4); x [..., D], w [D]."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float, out: torch.dtype) -> torch.Tensor:
        x32, w32 = x.float(), weight.float()
        scale = inverse_rms(x32, eps)
        ctx.save_for_backward(x32, w32, scale)
        ctx.types = x.dtype, weight.dtype
        return torch.mul(x32, scale).mul_(w32).to(out)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        x, weight, scale = ctx.saved_tensors
        grad_w = None
        if ctx.needs_input_grad[1]:
            grad_w = (grad.float() * x * scale).flatten(0, -2).sum(0).to(ctx.types[1])
        found = grad.float() * weight
        along = (found * x).sum(-1, keepdim=True).mul_(scale.pow(3)).div_(x.shape[-1])
        found.mul_(scale).addcmul_(x, along, value=-1.0)
        return found.to(ctx.types[0]), grad_w, None, None


def read_to_learn(folder: Path | str, type: str = "auto", *, masters: bool = False) -> PreTrainedModel:
    """Return the network of a folder or hub id with frozen weights in a precision, its residual stream in fp32.

    Weights that are stored in that precision are read in it, since all of them are exact there; others in fp32 first.
    With ``masters`` the weights stay fp32, as is needed to learn them, and are multiplied in the precision.
    """
    low = precision(type)
    if masters:
        return with_masters(read_net(folder, "fp32"), low)
    stored = None
    with suppress(OSError, ValueError):  # what cannot be read is told by the reading
        stored = getattr(AutoConfig.from_pretrained(str(folder), trust_remote_code=False), "dtype", None)
    net = read_net(folder, type if stored == low else "fp32")
    net.requires_grad_(False)
    return lower(net, low)


def lower(model: PreTrainedModel, low: torch.dtype) -> PreTrainedModel:
    """Return the model with its linear layers in ``low``, and all they are added to, or made from, in fp32.

    An output head that shares its rows with the embedding gets a copy of its own. Only for models whose norms are all
    RMSNorm (LayerNorm does not take mixed types on a CPU); of others every weight is in ``low``.
    """
    norms = [m for m in model.modules() if type(m).__name__.endswith("Norm")]
    mixed = all(type(m).__name__.endswith("RMSNorm") for m in norms)
    head = model.get_output_embeddings()
    if mixed and low != torch.float32 and head.weight is model.get_input_embeddings().weight:
        head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=head.weight.requires_grad)
    for module in model.modules():
        dtype = low if isinstance(module, torch.nn.Linear) or not mixed else torch.float32
        for weight in module.parameters(recurse=False):
            weight.data = weight.data.to(dtype)
    for norm in norms if mixed else ():
        if _is_plain(norm):
            norm.forward = partial(_normed, norm, low)
        elif low != torch.float32:
            norm.register_forward_hook(lambda module, given, out: out.to(low))
    return model


def with_masters(model: PreTrainedModel, low: torch.dtype) -> PreTrainedModel:
    """Return an fp32 model whose linear layers multiply in ``low``, as ``lower`` does with weights that are frozen."""
    norms = [m for m in model.modules() if type(m).__name__.endswith("Norm")]
    mixed = low != torch.float32 and all(type(m).__name__.endswith("RMSNorm") for m in norms)
    for module in model.modules():
        if mixed and isinstance(module, torch.nn.Linear):
            module.forward = partial(_multiplied, module, low)  # type: ignore[method-assign]
    for norm in norms if mixed else ():
        if _is_plain(norm):
            norm.forward = partial(_normed, norm, low)
        else:
            norm.register_forward_hook(lambda module, given, out: out.to(low))
    return model


def _multiplied(linear: torch.nn.Linear, low: torch.dtype, x: torch.Tensor) -> torch.Tensor:
    bias = None if linear.bias is None else linear.bias.to(low)
    return F.linear(x.to(low), linear.weight.to(low), bias)


def _normed(norm: Any, out: torch.dtype, x: torch.Tensor) -> torch.Tensor:
    if x.is_cuda:  # one kernel there
        return F.rms_norm(x, norm.weight.shape, norm.weight, norm.variance_epsilon).to(out)
    return _RMSNorm.apply(x, norm.weight, norm.variance_epsilon, out)


@torch.no_grad()
def _is_plain(norm: Any) -> bool:
    """Return whether a norm is what the function computes, by asking it (Gemma's adds one to its weight)."""
    if not hasattr(norm, "variance_epsilon"):
        return False
    x = torch.linspace(-2.0, 3.0, 2 * len(norm.weight), device=norm.weight.device).view(2, -1)
    mine = _RMSNorm.apply(x, norm.weight, norm.variance_epsilon, torch.float32)
    return bool(torch.allclose(mine, norm(x), rtol=1e-5, atol=1e-6))
