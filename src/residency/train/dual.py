"""Dual LoRA: two low-rank modules a layer, learned one after the other, and joined into one for all who read them.

The idea is MentalQLM's (Shi et al. 2025, "MentalQLM: A Lightweight Large Language Model for Mental Healthcare Based on
Instruction Tuning and Dual LoRA Modules"): a first module learns all tasks by instruction tuning; it is then frozen,
and a second learns what is hard. There the second stands under a dense layer over classes, which a generator has not:
here both stand under the model's own head, and the stages of a recipe are the two phases. A stage of this method on a
base trains the first module; on a stage with a LoRA, the second beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from transformers import PreTrainedModel

from residency.core.errors import UserError
from residency.models.weights import quiet_transformers

FIRST, SECOND = "default", "second"


def go_on(model: PreTrainedModel, folder: Path, config: Callable[[Any], PeftConfig], seed: int) -> PeftModel:
    """Return the model with the LoRA of a finished stage frozen, and a second module that learns beside it.

    Where the stage has two modules already, its second goes on.
    """
    two = (folder / SECOND).exists()
    fresh = None if two else config(model)
    with quiet_transformers():
        tuned = PeftModel.from_pretrained(model, str(folder / "first" if two else folder / "adapter"))
        if getattr(tuned.peft_config[FIRST], "peft_type", "") != "LORA" or tuned.peft_config[FIRST].use_dora:
            raise UserError(f"dual_lora adds a second module to a plain LoRA, and {folder / 'adapter'} is none")
        if fresh is None:
            tuned.load_adapter(str(folder / SECOND), SECOND, is_trainable=True)
        else:
            torch.manual_seed(seed)
            tuned.add_adapter(SECOND, fresh)
    tuned.base_model.set_adapter([FIRST, SECOND])
    for name, weight in tuned.named_parameters():
        weight.requires_grad_(f".{SECOND}." in name)
    return tuned


def has_two(tuned: Any) -> bool:
    """Return whether a model has both modules."""
    return SECOND in getattr(tuned, "peft_config", {})


def save(tuned: PeftModel, out: Path) -> None:
    """Write both modules as adapters of their own (``first``, ``second``), and joined into one in ``out/adapter``."""
    for name in (FIRST, SECOND):
        tuned.save_pretrained(str(out), selected_adapters=[name], safe_serialization=True)
    (out / "first").mkdir(exist_ok=True)
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        (out / file).replace(out / "first" / file)
    (out / "README.md").unlink(missing_ok=True)
    tensors, rank = joined(tuned)
    config = LoraConfig(
        r=rank,
        lora_alpha=rank,
        bias="none",
        task_type="CAUSAL_LM",
        target_modules=sorted({key.split(".lora_")[0].removeprefix("base_model.model.") for key in tensors}),
        inference_mode=True,
        base_model_name_or_path=tuned.peft_config[FIRST].base_model_name_or_path,
    )
    config.save_pretrained(str(out / "adapter"))
    save_file(tensors, out / "adapter" / "adapter_model.safetensors", metadata={"format": "pt"})


def joined(tuned: PeftModel) -> tuple[dict[str, torch.Tensor], int]:
    """Return (peft's tensors of one LoRA that does what both modules do, its rank): A above A, scaled B beside B."""
    rank = sum(tuned.peft_config[name].r for name in (FIRST, SECOND))
    tensors: dict[str, torch.Tensor] = {}
    for place, layer in tuned.named_modules():
        if not isinstance(layer, LoraLayer):
            continue
        names = [name for name in (FIRST, SECOND) if name in layer.lora_A]
        a = torch.cat([layer.lora_A[name].weight.detach() for name in names])
        b = torch.cat([layer.lora_B[name].weight.detach() * layer.scaling[name] for name in names], 1)
        short = rank - len(a)  # a layer that only one of them tunes
        a, b = torch.nn.functional.pad(a, (0, 0, 0, short)), torch.nn.functional.pad(b, (0, short))
        tensors |= {f"{place}.lora_A.weight": a.cpu().contiguous(), f"{place}.lora_B.weight": b.cpu().contiguous()}
    return tensors, rank
