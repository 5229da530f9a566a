"""The output head without kept logits: log-probabilities of the scored tokens alone, made again in the backward pass.

Source of the idea: Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost".
"""

from __future__ import annotations

import torch
from torch.nn import functional as F


class _TokenLogprobs(torch.autograd.Function):
    """Log-probability of a target at each place, the places in chunks: logits are never kept, but made again.

    Places are filled up to a multiple of STEP: a product of a new shape is planned anew, and each plan is kept.
    """

    CHUNK = 256
    GPU_CHUNK = 2048
    STEP = 16

    @staticmethod
    def forward(ctx, hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:  # type: ignore[no-untyped-def,override]
        out, norms = [], []
        size = _chunk(hidden)
        for h, t in zip(hidden.split(size), targets.split(size), strict=True):
            logits = torch.mm(_filled(h), weight.t())[: len(h)].float()
            norm = logits.logsumexp(-1)
            out.append(logits.gather(1, t[:, None]).squeeze(1) - norm)
            norms.append(norm)
        ctx.save_for_backward(hidden, weight, targets, torch.cat(norms))
        return torch.cat(out)

    @staticmethod
    def backward(ctx, grad: torch.Tensor):  # type: ignore[no-untyped-def,override]
        hidden, weight, targets, norms = ctx.saved_tensors
        grad_hidden = torch.empty_like(hidden)
        grad_weight = torch.zeros_like(weight, dtype=torch.float32) if ctx.needs_input_grad[1] else None
        for first in range(0, len(targets), _chunk(hidden)):
            last = min(first + _chunk(hidden), len(targets))
            p = torch.mm(_filled(hidden[first:last]), weight.t())[: last - first].float()
            p.sub_(norms[first:last, None]).exp_()
            p.mul_(-grad[first:last, None])
            p[torch.arange(last - first, device=p.device), targets[first:last]] += grad[first:last]
            p = p.to(weight.dtype)
            grad_hidden[first:last] = torch.mm(_filled(p), weight)[: last - first]
            if grad_weight is not None:
                grad_weight += torch.mm(p.t(), hidden[first:last]).float()
        return grad_hidden, None if grad_weight is None else grad_weight.to(weight.dtype), None


def _chunk(rows: torch.Tensor) -> int:
    """Return how many places reach the head at once on the device of some rows."""
    return _TokenLogprobs.CHUNK if rows.device.type == "cpu" else _TokenLogprobs.GPU_CHUNK


def _filled(rows: torch.Tensor) -> torch.Tensor:
    """Return the rows [M, N] with rows of zeros up to the next multiple of STEP."""
    short = -len(rows) % _TokenLogprobs.STEP
    return F.pad(rows, (0, 0, 0, short)) if short else rows


def token_logprobs(hidden: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return log-probabilities [M] (nats, fp32) of ``targets`` [M] from states [M, width] and the head [V, width]."""
    return _TokenLogprobs.apply(hidden, weight, targets)
