"""What a network says of a packed row: the log-probabilities that every objective of a generator is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from residency.models.pack import Batch
from residency.train.head import token_logprobs
from residency.train.loop import Loss

Objective = Callable[[torch.Tensor, Batch], tuple[torch.Tensor, dict[str, float]]]
"""(log-probabilities [M] of the batch's scored tokens, the batch) → (loss, figures to log)."""


def forward(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Return the log-probabilities [M] (nats) of a batch's scored tokens under a causal LM, bare or with adapters."""
    net: Any = model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]
    states = net.base_model(input_ids=batch.ids, position_ids=batch.positions, layout=batch.layout, use_cache=False)
    picked = states.last_hidden_state[0].index_select(0, batch.sources)
    return token_logprobs(picked, net.get_output_embeddings().weight, batch.targets)


def scored(objective: Objective) -> Loss:
    """Return the loss of a network on a packed row, from an objective of its scored tokens' log-probabilities."""

    def loss(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return objective(forward(model, batch), batch)

    return loss
