"""What a network says of a packed row: the log-probabilities that every objective of a generator is made of.

A row is read at once. What packed attention cannot run, and what learns virtual tokens, is read one text at a time
through the network's own forward (or peft's): slower, and the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from residency.models.alone import alone, texts
from residency.models.logits import is_plain, logits_of
from residency.models.pack import Batch, Layout
from residency.models.soft import virtual_tokens
from residency.train.head import token_logprobs
from residency.train.loop import Loss
from residency.train.noise import generator

Objective = Callable[[torch.Tensor, Batch], tuple[torch.Tensor, dict[str, float]]]
"""(log-probabilities [M] of the batch's scored tokens, the batch) → (loss, figures to log)."""
CHUNK = 256
"""Places whose logits are made at once where the head does more than multiply."""


def forward(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Return the log-probabilities [M] (nats) of a batch's scored tokens under a causal LM, bare or with adapters."""
    net: Any = model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]
    embedded = noisy(model, net, batch)
    if virtual_tokens(model) or batch.layout.longest > getattr(net, "reach", math.inf):
        return _one_by_one(model, batch, embedded)
    read = {"input_ids": batch.ids} if embedded is None else {"inputs_embeds": embedded}
    states = net.base_model(**read, position_ids=batch.positions, layout=batch.layout, use_cache=False)
    picked = states.last_hidden_state[0].index_select(0, batch.sources)
    if is_plain(net):
        return token_logprobs(picked, net.get_output_embeddings().weight.to(picked.dtype), batch.targets)
    return _own_head(net, picked, batch.targets)


def scored(objective: Objective) -> Loss:
    """Return the loss of a network on a packed row, from an objective of its scored tokens' log-probabilities."""

    def loss(model: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return objective(forward(model, batch), batch)

    return loss


def noisy(model: Any, net: Any, batch: Batch) -> torch.Tensor | None:
    """Return a row's embeddings [1, T, d] with NEFTune's noise while a model learns; None where it has none.

    Jain et al. 2023, "NEFTune", algorithm 1: uniform in ±alpha / √(L d) for a text of L tokens; what several texts
    share has the L of the first.
    """
    alpha = getattr(model, "neftune", 0.0)
    if not alpha or not model.training:
        return None
    embedded: torch.Tensor = net.get_input_embeddings()(batch.ids)
    drawn = torch.empty(embedded.shape, device=embedded.device).uniform_(-1, 1, generator=generator())
    size = text_lengths(batch.layout, embedded.device) * embedded.shape[-1]
    return embedded + (drawn * (alpha / size.sqrt())[:, None]).to(embedded.dtype)


def text_lengths(layout: Layout, device: torch.device) -> torch.Tensor:
    """Return [T] how many tokens the text of each token has, fp32; of those that share it the first."""
    found = [1.0] * layout.size
    for places in reversed(list(texts(layout))):
        for place in places:
            found[place] = float(len(places))
    return torch.tensor(found, device=device)


def _one_by_one(model: Any, batch: Batch, embedded: torch.Tensor | None) -> torch.Tensor:
    """Return the log-probabilities [M] of a batch whose texts are read one after the other."""
    order, parts = [], []
    for places, rows, where in _scored_texts(batch):
        read = {"input_ids": batch.ids[:, places]} if embedded is None else {"inputs_embeds": embedded[:, places]}
        with alone():
            logits = model(**read, use_cache=False, logits_to_keep=where).logits[0].float()
        targets = batch.targets[rows]
        parts.append(logits.gather(1, targets[:, None]).squeeze(1) - logits.logsumexp(-1))
        order.append(rows)
    rows = torch.cat(order)
    return torch.cat(parts).index_select(0, rows.argsort())


def _scored_texts(batch: Batch) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor]]:
    """Yield each text with scored tokens: its places in the row, which of the batch's scored tokens it tells, and the
    places in the text that tell them, from its end. What texts share is told by the first."""
    waiting: dict[int, list[int]] = {}
    for row, source in enumerate(batch.sources.tolist()):
        waiting.setdefault(source, []).append(row)
    for places in texts(batch.layout):
        told = [(row, at) for at, place in enumerate(places) for row in waiting.pop(place, ())]
        if told:
            rows = torch.tensor([row for row, _ in told], device=batch.ids.device)
            yield places, rows, torch.tensor([at - len(places) for _, at in told], device=batch.ids.device)


def _own_head(net: Any, picked: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return log-probabilities [M] of targets through the network's own head, whose logits are made again in the
    backward pass."""

    def part(states: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        logits = logits_of(net, states)
        return logits.gather(1, wanted[:, None]).squeeze(1) - logits.logsumexp(-1)

    chunks = zip(picked.split(CHUNK), targets.split(CHUNK), strict=True)
    return torch.cat([checkpoint(part, *chunk, use_reentrant=False) for chunk in chunks])
