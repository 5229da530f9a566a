"""Attention of packed rows on a GPU: torch's flash kernel for sequences of any length, with a fixed order of sums."""

from __future__ import annotations

from typing import Any

import torch

from residency.models.pack import Runs


class _Flash(torch.autograd.Function):
    """Attention by the flash kernel, [T, H, D]; backward adds up in a fixed order where torch is asked to.

    That kernel does so only where torch is to refuse whatever cannot, which would be too much for all else.
    """

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, runs: Runs, scale: float, causal: bool
    ) -> torch.Tensor:
        ctx.given = (*runs.longest, 0.0, causal)
        out, sums, *random = torch.ops.aten._flash_attention_forward(
            q, k, v, runs.queries, runs.stretches, *ctx.given, False, scale=scale
        )
        ctx.save_for_backward(q, k, v, out, sums, runs.queries, runs.stretches, *random[:2])
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:  # type: ignore[override]
        *before, random, unused = ctx.saved_tensors
        mode = torch.get_deterministic_debug_mode()
        torch.set_deterministic_debug_mode("error" if mode else "default")
        try:
            found = torch.ops.aten._flash_attention_backward(grad, *before, *ctx.given, random, unused, scale=ctx.scale)
        finally:
            torch.set_deterministic_debug_mode(mode)
        return *found, None, None, None


def flash(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, runs: Runs, scale: float, *, causal: bool = True
) -> torch.Tensor:
    """Return attention [T, H, D] by the flash kernel for sequences of any length; k and v [S, K, D].

    Dao 2023, "FlashAttention-2", which never writes the scores. Without ``causal`` a query sees its whole stretch. The
    gradients of keys that several runs see are added up in fp32.
    """
    low = v.dtype
    if runs.keys is not None:
        wide = torch.float32 if torch.is_grad_enabled() else low
        k, v = (each.to(wide).index_select(0, runs.keys) for each in (k, v))
    return _Flash.apply(q.to(low), k.to(low), v.to(low), runs, scale, causal)
