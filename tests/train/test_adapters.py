"""Our fused LoRA against peft's own: the same numbers forward and backward, and the same files."""

from __future__ import annotations

import copy

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import Linear as LoraLinear
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, Qwen2Config

from residency.core.errors import UserError
from residency.core.store import read_manifest
from residency.train import adapters
from residency.train.adapters import fuse, plain, trainable
from residency.train.instruct import instruct
from residency.train.methods import begin
from residency.train.schedule import Schedule
from residency.train.stage import open_model
from residency.train.tuning import LORA, TARGETS, Tuning

SMALL = {
    "vocab_size": 60,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
}
CONFIGS = {"llama": LlamaConfig(**SMALL), "qwen2 (with bias)": Qwen2Config(**SMALL)}
IDS = torch.tensor([[5, 6, 7, 8, 9, 10], [11, 12, 13, 14, 15, 16]])


def net(config, dtype=torch.float32):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    return model.to(dtype)


def peft_model(config, dtype=torch.float32, **settings):
    """Return peft's own model with random B, as after training (peft begins with zeros)."""
    given = {"r": 4, "lora_alpha": 6, "target_modules": list(TARGETS), "task_type": "CAUSAL_LM", **settings}
    model = get_peft_model(net(config, dtype), LoraConfig(**given))
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.train()


def forward_and_backward(model):
    """Return the logits, and the gradient of every parameter that learns."""
    model.zero_grad()
    logits = model(IDS).logits
    (logits.float().log_softmax(-1)[..., 3] * torch.linspace(-1, 1, 12).view(2, 6)).sum().backward()
    return logits.detach(), {n: p.grad.clone() for n, p in model.named_parameters() if p.requires_grad}


def fused_layers(model):
    return [layer for layer in lora_layers(model) if getattr(layer.forward, "__func__", None) is adapters._forward]


def lora_layers(model):
    return [layer for layer in model.modules() if isinstance(layer, LoraLinear)]


def test_siblings_keep_nothing_when_all_have_been_asked_and_answer_for_another_input_too():
    model = fuse(peft_model(CONFIGS["llama"]))
    mlp = model.get_base_model().model.layers[0].mlp
    x, other = torch.randn(2, 3, 32), torch.randn(2, 3, 32)
    gate, up = mlp.gate_proj, mlp.up_proj
    alone = [adapters._together([layer], each)[0] for layer, each in ((gate, x), (up, x), (up, other))]
    assert torch.allclose(gate(x), alone[0], atol=1e-6)
    assert torch.allclose(up(other), alone[2], atol=1e-6)  # not what was kept for x
    assert torch.allclose(gate(x), alone[0], atol=1e-6) and torch.allclose(up(x), alone[1], atol=1e-6)
    assert torch.allclose(up(x), alone[1], atol=1e-6)  # asked once more, alone
    assert not gate.siblings.kept


def test_an_adapter_switched_off_in_one_sibling_leaves_the_other_on():
    model = fuse(peft_model(CONFIGS["llama"]))
    mlp = model.get_base_model().model.layers[0].mlp
    x = torch.randn(2, 32)
    up = adapters._together([mlp.up_proj], x)[0]
    mlp.gate_proj.enable_adapters(False)
    assert torch.equal(mlp.gate_proj(x), mlp.gate_proj.base_layer(x))
    assert torch.allclose(mlp.up_proj(x), up, atol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"use_rslora": True}], ids=["plain", "rank-stabilised scale"])
@pytest.mark.parametrize("name", CONFIGS)
def test_fused_layers_give_pefts_logits_and_gradients(name, settings):
    model = peft_model(CONFIGS[name], **settings)
    logits, gradients = forward_and_backward(model)
    merged = peft_model(CONFIGS[name], **settings).merge_and_unload()(IDS).logits
    assert len(fused_layers(fuse(model))) == 2 * len(TARGETS)
    ours, our_gradients = forward_and_backward(model)
    assert torch.allclose(ours, logits, atol=1e-5)
    assert torch.allclose(ours, merged, atol=1e-5)
    assert our_gradients.keys() == gradients.keys() and len(gradients) == 4 * len(TARGETS)
    for key, gradient in gradients.items():
        assert float(gradient.abs().max()) > 1e-3
        assert torch.allclose(our_gradients[key], gradient, atol=1e-5), key


def test_in_bf16_the_adapter_stays_fp32_and_errs_no_more_than_pefts():
    exact, exact_gradients = forward_and_backward(peft_model(CONFIGS["llama"]))
    model = peft_model(CONFIGS["llama"], torch.bfloat16)
    assert {p.dtype for p in trainable(model)} == {torch.float32}
    theirs, their_gradients = forward_and_backward(model)
    ours, our_gradients = forward_and_backward(fuse(model))
    assert {g.dtype for g in our_gradients.values()} == {torch.float32} and ours.dtype == torch.bfloat16

    def error(gradients):
        return sum(float((gradients[k] - g).norm() / g.norm()) for k, g in exact_gradients.items()) / len(gradients)

    assert float((ours.float() - exact).abs().max()) <= 1.5 * float((theirs.float() - exact).abs().max())
    assert error(our_gradients) <= 1.25 * error(their_gradients)


@pytest.mark.parametrize(
    "settings", [{"lora_dropout": 0.5}, {"use_dora": True}, {"lora_bias": True}], ids=["dropout", "DoRA", "bias on B"]
)
def test_layers_with_dropout_or_a_variant_keep_pefts_forward_and_still_learn(settings):
    model = peft_model(CONFIGS["llama"], **settings)
    before, _ = forward_and_backward(copy.deepcopy(model).eval())
    fuse(model)
    assert fused_layers(model) == []
    after, gradients = forward_and_backward(copy.deepcopy(model).eval())
    assert torch.equal(before, after)
    _, gradients = forward_and_backward(model)
    assert all(float(g.abs().max()) > 0 for g in gradients.values())


def test_dropout_is_still_drawn_while_training():
    model = begin(net(CONFIGS["llama"]), Tuning(rank=4, dropout=0.5)).train()
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    assert not torch.equal(model(IDS).logits, model(IDS).logits)
    model.eval()
    assert torch.equal(model(IDS).logits, model(IDS).logits)


def test_layers_that_are_no_ordinary_linear_ones_keep_pefts_forward_and_still_learn():
    config = GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4, n_positions=64)
    model = begin(net(config), Tuning(rank=4, layers=("c_attn",)))
    assert len(lora_layers(model)) == 2 and fused_layers(model) == []
    _, gradients = forward_and_backward(model)
    assert any(float(g.abs().max()) > 0 for g in gradients.values())


def test_with_the_adapter_off_or_merged_the_layer_is_the_linear_layer_below():
    model = fuse(peft_model(CONFIGS["llama"])).eval()
    with torch.no_grad():
        tuned = model(IDS).logits
        with model.disable_adapter():
            assert torch.equal(model(IDS).logits, net(CONFIGS["llama"]).eval()(IDS).logits)
        model.merge_adapter()
        assert torch.allclose(model(IDS).logits, tuned, atol=1e-5)
        model.unmerge_adapter()
        assert torch.allclose(model(IDS).logits, tuned, atol=1e-5)


def test_a_fresh_adapter_changes_nothing_yet_and_only_it_learns():
    bare = net(CONFIGS["qwen2 (with bias)"]).eval()
    wanted = bare(IDS).logits
    model = begin(bare, Tuning(rank=4)).eval()
    assert torch.allclose(model(IDS).logits, wanted, atol=1e-6)
    names = [n for n, p in model.named_parameters() if p.requires_grad]
    assert len(names) == 4 * len(TARGETS) and all("lora_" in n for n in names)
    assert all(layer.scaling["default"] == 1.0 for layer in lora_layers(model))


def test_an_adapters_beginning_is_drawn_from_its_seed():
    def first(seed):
        return trainable(begin(net(CONFIGS["llama"]), Tuning(rank=4), seed=seed))[0].detach()

    assert torch.equal(first(1), first(1)) and not torch.equal(first(1), first(2))


def test_a_model_without_any_target_is_refused_naming_them():
    with pytest.raises(UserError, match="none of the layers q_proj, .* is in this model; .* targets"):
        begin(net(GPT2Config(vocab_size=60, n_embd=32, n_layer=1, n_head=4, n_positions=64)), LORA)


def test_layers_with_two_adapters_keep_pefts_forward():
    model = peft_model(CONFIGS["llama"])
    model.add_adapter("second", LoraConfig(r=2, target_modules=["q_proj"]))
    assert [plain(layer) for layer in lora_layers(model)].count(False) == 2
    assert len(fused_layers(fuse(model))) == 2 * len(TARGETS) - 2


def test_a_trained_adapter_loads_in_plain_peft_with_the_same_logits(toy_base, toy_examples, tmp_path):
    schedule = Schedule(learning_rate=1e-2, batch_tokens=64, precision="fp32")
    instruct(toy_base, toy_examples, out=tmp_path / "tuned", tuning=Tuning(rank=4), schedule=schedule)
    bare = AutoModelForCausalLM.from_pretrained(read_manifest(toy_base)["model"]["path"], dtype=torch.float32)
    ids = IDS % bare.config.vocab_size
    untrained = bare(ids).logits
    theirs = PeftModel.from_pretrained(bare, tmp_path / "tuned" / "adapter").eval()
    assert fused_layers(theirs) == []
    ours, _ = open_model(tmp_path / "tuned", schedule=schedule, tuning=Tuning(rank=4))
    assert fused_layers(ours)
    assert torch.allclose(theirs(ids).logits, ours.eval()(ids).logits, atol=1e-5)
    assert not torch.allclose(theirs(ids).logits, untrained, atol=1e-1)
