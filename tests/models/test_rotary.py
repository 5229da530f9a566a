"""Positions turned in fewer walks are those of each architecture's own function; another function is left alone."""

from __future__ import annotations

import copy
import sys

import pytest
import torch

from architectures import CONFIGS, tiny
from residency.models.attention import use_packed
from residency.models.pack import Block, collate
from residency.models.rotary import NAME, turn_faster, turned_or

IDS = torch.arange(3, 60)[None]
LAYERS = 2


def own(net):
    return sum("forward" in vars(m) for m in net.modules())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_that_turns_faster_says_the_same(name):
    net = tiny(CONFIGS[name])
    faster = turn_faster(copy.deepcopy(net))
    assert own(faster) == LAYERS
    with torch.inference_mode():
        assert torch.allclose(faster(IDS).logits, net(IDS).logits, atol=2e-5, rtol=1e-5)
    assert torch.equal(faster(IDS).logits, net(IDS).logits)  # where a gradient is asked for it is the usual one


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_queries_and_keys_are_turned_as_by_transformers(dtype):
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb as usual

    torch.manual_seed(0)
    q, k = torch.randn(1, 9, 40, 64).to(dtype), torch.randn(1, 3, 40, 64).to(dtype)
    angles = (torch.arange(40.0)[:, None] * torch.rand(32)).repeat(1, 2)[None]
    cos, sin = angles.cos().to(dtype), angles.sin().to(dtype)
    with torch.inference_mode():
        pairs = zip(turned_or(refuse, q, k, cos, sin), usual(q, k, cos, sin), strict=True)
        for ours, theirs in pairs:
            assert torch.allclose(ours.float(), theirs.float(), atol=4 * torch.finfo(dtype).eps * 4, rtol=0)


def test_a_function_that_turns_otherwise_is_left_alone(monkeypatch):
    net = use_packed(tiny(CONFIGS["llama"]))
    module = sys.modules[type(net).__module__]
    usual = getattr(module, NAME)
    for other in (lambda q, k, cos, sin: usual(q, k, sin, cos), refuse):
        monkeypatch.setattr(module, NAME, other)
        assert own(turn_faster(net)) == 0
    monkeypatch.setattr(module, NAME, usual)
    assert own(turn_faster(net)) == LAYERS
    batch = collate([Block(list(range(3, 20)), [])])
    with torch.inference_mode():
        found = net.base_model(
            input_ids=batch.ids, position_ids=batch.positions, layout=batch.layout, use_cache=False
        ).last_hidden_state
        wanted = tiny(CONFIGS["llama"]).base_model(input_ids=batch.ids).last_hidden_state
    assert torch.allclose(found, wanted, atol=2e-5)


def refuse(*_):
    raise TypeError("wants something else")
