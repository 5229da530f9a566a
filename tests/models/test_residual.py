"""The residual stream in fp32: nearer to the exact gradient, and in fp32 nothing but faster."""

import copy

import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from architectures import CONFIGS, packed, tiny
from residency.models import residual
from residency.models.attention import use_packed
from residency.models.local import read_net
from residency.models.residual import _RMSNorm, lower


def gradient(model):
    sum(packed(model).values()).backward()
    return torch.cat([p.grad.float().flatten() for n, p in model.named_parameters() if "proj" in n])


def test_the_norm_and_its_gradients_are_those_of_transformers():
    theirs = LlamaRMSNorm(24, eps=1e-5)
    with torch.no_grad():
        theirs.weight.normal_(1.0, 0.3)
    x = torch.randn(7, 24, requires_grad=True)
    wanted = torch.autograd.grad(theirs(x).pow(3).sum(), (x, theirs.weight))
    mine = _RMSNorm.apply(x, theirs.weight, 1e-5, torch.float32)
    found = torch.autograd.grad(mine.pow(3).sum(), (x, theirs.weight))
    assert torch.allclose(mine, theirs(x), atol=1e-6)
    for a, b in zip(found, wanted, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_in_fp32_every_architecture_keeps_its_scores_and_gradients(name):
    model = use_packed(tiny(CONFIGS[name]))
    changed = lower(copy.deepcopy(model), torch.float32)
    for owner, score in packed(model).items():
        assert torch.allclose(packed(changed)[owner], score, atol=1e-4)
    assert torch.allclose(gradient(changed), gradient(model), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "phi"])
def test_a_bf16_gradient_comes_nearer_to_the_exact_one(name):
    model = use_packed(tiny(CONFIGS[name]))
    exact = gradient(copy.deepcopy(model))
    plain = gradient(copy.deepcopy(model).bfloat16())
    kept = gradient(lower(model, torch.bfloat16))
    assert torch.norm(kept - exact) < torch.norm(plain - exact)


def test_the_embedding_stays_exact_and_a_head_that_shares_it_gets_its_own_rows():
    model = tiny(CONFIGS["gemma"])
    rows = model.get_input_embeddings().weight.clone()
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    lower(model, torch.bfloat16)
    assert torch.equal(model.get_input_embeddings().weight, rows)
    assert torch.equal(model.get_output_embeddings().weight, rows.bfloat16())


def test_weights_stored_in_the_precision_asked_for_are_read_in_it_and_come_to_the_same(tmp_path, monkeypatch):
    model = tiny(CONFIGS["llama"]).bfloat16()
    model.save_pretrained(tmp_path)
    wanted = lower(model.float(), torch.bfloat16).state_dict()
    asked = []
    monkeypatch.setattr(residual, "read_net", lambda folder, type: asked.append(type) or read_net(folder, type))
    found = residual.read_to_learn(tmp_path, "bf16").state_dict()
    assert asked == ["bf16"] and found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) and found[key].dtype == wanted[key].dtype for key in wanted)
    residual.read_to_learn(tmp_path, "fp32")
    assert asked == ["bf16", "fp32"]


def test_a_model_with_layer_norms_is_lowered_whole_and_its_positions_are_not():
    model = lower(tiny(CONFIGS["phi"]), torch.bfloat16)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert {b.dtype for n, b in model.named_buffers() if "inv_freq" in n} == {torch.float32}
