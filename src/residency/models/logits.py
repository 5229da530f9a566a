"""From a network's last hidden states to its logits: the output head, and what some architectures do behind it."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel


def logits_of(net: PreTrainedModel, hidden: torch.Tensor) -> torch.Tensor:
    """Return the logits [..., V] (fp32) that a network's own forward makes of its last hidden states [..., width].

    Gemma 2 caps them, Cohere multiplies and Granite divides them by a number.
    """
    head: Any = net.get_output_embeddings()
    logits: torch.Tensor = head(hidden).float()
    times, cap = behind(net)
    if times != 1:
        logits = logits * times
    return cap * torch.tanh(logits / cap) if cap else logits


def behind(net: PreTrainedModel) -> tuple[float, float]:
    """Return what a network does to the numbers of its head: the factor (1: none), and the cap (0: none)."""
    config = net.config.get_text_config()
    times = (getattr(config, "logit_scale", None) or 1) / (getattr(config, "logits_scaling", None) or 1)
    return times, getattr(config, "final_logit_softcapping", None) or 0


def is_plain(net: PreTrainedModel) -> bool:
    """Return whether logits are the product with the head's weight and nothing else."""
    return getattr(net.get_output_embeddings(), "bias", None) is None and behind(net) == (1, 0)
