"""Low-rank adapters: made and saved by peft, computed by us.

peft's linear layer casts the input to fp32 and back around two small products. Here the frozen weight and both
adapter matrices are multiplied in the base's own precision in one autograd function, whose backward touches no
more memory than it must; the adapter's master weights and gradients stay fp32. In an fp32 model it is exact.
Source of the method: Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models", eq. 3.
"""

from __future__ import annotations

from pathlib import Path
from types import MethodType
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import Linear as LoraLinear
from transformers import PreTrainedModel

from residency.core.errors import UserError
from residency.models.weights import quiet_transformers

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class _LowRank(torch.autograd.Function):
    """y = x Wᵀ + s (x Aᵀ) Bᵀ for a frozen W; x [T, in], W [out, in], A [r, in], B [out, r] (A, B kept in fp32)."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: float
    ) -> torch.Tensor:
        low_a, low_b = a.to(x.dtype), b.to(x.dtype)
        mid = torch.mm(x, low_a.t())
        out = torch.mm(x, weight.t())
        out.addmm_(mid, low_b.t(), alpha=scale)
        ctx.save_for_backward(x, weight, low_a, low_b, mid)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        x, weight, low_a, low_b, mid = ctx.saved_tensors
        grad_mid = torch.mm(grad, low_b).mul_(ctx.scale)
        grad_b = torch.mm(grad.t(), mid).float().mul_(ctx.scale)
        grad_a = torch.mm(grad_mid.t(), x).float()
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.mm(grad, weight)
            grad_x.addmm_(grad_mid, low_a)
        return grad_x, None, grad_a, grad_b, None


def _forward(self: LoraLinear, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
    name = self.active_adapters[0] if self.active_adapters else ""
    base = self.base_layer
    if self.disable_adapters or self.merged or name not in self.lora_A:
        return base(x, *args, **kwargs)
    flat = x.reshape(-1, x.shape[-1])
    out = _LowRank.apply(flat, base.weight, self.lora_A[name].weight, self.lora_B[name].weight, self.scaling[name])
    out = out if base.bias is None else out + base.bias
    return out.view(*x.shape[:-1], -1)


def attach(
    model: PreTrainedModel,
    *,
    rank: int = 16,
    alpha: float | None = None,
    dropout: float = 0.0,
    targets: tuple[str, ...] = TARGETS,
    seed: int = 0,
) -> PeftModel:
    """Return the model with fresh fp32 LoRA adapters on its linear layers, everything else frozen.

    ``alpha`` defaults to ``rank`` (scale 1). Raises UserError where none of the targets exists in the model.
    """
    present = {name.rsplit(".", 1)[-1] for name, _ in model.named_modules()}
    if not present & set(targets):
        raise UserError(f"none of the layers {', '.join(targets)} is in this model; name its linear layers in targets")
    torch.manual_seed(seed)
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha or rank,
        lora_dropout=dropout,
        bias="none",
        task_type="CAUSAL_LM",
        target_modules=sorted(present & set(targets)),
    )
    with quiet_transformers():
        return fuse(get_peft_model(model, config, autocast_adapter_dtype=True))


def resume(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Return the model with the adapter of a folder, trainable."""
    with quiet_transformers():
        return fuse(PeftModel.from_pretrained(model, str(folder), is_trainable=True, autocast_adapter_dtype=True))


def fuse(model: PeftModel) -> PeftModel:
    """Return the model with its plain LoRA layers computed by the fused function.

    Layers with dropout, a bias on B or a variant (DoRA and others) keep peft's own forward.
    """
    for layer in model.modules():
        if isinstance(layer, LoraLinear) and plain(layer):
            layer.forward = MethodType(_forward, layer)  # type: ignore[method-assign]
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
