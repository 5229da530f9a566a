"""Rescaled channels: the same function in every shape that is rescaled, and closer to it when 8 bits round it."""

from __future__ import annotations

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from architectures import CONFIGS, tiny
from compress.test_export import adapter, test_examples, tiny_base
from residency.compress.export import quantize
from residency.compress.smooth import SHAPES, read, rescale, smoothed
from residency.core.store import read_examples, read_manifest, write_examples
from residency.models.weights import packaged_base

LOUD = 40.0


def loud(net):
    """Make one channel of every input far larger than the others, and the weights that read it smaller."""
    with torch.no_grad():
        for layer in net.model.layers:
            attention, mlp = layer.self_attn, layer.mlp
            for norm, readers in (
                (layer.input_layernorm, (attention.q_proj, attention.k_proj, attention.v_proj)),
                (layer.post_attention_layernorm, (mlp.gate_proj, mlp.up_proj)),
            ):
                norm.weight[5] *= LOUD
                for reader in readers:
                    reader.weight[:, 5] /= LOUD
            mlp.up_proj.weight[7] *= LOUD
            mlp.down_proj.weight[:, 7] /= LOUD
    return net


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_a_rescaled_model_computes_the_same_and_its_channels_are_evener(shape, strength):
    net = loud(tiny(CONFIGS[shape]))
    for name, parameter in net.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    texts = [torch.randint(3, 90, (1, 40), generator=torch.Generator().manual_seed(n)) for n in range(6)]
    sizes, before = read(net, texts)
    rescale(net, sizes, strength)
    with torch.inference_mode():
        after = net(texts[0]).logits
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4 * float(before.abs().max()))
    evened, _ = read(net, texts)
    for part, size in evened.items():
        spread, earlier = (float(s.max() / s.median()) for s in (size, sizes[part]))
        assert spread < earlier or earlier < 3, (shape, part)
        assert strength < 1 or part.in_features != 32 or spread < 4, "all channels of one size"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tiny_base(tmp_path_factory.mktemp("base"))
    weights = folder / "weights" / "model.safetensors"
    net = loud(AutoModelForCausalLM.from_pretrained(folder / "weights", dtype=torch.float32))
    save_file({k: v.contiguous() for k, v in net.state_dict().items() if k != "lm_head.weight"}, weights,
              metadata={"format": "pt"})  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = test_examples(tmp_path_factory.mktemp("examples"))
    rows = list(read_examples(folder / "examples.jsonl"))
    for row in rows[::2]:
        row.split = "instruct"
    write_examples(folder / "examples.jsonl", rows)
    return folder


def test_the_rounded_file_is_closer_to_the_model_which_stays_as_it_was(base, examples, tmp_path):
    far = {}
    for strength in (0.0, 0.5):
        out = tmp_path / str(strength)
        trained = adapter(base, tmp_path / f"trained-{strength}", 0.1)
        quantize(trained, base, examples, out=out, positions=100, bar=0.5, smooth=strength)
        made = read_manifest(out)
        far[strength] = made["parity"]["next_token"]["torch_fp32"]["logprob_difference_nats"]["mean"]
        assert made["smooth"] == strength and not (out / "smoothed").exists()
    assert far[0.5] < 0.7 * far[0.0], far
    plain, kept = (load_file(tmp_path / str(s) / "model" / "model.safetensors") for s in (0.0, 0.5))
    assert all(torch.equal(plain[name], kept[name]) for name in plain)
    rounded = load_file(tmp_path / "0.5" / "dequantised" / "model.safetensors")
    name = "model.layers.0.input_layernorm.weight"
    assert not torch.allclose(rounded[name], plain[name], rtol=0.1)  # what was rounded was the rescaled model


def test_what_is_not_known_or_cannot_be_read_is_left_alone_and_told(base, examples, tmp_path, capsys):
    only_tests = test_examples(tmp_path / "tests")
    assert smoothed(base / "weights", only_tests, tmp_path / "out", 0.5) is None
    assert "not rescaled before they are rounded: there are no training examples" in capsys.readouterr().err
    other = tmp_path / "gemma"
    config = type(CONFIGS["gemma"])(**{**CONFIGS["gemma"].to_dict(), "vocab_size": 49152})
    tiny(config).save_pretrained(other)
    AutoTokenizer.from_pretrained(packaged_base()).save_pretrained(other)
    assert smoothed(other, examples, tmp_path / "out", 0.5) is None
    assert "models of the type gemma are not known here" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_would_compute_something_else_is_not_used(base, examples, tmp_path, monkeypatch):
    from residency.compress import smooth

    whole = smooth.rescale

    def broken(net, sizes, strength):
        whole(net, sizes, strength)
        with torch.no_grad():
            net.model.layers[0].mlp.up_proj.weight.mul_(1.1)

    monkeypatch.setattr(smooth, "rescale", broken)
    assert smoothed(base / "weights", examples, tmp_path / "out", 0.5) is None
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
