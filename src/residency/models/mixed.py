"""Products in bf16 of weights that are kept, and learn, in fp32: what autocast does, for linear layers alone.

An input is rounded, multiplied by a rounded weight, summed in fp32 by the processor, and rounded once more; gradients
in the same way, added up in fp32. Norms, residual sums, softmax and the loss stay in fp32, which autocast does not do
for the residual stream of a network whose layers return bf16 (Micikevicius et al. 2018, Mixed Precision Training).
"""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel


class _Low(torch.autograd.Function):
    """y = x Wᵀ + b in ``low``; x [T, in] of any type, W [out, in] and b [out] of any type, y [T, out] in ``low``."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, low: torch.dtype
    ) -> torch.Tensor:
        ctx.types = x.dtype, weight.dtype, None if bias is None else bias.dtype
        x, weight = x.to(low), weight.to(low)
        ctx.save_for_backward(x, weight)
        return F.linear(x, weight, None if bias is None else bias.to(low))

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        grad = grad.to(weight.dtype)
        grad_x = torch.mm(grad, weight).to(ctx.types[0]) if ctx.needs_input_grad[0] else None
        grad_w = torch.mm(grad.t(), x).to(ctx.types[1]) if ctx.needs_input_grad[1] else None
        grad_b = grad.sum(0, dtype=torch.float32).to(ctx.types[2]) if ctx.needs_input_grad[2] else None
        return grad_x, grad_w, grad_b, None


def mixed(net: PreTrainedModel, low: torch.dtype, *, learns: bool = True) -> PreTrainedModel:
    """Return the network with the products of its body's linear layers in ``low``; unchanged where that is fp32.

    What stands behind the body (a pooler, the head) stays in fp32. One that does not learn keeps its weights in ``low``
    alone.
    """
    for name, module in net.base_model.named_modules() if low != torch.float32 else ():
        if type(module) is nn.Linear and not name.startswith("pooler"):
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]
            module.low = low
            if not learns:
                module.weight.data = module.weight.data.to(low)
    return net


def _forward(self: Any, x: torch.Tensor) -> torch.Tensor:
    flat = x.reshape(-1, x.shape[-1])
    if torch.is_grad_enabled():
        found = _Low.apply(flat, self.weight, self.bias, self.low)
    else:
        bias = None if self.bias is None else self.bias.to(self.low)
        found = F.linear(flat.to(self.low), self.weight.to(self.low), bias)
    return found.view(*x.shape[:-1], -1)
