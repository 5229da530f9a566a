"""Fewer walks through memory give the same numbers, and what computes something else is left alone."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from architectures import CONFIGS, tiny
from residency.models.attention import use_packed
from residency.models.fused import fuse
from residency.models.pack import Block, collate

IDS = torch.arange(3, 60)[None]


def replaced(net):
    return {type(m).__name__ for m in net.modules() if "forward" in vars(m)}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_fused_model_says_the_same(name):
    net = tiny(CONFIGS[name])
    for weight in net.parameters():  # norms of a new model are all ones
        torch.nn.init.normal_(weight, 0.1 if weight.dim() == 1 else 0.0, 0.2)
    fused = fuse(copy.deepcopy(net))
    with torch.inference_mode():
        assert torch.allclose(fused(IDS).logits, net(IDS).logits, atol=2e-5, rtol=1e-5)
    assert torch.allclose(fused(IDS).logits, net(IDS).logits, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("llama", {"LlamaRMSNorm", "LlamaMLP", "LlamaDecoderLayer"}),
        ("qwen3", {"Qwen3RMSNorm", "Qwen3MLP", "Qwen3DecoderLayer"}),
        ("gemma", {"GemmaDecoderLayer"}),
        ("phi", set()),
    ],
)
def test_only_what_computes_the_same_is_replaced(name, kinds):
    net = tiny(CONFIGS[name])
    for weight in net.parameters():
        torch.nn.init.normal_(weight, 0.1, 0.2)
    assert replaced(fuse(net)) == kinds


@pytest.mark.parametrize("name", CONFIGS)
def test_the_states_that_are_kept_are_those_of_all(name):
    net = fuse(use_packed(tiny(CONFIGS[name])))
    batch = collate([Block(list(range(3, 20)), [[21, 22], [23]]), Block(list(range(30, 37)), [[5, 6, 7]])])
    places = batch.sources.unique()
    with torch.inference_mode():
        states = [
            net.base_model(
                input_ids=batch.ids, position_ids=batch.positions, layout=layout, use_cache=False
            ).last_hidden_state[0]
            for layout in (batch.layout, replace(batch.layout, keep=places))
        ]
    some = states[1] if "DecoderLayer" in str(replaced(net)) else states[1][places]
    assert some.shape == (len(places), states[0].shape[1])
    assert torch.allclose(some, states[0][places], atol=1e-5)


def test_gradients_go_through_a_fused_model():
    net = tiny(CONFIGS["llama"])
    fused = fuse(copy.deepcopy(net))
    for each in (net, fused):
        each(IDS).logits.square().mean().backward()
    pairs = zip(net.parameters(), fused.parameters(), strict=True)
    assert all(torch.allclose(a.grad, b.grad, atol=1e-5, rtol=1e-4) for a, b in pairs)
