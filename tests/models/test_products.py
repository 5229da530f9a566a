"""Products on packed weights are those of the dense ones, and what oneDNN does not serve is left alone."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM

from architectures import CONFIGS, tiny
from residency.models.products import Packed, pack

IDS = torch.arange(3, 60)[None]


def kinds(net):
    return [type(m) for m in net.modules()]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 7, 300])
@pytest.mark.parametrize("bias", [True, False])
def test_a_packed_layer_gives_the_product(dtype, rows, bias):
    torch.manual_seed(0)
    linear = nn.Linear(96, 160, bias=bias).to(dtype)
    x = torch.randn(2, rows, 96).to(dtype)
    with torch.inference_mode():
        exact = nn.functional.linear(x.double(), linear.weight.double(), linear.bias.double() if bias else None)
        usual, ours = linear(x), Packed(linear)(x)
    assert (ours.shape, ours.dtype) == (usual.shape, usual.dtype)
    error = [float((y.double() - exact).abs().max()) for y in (usual, ours)]
    assert error[1] <= 2 * error[0] + 1e-6


def test_the_dense_weight_comes_back_bit_by_bit():
    linear = nn.Linear(33, 70, bias=False)
    assert torch.equal(Packed(linear).weight, linear.weight)


def test_a_packed_model_is_saved_as_a_usual_one(tmp_path):
    net = tiny(CONFIGS["qwen2"])
    pack(copy.deepcopy(net)).save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32).state_dict()
    assert again.keys() == net.state_dict().keys()
    assert all(torch.equal(again[name], weight) for name, weight in net.state_dict().items())


def test_a_gradient_goes_through_a_packed_layer():
    linear = nn.Linear(24, 40)
    packed, x = Packed(linear), torch.randn(5, 24, requires_grad=True)
    linear(x).square().sum().backward()
    wanted, x.grad = x.grad.clone(), None
    packed(x).square().sum().backward()
    assert torch.allclose(x.grad, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_packed_model_says_the_same(name):
    net = tiny(CONFIGS[name])
    packed = pack(copy.deepcopy(net))
    assert Packed in kinds(packed)
    with torch.inference_mode():
        assert torch.allclose(packed(IDS).logits, net(IDS).logits, atol=2e-5, rtol=1e-5)


def test_a_head_that_is_the_embedding_stays_and_another_is_packed():
    config = copy.deepcopy(CONFIGS["llama"])
    config.tie_word_embeddings = True
    assert type(pack(tiny(config)).get_output_embeddings()) is nn.Linear
    config.tie_word_embeddings = False
    assert type(pack(tiny(config)).get_output_embeddings()) is Packed


def test_what_onednn_does_otherwise_or_not_at_all_is_left_alone(monkeypatch):
    monkeypatch.setattr(Packed, "forward", lambda self, x: 2 * nn.functional.linear(x, self.weight, self.bias))
    assert Packed not in kinds(pack(tiny(CONFIGS["llama"])))
    monkeypatch.undo()
    monkeypatch.setattr(Packed, "__init__", refuse)
    assert Packed not in kinds(pack(tiny(CONFIGS["llama"])))


def refuse(*_):
    raise NotImplementedError("no such kernel")


def test_without_onednn_nothing_is_packed(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert Packed not in kinds(pack(tiny(CONFIGS["llama"])))
