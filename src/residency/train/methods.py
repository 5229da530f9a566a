"""The methods of tuning: each as peft's own configuration, begun from a seed, gone on with from a folder, and saved.

What is saved is peft's own form, in safetensors, and opens with ``PeftModel.from_pretrained``. Sources: Hu et al. 2021
(LoRA), Kalajdzievski 2023 (rsLoRA), Liu et al. 2024 (DoRA), Dettmers et al. 2023 (QLoRA), Liu et al. 2022 (IA3), Li and
Liang 2021 (prefix tuning), Lester et al. 2021 (prompt tuning), Liu et al. 2021 (P-tuning).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import (
    IA3Config,
    LoraConfig,
    PeftConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from safetensors.torch import load_file, save_file
from transformers import DynamicCache, PreTrainedModel

from residency.models.alone import alone
from residency.models.device import device, precision
from residency.models.weights import quiet_transformers
from residency.train import dual
from residency.train.adapters import fuse
from residency.train.noise import with_own_dropout
from residency.train.tuning import LOW_RANK, SOFT, TARGETS, Tuning, layers_of, linear_layers, number_of

FEEDFORWARD = ("down_proj", "fc2", "c_proj", "dense_4h_to_h")
"""Layers of which IA3 scales the input, being the end of a feed-forward part; of others it scales the output."""
IA3 = ("k_proj", "v_proj", *FEEDFORWARD)
ENCODER = "prompt_encoder.safetensors"
"""What P-tuning made its virtual tokens with, which peft does not keep: a later stage goes on from it."""


def config_of(model: PreTrainedModel, tuning: Tuning) -> PeftConfig:
    """Return peft's configuration of a method for a model."""
    if tuning.method in LOW_RANK:
        return LoraConfig(
            r=tuning.rank,
            lora_alpha=tuning.alpha or tuning.rank,
            lora_dropout=tuning.dropout,
            bias="none",
            task_type="CAUSAL_LM",
            target_modules=layers_of(model, tuning.layers, TARGETS),
            use_rslora=tuning.method == "rslora",
            use_dora=tuning.method == "dora",
        )
    if tuning.method == "ia3":
        targets = layers_of(model, tuning.layers, IA3)
        ends = [name for name in targets if name.rsplit(".", 1)[-1] in FEEDFORWARD]
        return IA3Config(task_type="CAUSAL_LM", target_modules=targets, feedforward_modules=ends)
    given = {"task_type": "CAUSAL_LM", "num_virtual_tokens": tuning.virtual_tokens}
    if tuning.method == "prompt":
        return PromptTuningConfig(**given, prompt_tuning_init="SAMPLE_VOCAB")
    return PrefixTuningConfig(**given) if tuning.method == "prefix" else PromptEncoderConfig(**given)


def begin(model: PreTrainedModel, tuning: Tuning, *, seed: int = 0) -> Any:
    """Return the model ready to learn from the start: with a fresh adapter in fp32, or all its weights."""
    torch.manual_seed(seed)
    if tuning.method == "full":
        return with_noise(with_own_dropout(_all_weights(model, tuning)), tuning)
    config = config_of(model, tuning)
    with quiet_transformers():
        tuned = get_peft_model(model, config, autocast_adapter_dtype=True)
    if tuning.method == "prefix":
        _from_words(tuned, seed)
    return with_noise(with_own_dropout(fuse(tuned)), tuning)


def go_on(model: PreTrainedModel, folder: Path, tuning: Tuning, method: str, *, seed: int = 0) -> Any:
    """Return the model with the adapter of a finished stage's folder, ready to learn on.

    ``method`` is that of the stage; ``tuning`` what is asked for now.
    """
    if tuning.method == "full":
        with quiet_transformers():
            merged = PeftModel.from_pretrained(model, str(folder / "adapter")).merge_and_unload()
        return begin(merged, tuning, seed=seed)
    if tuning.method == "dual_lora":
        tuned = dual.go_on(model, folder, lambda bare: config_of(bare, tuning), seed)
    elif method in SOFT:
        tuned = _soft_again(model, folder / "adapter")
    else:
        with quiet_transformers():
            tuned = PeftModel.from_pretrained(
                model, str(folder / "adapter"), is_trainable=True, autocast_adapter_dtype=True
            )
    return with_noise(with_own_dropout(fuse(tuned)), tuning)


def read_4bit(path: str, type: str) -> PreTrainedModel:
    """Return the network of a folder with its linear layers in 4 bits, which multiply in a precision."""
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    low = precision(type)
    bits = {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True, "bnb_4bit_compute_dtype": low}
    given = {"use_safetensors": True, "trust_remote_code": False, "device_map": {"": device()}, "dtype": low}
    with quiet_transformers():
        kind = BitsAndBytesConfig(load_in_4bit=True, **bits)
        net = AutoModelForCausalLM.from_pretrained(path, quantization_config=kind, **given)
    return net.requires_grad_(False)


def with_noise(model: Any, tuning: Tuning) -> Any:
    """Return the model with the strength of NEFTune's noise noted on it, for the forward of training."""
    model.neftune = tuning.neftune
    return model


def save(tuned: Any, out: Path, method: str) -> None:
    """Write what was learned: an adapter as peft writes it to ``out/adapter``, or a whole model to ``out/model``."""
    if method == "full":
        with quiet_transformers():
            tuned.save_pretrained(out / "model")
        return
    if method == "dual_lora" and dual.has_two(tuned):
        dual.save(tuned, out)
        return
    tuned.save_pretrained(str(out / "adapter"), safe_serialization=True)
    (out / "adapter" / "README.md").unlink(missing_ok=True)
    if method == "ptuning":
        state = {name: value.detach().cpu().contiguous() for name, value in _encoder(tuned).state_dict().items()}
        save_file(state, out / "adapter" / ENCODER)


def _all_weights(model: PreTrainedModel, tuning: Tuning) -> PreTrainedModel:
    """Return the model with all weights learning; those of the layers that are named, or all of numbered layers."""
    model.requires_grad_(not tuning.layers)
    if tuning.layers:
        targets = set(layers_of(model, tuning.layers, {name.rsplit(".", 1)[-1] for name in linear_layers(model)}))
        named = any(layer.isidentifier() for layer in tuning.layers)
        numbers = {number_of(name) for name in targets}
        for name, weight in model.named_parameters():
            module = name.rsplit(".", 1)[0]
            chosen = bool({module, module.rsplit(".", 1)[-1]} & targets) if named else number_of(name) in numbers
            weight.requires_grad_(chosen)
    return model


# --- virtual tokens --------------------------------------------------------------------------------------------------


def _encoder(tuned: PeftModel) -> Any:
    return tuned.prompt_encoder["default"]


def _soft_again(model: PreTrainedModel, folder: Path) -> PeftModel:
    """Return the model with the virtual tokens of a folder, learning on; peft itself opens them for reading only."""
    config = PeftConfig.from_pretrained(str(folder))
    config.inference_mode = False
    if isinstance(config, PromptTuningConfig):
        config.prompt_tuning_init = "RANDOM"
    with quiet_transformers():
        tuned = get_peft_model(model, config, autocast_adapter_dtype=True)
    if (folder / ENCODER).exists():
        _encoder(tuned).load_state_dict(load_file(folder / ENCODER))
    else:
        kept = load_file(folder / "adapter_model.safetensors")["prompt_embeddings"]
        _encoder(tuned).embedding.weight.data.copy_(kept)
    return tuned


@torch.no_grad()
def _from_words(tuned: PeftModel, seed: int) -> None:
    """Begin a prefix as the keys and values of words drawn from the seed (Li and Liang 2021, section 7.4)."""
    net, count = tuned.get_base_model(), int(tuned.peft_config["default"].num_virtual_tokens)
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(net.get_input_embeddings().num_embeddings, (1, count), generator=draw).to(net.device)
    past = DynamicCache()
    with alone():
        net.base_model(input_ids=ids, past_key_values=past, use_cache=True)
    pairs = [each[0].transpose(0, 1) for layer in past.layers for each in (layer.keys, layer.values)]
    weight = _encoder(tuned).embedding.weight
    weight.copy_(torch.stack(pairs, 1).reshape(count, -1).to(weight.dtype))
