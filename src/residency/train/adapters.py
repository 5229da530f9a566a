"""Low-rank adapters: made and saved by peft, computed by us.

peft's linear layer casts the input to fp32 and back around two small products. Here the frozen weight and both
adapter matrices are multiplied in the base's own precision in one autograd function, whose backward touches no
more memory than it must; the adapter's master weights and gradients stay fp32. In an fp32 model it is exact.
Source of the method: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", eq. 3.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import MethodType
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear

SIBLINGS = (("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj"))
"""Layers of one module that read the same input: their low-rank products are made together."""


class _LowRank(torch.autograd.Function):
    """yᵢ = x Wᵢᵀ + sᵢ (x Aᵢᵀ) Bᵢᵀ for frozen Wᵢ, of any number of layers that read the same x.

    x [T, in]; then all W [out, in], all A [r, in], all B [out, r] (A and B kept in fp32).
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, scales: Sequence[float], *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        n = len(scales)
        weights, a, b = given[:n], given[n : 2 * n], [each.to(x.dtype) for each in given[2 * n :]]
        whole_a = (torch.cat(a) if n > 1 else a[0]).to(x.dtype)
        mid = torch.mm(x, whole_a.t())
        ctx.scales, ctx.ranks = scales, [len(each) for each in a]
        ctx.save_for_backward(x, whole_a, mid, *weights, *b)
        outs = []
        for weight, low_b, part, scale in zip(weights, b, mid.split(ctx.ranks, 1), scales, strict=True):
            outs.append(torch.mm(x, weight.t()).addmm_(part, low_b.t(), alpha=scale))
        return tuple(outs)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        x, whole_a, mid, *rest = ctx.saved_tensors
        n = len(grads)
        weights, b, scales = rest[:n], rest[n:], ctx.scales
        parts = [torch.mm(g, low_b).mul_(s) for g, low_b, s in zip(grads, b, scales, strict=True)]
        grad_mid = torch.cat(parts, 1) if n > 1 else parts[0]
        grad_a = torch.mm(grad_mid.t(), x).float().split(ctx.ranks)
        halves = zip(grads, mid.split(ctx.ranks, 1), scales, strict=True)
        grad_b = [torch.mm(g.t(), part).float().mul_(s) for g, part, s in halves]
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.mm(grads[0], weights[0])
            for g, weight in zip(grads[1:], weights[1:], strict=True):
                grad_x.addmm_(g, weight)
            grad_x.addmm_(grad_mid, whole_a)
        return grad_x, None, *[None] * n, *grad_a, *grad_b


def _together(layers: Sequence[LoraLinear], x: torch.Tensor) -> list[torch.Tensor]:
    """Return what each of the layers gives for x [..., in]."""
    names = [layer.active_adapters[0] for layer in layers]
    named = list(zip(layers, names, strict=True))
    outs = _LowRank.apply(
        x.reshape(-1, x.shape[-1]),
        [layer.scaling[name] for layer, name in named],
        *(layer.base_layer.weight for layer in layers),
        *(layer.lora_A[name].weight for layer, name in named),
        *(layer.lora_B[name].weight for layer, name in named),
    )
    biased = (o if (bias := la.base_layer.bias) is None else o + bias for o, la in zip(outs, layers, strict=True))
    return [out.view(*x.shape[:-1], -1) for out in biased]


class _Siblings:
    """Layers with the same input: the first to be called computes all, the others take theirs.

    What is kept for them is kept by thread, since rows may learn side by side, and only while all are in use.
    """

    def __init__(self, layers: Sequence[LoraLinear]) -> None:
        self.layers = list(layers)
        self.kept: dict[int, tuple[torch.Tensor, dict[LoraLinear, torch.Tensor]]] = {}

    def take(self, layer: LoraLinear, x: torch.Tensor) -> torch.Tensor:
        """Return the output of one of the layers for x."""
        thread = threading.get_ident()
        read, outs = self.kept.pop(thread, (None, {}))
        if read is not x or layer not in outs:
            if layer is not self.layers[0] or not all(map(_active, self.layers)):
                return _together([layer], x)[0]
            outs = dict(zip(self.layers, _together(self.layers, x), strict=True))
        found = outs.pop(layer)
        if outs:
            self.kept[thread] = (x, outs)
        return found


def _active(layer: LoraLinear) -> bool:
    """Return whether a layer's adapter is in use, and not merged into its weight."""
    name = layer.active_adapters[0] if layer.active_adapters else ""
    return not (layer.disable_adapters or layer.merged) and name in layer.lora_A


def _forward(self: LoraLinear, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    if not _active(self):
        return self.base_layer(x, *args, **kwargs)
    siblings: _Siblings | None = getattr(self, "siblings", None)
    return siblings.take(self, x) if siblings else _together([self], x)[0]


def fuse(model: Any) -> Any:
    """Return the model with its plain LoRA layers computed by the fused function.

    Layers with dropout, a bias on B or a variant (DoRA and others) keep peft's own forward.
    """
    for module in model.modules():
        if isinstance(module, LoraLinear) and plain(module):
            module.forward = MethodType(_forward, module)  # type: ignore[method-assign]
        for names in SIBLINGS:
            layers = [layer for name in names if isinstance(layer := getattr(module, name, None), LoraLinear)]
            if len(layers) > 1 and all(map(plain, layers)):
                siblings = _Siblings(layers)
                for layer in layers:
                    layer.siblings = siblings
    return model


def plain(layer: LoraLinear) -> bool:
    """Return whether a layer is one adapter without dropout, bias or variant on an ordinary linear layer."""
    return (
        len(layer.lora_A) == 1
        and not layer.lora_variant
        and type(layer.base_layer) is torch.nn.Linear
        and all(isinstance(d, torch.nn.Identity) for d in layer.lora_dropout.values())
        and all(b.bias is None for b in layer.lora_B.values())
    )


def trainable(model: torch.nn.Module) -> list[torch.nn.Parameter]:
    """Return the parameters that learn, in a fixed order."""
    return [p for _, p in sorted(model.named_parameters()) if p.requires_grad]
