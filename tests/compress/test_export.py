"""The exported file is the merged model: nothing lost in the merge, the metadata there, torch and llama.cpp agreeing.

A tiny random Llama with the real tokenizer stands for the base, so that every step runs for real in seconds.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from residency.compress import parity
from residency.compress.export import convert, find_converter, merge, quantize
from residency.core.errors import ModelError, ResidencyError, UserError
from residency.core.store import read_manifest, write_examples, write_manifest
from residency.core.types import Example
from residency.models.weights import packaged_base

WORDS = ("fever", "seizure", "microcephaly", "short", "stature", "no", "mild", "pain", "3", "½")


def tiny_base(folder: Path) -> Path:
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        tie_word_embeddings=True,
        max_position_embeddings=512,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "weights")
    AutoTokenizer.from_pretrained(packaged_base()).save_pretrained(folder / "weights")
    about = {"name": "Tiny", "path": str(folder / "weights"), "licence": "Apache-2.0", "note": "random weights"}
    write_manifest(folder, stage="base", model=about)
    return folder


def adapter(base: Path, folder: Path, size: float) -> Path:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    net = AutoModelForCausalLM.from_pretrained(base / "weights")
    net = get_peft_model(net, LoraConfig(r=4, target_modules=["q_proj", "down_proj"]))
    for name, parameter in net.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=size) if size else torch.nn.init.zeros_(parameter)
    net.save_pretrained(folder / "adapter")
    return folder


def test_examples(folder: Path) -> Path:
    rng = random.Random("0:examples")

    def text(count: int) -> str:
        return " ".join(rng.choice(WORDS) for _ in range(count))

    rows = [
        Example(
            id=f"{task}-{i}",
            prompt=[{"role": "user", "content": text(8)}],
            wanted=[text(4)],
            split="test",
            meta={"task": task},
        )
        for task in ("qa", "ie")
        for i in range(20)
    ]
    write_examples(folder / "examples.jsonl", rows)
    return folder


test_examples.__test__ = False


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    base = tiny_base(folder / "base")
    quantize(
        adapter(base, folder / "prefer", 0.3),
        base,
        test_examples(folder / "examples"),
        out=folder / "export",
        positions=60,
        bar=0.5,
    )
    return folder


def test_the_manifest_names_the_file_its_hash_and_its_parity(run):
    manifest = read_manifest(run / "export")
    assert manifest["gguf"] == "model-q8_0.gguf"
    assert (run / "export" / manifest["gguf"]).stat().st_size == manifest["bytes"]
    assert manifest["merged"]["changed_tensors"] == 4  # two layers, two adapted weights each
    assert manifest["parity"] == json.loads((run / "export" / "parity.json").read_text())
    assert set(manifest["seconds"]) == {"merge", "smooth", "convert", "dequantise", "parity"}


def test_the_file_carries_template_name_and_licence(run):
    from gguf import GGUFReader

    fields = GGUFReader(run / "export" / "model-q8_0.gguf").fields
    named = {key: fields[key].contents() for key in fields if key.startswith(("general.", "tokenizer.chat"))}
    assert named["general.name"] == "Tiny-residency"
    assert named["general.license"] == "apache-2.0"
    assert "random weights" in named["general.description"]
    assert "add_generation_prompt" in named["tokenizer.chat_template"]
    assert fields["tokenizer.ggml.pre"].contents() == "smollm"


def test_the_dequantised_weights_are_the_merged_ones_within_the_rounding_of_eight_bits(run):
    from safetensors.torch import load_file

    merged = load_file(run / "export" / "model" / "model.safetensors")
    rounded = load_file(run / "export" / "dequantised" / "model.safetensors")
    assert merged.keys() == rounded.keys()
    for name, weight in merged.items():
        largest = weight.abs().amax(-1, keepdim=True) if weight.dim() > 1 else weight.abs().max() * 0 + 1e-6
        assert ((weight - rounded[name]).abs() <= largest / 127 * 0.51 + largest * 1e-3).all(), name


def test_the_merge_is_base_plus_scaled_product(run):
    import torch
    from safetensors.torch import load_file

    base = load_file(run / "base" / "weights" / "model.safetensors")
    merged = load_file(run / "export" / "model" / "model.safetensors")
    low = load_file(run / "prefer" / "adapter" / "adapter_model.safetensors")
    key = "model.layers.1.mlp.down_proj"
    a, b = (low[f"base_model.model.{key}.lora_{side}.weight"] for side in "AB")
    scale = 8 / 4  # peft's default alpha over the rank
    torch.testing.assert_close(merged[f"{key}.weight"], base[f"{key}.weight"] + scale * b @ a)
    torch.testing.assert_close(merged["model.norm.weight"], base["model.norm.weight"], rtol=0, atol=0)


def test_template_stop_and_sixty_positions_were_compared(run):
    report = read_manifest(run / "export")["parity"]
    assert report["template"] == {"checked": 42, "same": 42}
    assert report["stop"]["gguf"] == report["stop"]["torch"] == "<|im_end|>"
    assert report["positions"] == 60
    sides = report["next_token"]
    for side in sides.values():
        assert side["of"] == 60
        assert side["low"] < side["share"] < side["high"] or side["same"] == 60
    # the same rounded weights must agree no worse than the unrounded ones do, but for a choice or two
    assert sides["dequantised"]["same"] >= sides["torch_fp32"]["same"] - 2


def test_unrounded_weights_choose_the_same_token_everywhere(run, tmp_path):
    file = tmp_path / "model-f32.gguf"
    convert(run / "export" / "model", file, type="f32", converter=find_converter(), about={"name": "Tiny"})
    model = run / "export" / "model"
    report = parity.compare(file, model, model, run / "examples", positions=60)
    assert report["next_token"]["torch_fp32"]["same"] >= 59  # a 16-bit cache may turn one near tie of random weights
    assert report["next_token"]["torch_fp32"]["logprob_difference_nats"]["mean"] < 0.01
    assert report["passed"]


def test_another_model_fails_the_comparison_and_the_report_says_so(run):
    export, other = run / "export", run / "base" / "weights"
    report = parity.compare(export / "model-q8_0.gguf", other, export / "dequantised", run / "examples", positions=60)
    assert not report["passed"]
    assert any("NOT the same model" in finding for finding in report["findings"])


def test_too_few_examples_are_a_finding_not_a_pass(run):
    export = run / "export"
    report = parity.compare(
        export / "model-q8_0.gguf", export / "model", export / "model", run / "examples", positions=5000, bar=0.0
    )
    assert not report["passed"]
    assert "of 5000 positions" in report["findings"][0]


def test_a_merge_that_changes_nothing_is_refused(run, tmp_path):
    empty = adapter(run / "base", tmp_path / "untrained", 0.0)
    with pytest.raises(ModelError, match="changes no weight"):
        merge(run / "base" / "weights", empty / "adapter", tmp_path / "model", {"name": "x"})
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("kind", ["prefix", "prompt", "ptuning"])
def test_virtual_tokens_are_refused_before_any_work_with_the_reason(kind, run, tmp_path):
    from residency.models.local import read_net
    from residency.train.methods import begin, save
    from residency.train.tuning import Tuning

    save(begin(read_net(run / "base" / "weights", "fp32"), Tuning(method=kind)), tmp_path / "soft", kind)
    with pytest.raises(ModelError, match=f"by {kind} tuning: its virtual tokens .* nothing to merge"):
        quantize(tmp_path / "soft", run / "base", run / "examples", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_whole_model_and_an_adapter_on_it_are_merged_and_counted_against_the_base(run, tmp_path):
    import torch
    from transformers import AutoModelForCausalLM

    base = run / "base" / "weights"
    net = AutoModelForCausalLM.from_pretrained(base)
    net.model.norm.weight.data.add_(0.5)
    net.save_pretrained(tmp_path / "tuned" / "model")
    assert merge(base, None, tmp_path / "whole", {"name": "x"}, tmp_path / "tuned" / "model") == 1
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "whole")
    assert torch.equal(whole.model.norm.weight, net.model.norm.weight)
    on_it = adapter(run / "base", tmp_path / "prefer", 0.3) / "adapter"
    assert merge(base, on_it, tmp_path / "both", {"name": "x"}, tmp_path / "tuned" / "model") == 5
    with pytest.raises(ModelError, match="no weight of .* differs"):
        merge(base, None, tmp_path / "none", {"name": "x"}, base)
    empty = adapter(run / "base", tmp_path / "untrained", 0.0) / "adapter"
    with pytest.raises(ModelError, match="changes no weight"):
        merge(base, empty, tmp_path / "none", {"name": "x"}, tmp_path / "tuned" / "model")


def test_an_absent_adapter_is_named(run, tmp_path):
    with pytest.raises(ModelError, match="no adapter"):
        merge(run / "base" / "weights", tmp_path / "adapter", tmp_path / "model", {"name": "x"})


def test_an_unknown_type_is_refused_before_any_work(run, tmp_path):
    with pytest.raises(UserError, match="q8_0, bf16, f16, f32"):
        quantize(run / "prefer", run / "base", run / "examples", out=tmp_path / "out", type="q4_k")
    assert not (tmp_path / "out").exists()


def test_an_absent_converter_names_the_command_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setenv("RESIDENCY_CONVERTER", str(tmp_path))
    with pytest.raises(UserError, match="pip install --no-deps --target"):
        find_converter()


def test_a_failing_converter_leaves_no_file_and_its_log(tmp_path):
    (tmp_path / "model").mkdir()
    file = tmp_path / "model.gguf"
    with pytest.raises(ResidencyError, match=r"convert\.log"):
        convert(tmp_path / "model", file, type="q8_0", converter=find_converter(), about={"name": "x"})
    assert not file.exists()
    assert (tmp_path / "convert.log").read_text()


@pytest.mark.slow
def test_the_real_base_unrounded_chooses_the_same_token_in_five_hundred_places(tmp_path):
    base = packaged_base()
    rows = [
        Example(
            id=f"ask-{i}",
            prompt=[{"role": "user", "content": f"Explain to a patient in plain words: {word}, grade {i}."}],
            wanted=[word],
            split="test",
            meta={"task": "gen"},
        )
        for i, word in enumerate(WORDS * 4)
    ]
    write_examples(tmp_path / "examples.jsonl", rows)
    convert(base, tmp_path / "base.gguf", type="f32", converter=find_converter(), about={"name": "Base"})
    report = parity.compare(tmp_path / "base.gguf", base, base, tmp_path)
    assert report["next_token"]["torch_fp32"]["same"] >= 499
    assert report["next_token"]["torch_fp32"]["logprob_difference_nats"]["mean"] < 0.005
    assert report["passed"]
