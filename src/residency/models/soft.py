"""Virtual tokens: what prefix, prompt and P-tuning learn, as keys and values that stand before every text.

The rows of a network that reads behind them lie packed as behind any other shared prefix. Sources: Li and Liang 2021
(prefix tuning), Lester et al. 2021 (prompt tuning), Liu et al. 2021, "GPT Understands, Too" (P-tuning).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import DynamicCache, PreTrainedModel

from residency.models.alone import alone
from residency.models.cache import Cache
from residency.models.weights import quiet_transformers

KINDS = {"PREFIX_TUNING": "prefix", "PROMPT_TUNING": "prompt", "P_TUNING": "ptuning"}
"""peft's names of the methods with virtual tokens, and ours."""


def soft_method(adapter: Path) -> str:
    """Return which method with virtual tokens made an adapter's folder; empty for any that has none."""
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    return KINDS.get(str(config.get("peft_type")), "")


def virtual_tokens(tuned: Any) -> int:
    """Return how many virtual tokens a network with an adapter of peft has; 0 where its method has none."""
    config = getattr(tuned, "peft_config", {}).get("default")
    return int(config.num_virtual_tokens) if config is not None and config.is_prompt_learning else 0


@torch.no_grad()
def soft_cache(tuned: Any) -> Cache:
    """Return the keys and values of an adapter's virtual tokens as they are now, as a prefix."""
    net = tuned.get_base_model()
    past = tuned.get_prompt(batch_size=1)
    if torch.is_tensor(past):
        embedded, past = past.to(net.get_input_embeddings().weight.dtype), DynamicCache()
        with alone():
            net.base_model(inputs_embeds=embedded, past_key_values=past, use_cache=True)
    low = next((m.weight.dtype for m in net.modules() if type(m) is torch.nn.Linear), net.dtype)
    kept = [(layer.keys[0].to(low).contiguous(), layer.values[0].to(low).contiguous()) for layer in past.layers]
    return Cache(prefix=dict(enumerate(kept)))


def read_soft(net: PreTrainedModel, adapter: Path) -> tuple[Callable[[], Cache], int]:
    """Return (what gives the virtual tokens of an adapter's folder as a prefix of a network, how many they are)."""
    from peft import PeftModel

    with quiet_transformers():
        tuned = PeftModel.from_pretrained(net, str(adapter)).eval()
    return partial(_copy, soft_cache(tuned)), virtual_tokens(tuned)


def _copy(cache: Cache) -> Cache:
    return Cache(prefix=dict(cache.prefix))
