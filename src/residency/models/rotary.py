"""Rotary positions (Su et al. 2021) turned in three walks through memory, for a network that only reads.

transformers writes the turn of queries and keys as seven operations with two copies between them; in one thread, a
twentieth of the time of scoring goes into what that has too many (docs/lab.md). An attention layer keeps its own code
and is given another function to turn with, where both were found to give the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from transformers import PreTrainedModel

NAME = "apply_rotary_pos_emb"
"""What transformers calls the function, in the module of each architecture."""
Turn = Callable[..., tuple[torch.Tensor, torch.Tensor]]


def turn_faster(net: PreTrainedModel) -> PreTrainedModel:
    """Return the network with its queries and keys turned by ``turned``, where its own function does just that."""
    for module in net.modules():
        code = type(module).forward
        usual = getattr(code, "__globals__", {}).get(NAME)
        if usual is None or "forward" in vars(module) or NAME not in getattr(code, "__code__", code).co_names:
            continue
        if _same(usual, net.device, net.dtype):
            named = {**code.__globals__, NAME: partial(turned_or, usual)}
            own = FunctionType(code.__code__, named, code.__name__, code.__defaults__, code.__closure__)
            own.__kwdefaults__ = code.__kwdefaults__
            module.forward = MethodType(own, module)
    return net


def turned_or(usual: Turn, q: torch.Tensor, k: torch.Tensor, *given: Any, **named: Any) -> Any:
    """Return queries and keys turned: by ``turned``, or as usual where a gradient or another layout is asked for."""
    if torch.is_grad_enabled() or len(given) != 2 or named:
        return usual(q, k, *given, **named)
    cos, sin = (each[:, None] for each in given)
    return turned(q, cos, sin), turned(k, cos, sin)


def turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Return x [B, H, T, D] with its first and second half turned by angles whose cos and sin are [B, 1, T, D]."""
    half = x.shape[-1] // 2
    y = x * cos
    y[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
    y[..., half:].addcmul_(x[..., :half], sin[..., half:])
    return y


@torch.inference_mode()
def _same(usual: Turn, device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether a function turns as ``turned`` does, by asking both."""
    q = torch.linspace(-2.0, 3.0, 2 * 5 * 8, device=device, dtype=dtype).view(1, 2, 5, 8)
    k = q[:, :1].flip(-1)
    cos, sin = (torch.linspace(a, b, 40, device=device).cos().to(dtype).view(1, 5, 8) for a, b in ((0, 2), (3, 1)))
    try:
        found = usual(q, k, cos, sin)
    except (TypeError, ValueError, RuntimeError):  # a function of that name that wants something else
        return False
    ours = turned_or(usual, q, k, cos, sin)
    tolerance = 4 * torch.finfo(dtype).eps * float(q.abs().max())
    return all(torch.allclose(a, b, rtol=0.0, atol=tolerance) for a, b in zip(found, ours, strict=True))
