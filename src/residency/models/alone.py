"""A row of blocks read one text at a time, through the network's own forward, where packed attention cannot run it.

That is attention with capped scores (softcap), with a window shorter than the text, with sinks, or something else than
attention. The attention is then transformers' own eager one; nothing is shared between texts.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel
from transformers.masking_utils import eager_mask

from residency.core.errors import Unsupported
from residency.models.cache import Cache
from residency.models.pack import Block, Layout, collate

PROVEN = ("llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi", "phi3", "mistral")
"""Architectures held against their eager attention by tests; any other is tried when it is opened."""
ATTENTION = {"full_attention", "sliding_attention"}
_here = threading.local()


@contextmanager
def alone() -> Iterator[None]:
    """Inside, this thread's passes without a layout take the network's own eager attention and masks."""
    before = is_alone()
    _here.alone = True
    try:
        yield
    finally:
        _here.alone = before


def is_alone() -> bool:
    """Return whether this thread reads texts alone."""
    return getattr(_here, "alone", False)


def own_mask(*given: Any, **named: Any) -> torch.Tensor | None:
    """Return the mask that eager attention adds to its scores; none where a layout says who sees whom."""
    return eager_mask(*given, **named) if is_alone() else None


def own_attention(module: torch.nn.Module, *given: Any, **named: Any) -> tuple[torch.Tensor, Any]:
    """Return what the eager attention of a layer's own architecture gives."""
    found: tuple[torch.Tensor, Any] = sys.modules[type(module).__module__].eager_attention_forward(  # type: ignore[attr-defined]
        module, *given, **named
    )
    return found


def reach_of(net: PreTrainedModel) -> float:
    """Return how many tokens a text may have for packed attention to be the network's own: 0 (none) up to infinity."""
    if why_never(net):
        return 0
    config = net.config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None) if not kinds or "sliding_attention" in kinds else None
    return window or math.inf


def why_never(net: PreTrainedModel) -> str:
    """Return why packed attention cannot run a network at all; empty where it can."""
    config = net.config.get_text_config()
    others = set(getattr(config, "layer_types", None) or ()) - ATTENTION
    if getattr(config, "attn_logit_softcapping", None):
        return "it caps the scores of its attention (softcap)"
    if others:
        return f"it has layers of another kind ({', '.join(sorted(others))})"
    if any(hasattr(module, "sinks") for module in net.modules()):
        return "its attention has sinks"
    if config.model_type not in PROVEN and not _same(net):
        return f"a trial of its kind ({config.model_type}) gave other numbers packed than alone"
    return ""


@torch.inference_mode()
def _same(net: PreTrainedModel) -> bool:
    """Return whether a network gives a small packed row the states that it gives each text alone."""
    batch = collate([Block([3, 4, 5], [[6, 7, 8], [9, 3]]), Block([7, 6, 5, 4], [])]).to(net.device)
    try:
        row = net.base_model(
            input_ids=batch.ids, position_ids=batch.positions, layout=batch.layout, use_cache=False
        ).last_hidden_state[0]
        single = states_alone(net, batch.ids, batch.layout)
    except (TypeError, ValueError, RuntimeError, AttributeError, Unsupported):  # it takes no layout
        return False
    tolerance = 1e-3 if net.dtype == torch.float32 else 0.05
    return bool((row.float() - single.float()).norm() <= tolerance * single.float().norm())


def texts(layout: Layout) -> Iterator[list[int]]:
    """Yield the places of each text of a row: every branch behind its context, or a block without branches."""
    for start, marks in zip(layout.starts, layout.marks, strict=True):
        edges = [0, *(i for i in range(1, len(marks)) if marks[i] != marks[i - 1]), len(marks)]
        runs = [(marks[first], range(start + first, start + last)) for first, last in pairwise(edges) if last > first]
        context = [place for mark, run in runs if not mark for place in run]
        branches = [run for mark, run in runs if mark]
        for branch in branches or [range(0)]:
            yield [*context, *branch]


def states_alone(
    net: PreTrainedModel,
    ids: torch.Tensor,
    layout: Layout | None = None,
    cache: Cache | None = None,
    soft: Cache | None = None,
) -> torch.Tensor:
    """Return the last hidden states [T, width] of a row of ids [1, T], without gradients, each text read alone.

    With a cache, the tokens that it says stand ``before`` all texts are read before each of them, behind the virtual
    tokens of ``soft``; arriving texts are kept in it, and without a layout each goes on by one token.
    """
    cache = Cache() if cache is None else cache
    if layout is None:
        return torch.cat([_body(net, ids[:, i : i + 1], past) for i, past in enumerate(cache.texts)])
    before, out = torch.tensor([list(cache.before)], dtype=ids.dtype, device=ids.device), None
    for places in texts(layout):
        past = past_of(net, soft)
        states = _body(net, torch.cat([before, ids[:, places]], 1), past)[len(cache.before) :]
        out = states.new_zeros(ids.shape[1], states.shape[1]) if out is None else out
        out[places] = states
        if cache.arriving is not None:
            cache.texts.append(past)
    assert out is not None
    return out


def _body(net: PreTrainedModel, ids: torch.Tensor, past: DynamicCache) -> torch.Tensor:
    with alone():
        states: torch.Tensor = net.base_model(input_ids=ids, past_key_values=past, use_cache=True).last_hidden_state[0]
    return states


def past_of(net: PreTrainedModel, soft: Cache | None) -> DynamicCache:
    """Return transformers' own cache for one text, with the keys and values of virtual tokens where there are."""
    past = DynamicCache(config=net.config.get_text_config())
    for layer, (keys, values) in sorted((soft.prefix if soft else {}).items()):
        past.update(keys[None], values[None], layer)
    return past
