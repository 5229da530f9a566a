"""A network's matrix products by oneDNN, on weights that lie in memory as its kernels read them.

``torch.nn.functional.linear`` gives fp32 to MKL, and lays every weight out anew at each call. With weights laid out
once, the same products take six sevenths of the time for long rows, and three fifths for eight rows, as in a decoding
step (``bench/products.py``, an AMD EPYC). The dense weight is not kept beside the other: it is made again where it is
asked for.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel


class Packed(nn.Module):
    """y = x Wᵀ + b as ``torch.nn.Linear``, for networks that only read; x [..., in], y [..., out]."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.bias = linear.bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)

    @property
    def weight(self) -> torch.Tensor:
        """Return the dense weight [out, in], a copy."""
        return self.packed.to_dense()

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "weight"] = self.weight  # what is saved is a usual layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the product [..., out]."""
        if torch.is_grad_enabled() or x.dtype != self.packed.dtype:  # the packed product has no gradient
            return F.linear(x, self.weight, self.bias)
        return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")


@torch.no_grad()
def pack(net: PreTrainedModel) -> PreTrainedModel:
    """Return the network with its linear layers packed, where it lies on a CPU and oneDNN gives the same numbers.

    A head that shares its rows with the embedding stays as it is.
    """
    if net.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return net
    shared = net.get_input_embeddings().weight
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and child.weight is not shared and (packed := _tried(child)) is not None:
                setattr(parent, name, packed)
    return net


def _tried(linear: nn.Linear) -> Packed | None:
    """Return a layer packed, if what it makes of two rows is what the layer makes of them."""
    weight = linear.weight
    x = torch.linspace(-2.0, 3.0, 2 * linear.in_features, dtype=weight.dtype).view(2, -1)
    try:
        packed = Packed(linear)
        usual, ours = linear(x).float(), packed(x).float()
    except (RuntimeError, NotImplementedError, AttributeError):  # a build or a type that oneDNN does not serve
        return None
    tolerance = max(1e-5, 2 * torch.finfo(weight.dtype).eps) * float(usual.abs().max())
    return packed if torch.allclose(usual, ours, rtol=0.0, atol=tolerance) else None
