"""Which weights of an encoder learn, how fast, and against how much dropout."""

from __future__ import annotations

from typing import Any

from torch import nn
from transformers import PreTrainedModel

from residency.core.errors import UserError
from residency.train.noise import Dropout
from residency.train.schedule import Schedule


def freeze(net: PreTrainedModel, *, embeddings: bool, layers: int) -> dict[str, Any]:
    """Return what stays as it is, after setting it so: the embeddings, and the lowest ``layers`` with them."""
    stack = layers_of(net)
    if layers > len(stack):
        raise UserError(f"freeze_layers is {layers}; the encoder has {len(stack)} layers")
    if embeddings or layers:
        for weight in net.base_model.embeddings.parameters():
            weight.requires_grad_(False)
    for layer in stack[:layers]:
        layer.requires_grad_(False)
    return {"embeddings": bool(embeddings or layers), "layers": layers}


def layers_of(net: PreTrainedModel) -> nn.ModuleList:
    """Return the layers of an encoder's body, lowest first."""
    count = net.config.get_text_config().num_hidden_layers
    return next(m for m in net.base_model.modules() if isinstance(m, nn.ModuleList) and len(m) == count)


def set_head_rate(net: PreTrainedModel, rate: float | None, schedule: Schedule) -> None:
    """Let what stands behind the body learn at a rate of its own."""
    body = {id(weight) for weight in net.base_model.parameters()}
    for weight in net.parameters():
        if rate is not None and id(weight) not in body:
            weight.times = rate / schedule.learning_rate  # type: ignore[attr-defined]


def set_dropout(net: nn.Module, share: float | None) -> None:
    """Let every dropout set a share to zero; None leaves them as they are."""
    for module in net.modules() if share is not None else ():
        if isinstance(module, Dropout):
            module.p = float(share or 0.0)
