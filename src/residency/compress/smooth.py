"""The same function in numbers that 8 bits hold better: channels are rescaled before the weights are rounded.

Q8_0 keeps 32 neighbouring numbers with one scale, of the weights when the file is written and of the activations when
llama.cpp runs it. Where one channel is far larger than its neighbours, these lose their digits. A factor can be moved
from a channel of the activations into the weights that read it, which changes nothing but the rounding: Xiao et al.
2023, SmoothQuant, eq. 4, with root mean squares in the place of maxima, since a scale here is that of a block of one
token and not of all tokens.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.progress import say
from residency.core.store import atomic_path, read_examples

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

SHAPES = ("llama", "mistral", "qwen2", "qwen3")
"""Model types whose layers are a norm, attention, a norm and a gated layer, as ``rescale`` takes them to be."""
CHATS, LONGEST = 96, 512
"""Training examples that are read to see how large each channel is, and their tokens at most."""
SAME = 1e-3
"""The largest change of a logit, in the largest logit, by which two models are still the same."""


def smoothed(model: Path, examples: Path, folder: Path, strength: float) -> Path | None:
    """Return ``folder`` with the model rescaled; None, and the reason said, where it is better left as it is.

    ``strength`` is the share of a channel's size that moves into the weights (SmoothQuant's alpha). The model is a
    folder in fp32; only training examples are read, never those of a test.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from residency.models.weights import quiet_transformers

    with quiet_transformers():
        net = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, trust_remote_code=False).eval()
    texts = list(_texts(AutoTokenizer.from_pretrained(model), examples))
    if net.config.model_type not in SHAPES:
        _left(f"models of the type {net.config.model_type} are not known here")
        return None
    if not texts:
        _left("there are no training examples to see its channels by")
        return None
    sizes, before = read(net, texts)
    rescale(net, sizes, strength)
    with torch.inference_mode():
        changed = float((net(texts[0]).logits - before).abs().max() / before.abs().max())
    if not changed < SAME:
        _left(f"its logits would change by {changed:.1e} of the largest")
        return None
    with atomic_path(folder) as building, quiet_transformers():
        shutil.copytree(model, building, ignore=shutil.ignore_patterns("*.safetensors", "*.safetensors.index.json"))
        net.save_pretrained(building)
    return folder


def _left(why: str) -> None:
    say(f"export: channels are not rescaled before they are rounded: {why}")


def _texts(tokenizer: Any, examples: Path) -> Iterator[torch.Tensor]:
    """Yield token ids [1, T] of training examples with their answers, drawn by a fixed seed."""
    found = [e for e in read_examples(examples / "examples.jsonl") if e.split not in ("test", "dev") and e.wanted]
    found.sort(key=lambda e: e.id)
    for example in random.Random("0:smooth").sample(found, min(CHATS, len(found))):
        chat = [*example.prompt, {"role": "assistant", "content": example.wanted[0]}]
        text = tokenizer.apply_chat_template(chat, tokenize=False)
        yield tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"][:, :LONGEST]


def read(net: PreTrainedModel, texts: Sequence[torch.Tensor]) -> tuple[dict[nn.Module, torch.Tensor], torch.Tensor]:
    """Return the root mean square [width] of what each layer's linear parts are given, and the first text's logits."""
    import torch

    sums: dict[nn.Module, torch.Tensor] = {}
    count = sum(text.shape[1] for text in texts)

    def look(module: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        x = given[0].detach().flatten(0, -2)
        sums[module] = sums.get(module, 0) + x.square().sum(0)

    parts = [part for layer in net.model.layers for part in _readers(layer)]
    hooks = [part.register_forward_pre_hook(look) for part in parts]
    try:
        with torch.inference_mode():
            logits = net(texts[0]).logits
            for text in texts[1:]:
                net.model(text)
    finally:
        for hook in hooks:
            hook.remove()
    return {part: (total / count).sqrt() for part, total in sums.items()}, logits


def _readers(layer: Any) -> tuple[nn.Module, ...]:
    """Return one linear part of a layer for each of the four inputs that such parts have."""
    return layer.self_attn.q_proj, layer.self_attn.o_proj, layer.mlp.gate_proj, layer.mlp.down_proj


def rescale(net: PreTrainedModel, sizes: dict[nn.Module, torch.Tensor], strength: float) -> None:
    """Move a factor of every channel into the weights that read it, in place."""
    import torch

    heads = net.config.num_attention_heads
    kv = net.config.num_key_value_heads or heads
    with torch.no_grad():
        for layer in net.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            readers = [attention.q_proj, attention.k_proj, attention.v_proj]
            _divide(layer.input_layernorm, _times(readers, sizes[attention.q_proj], strength))
            readers = [mlp.gate_proj, mlp.up_proj]
            _divide(layer.post_attention_layernorm, _times(readers, sizes[mlp.gate_proj], strength))
            _divide(mlp.up_proj, _times([mlp.down_proj], sizes[mlp.down_proj], strength))
            _divide(attention.v_proj, _times([attention.o_proj], sizes[attention.o_proj], strength, (kv, heads // kv)))


def _times(
    readers: Sequence[Any], size: torch.Tensor, strength: float, shared: tuple[int, int] = (1, 1)
) -> torch.Tensor:
    """Multiply the columns of the readers, and return the factors of what they read.

    ``shared`` = (groups, members): the members of a group are copies of the same channels and have the same factor.
    """
    import torch

    groups, members = shared
    weight = torch.cat([reader.weight for reader in readers])
    squares = size.square().view(groups, members, -1).mean(1)
    of_weights = weight.square().mean(0).view(groups, members, -1).mean(1)
    tiny = torch.finfo(size.dtype).tiny
    logs = strength * squares.clamp_min(tiny).log() - (1 - strength) * of_weights.clamp_min(tiny).log()
    factor = ((logs - logs.mean()) / 2).clamp(-7, 7).exp()
    columns = factor[:, None].expand(groups, members, -1).reshape(-1)
    for reader in readers:
        reader.weight.mul_(columns)
    return factor.reshape(-1)


def _divide(maker: Any, factor: torch.Tensor) -> None:
    """Divide what a norm or a linear part makes, channel by channel."""
    maker.weight.div_(factor if maker.weight.dim() == 1 else factor[:, None])
    if getattr(maker, "bias", None) is not None:
        maker.bias.div_(factor)
