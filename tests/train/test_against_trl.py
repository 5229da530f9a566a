"""The preference loss and its gradients against TRL's own trainer, from the same pairs to the same numbers."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from residency.core.store import read_jsonl, read_manifest
from residency.models.attention import use_packed
from residency.models.load import of_stage, open_source
from residency.models.local import read_net
from residency.models.pack import collate
from residency.train.forward import forward
from residency.train.instruct import instruct
from residency.train.prefer import encode_pair, prefer, preference_loss
from residency.train.schedule import Schedule
from residency.train.tuning import Tuning


def test_the_preference_loss_and_its_gradients_are_trls(toy_base, toy_examples, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)  # TRL tells its maker of its use
    datasets, trl = pytest.importorskip("datasets"), pytest.importorskip("trl")
    schedule = Schedule(learning_rate=1e-2, batch_tokens=64, precision="fp32")
    instruct(toy_base, toy_examples, out=tmp_path / "tuned", tuning=Tuning(rank=8), schedule=schedule)
    prefer(toy_base, toy_examples, out=tmp_path / "pairs", schedule=schedule)  # the reference is the base
    rows = list(read_jsonl(tmp_path / "pairs" / "pairs.jsonl"))[:6]
    policy = open_source(of_stage(tmp_path / "tuned"), type="fp32")

    batch = collate([_numbered(encode_pair(row, policy), 2 * i) for i, row in enumerate(rows)])
    merged = tmp_path / "merged"
    policy.net.save_pretrained(merged)
    net = use_packed(read_net(merged, "fp32")).requires_grad_(True)
    ours, _ = preference_loss(forward(net, batch), batch, beta=0.3, nll=0.0)
    ours.backward()

    folder = read_manifest(toy_base)["model"]["path"]
    keep = ("prompt", "chosen", "rejected")
    trainer = trl.DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32, attn_implementation="eager"),
        ref_model=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager"),
        args=trl.DPOConfig(
            output_dir=str(tmp_path / "trl"),
            beta=0.3,
            use_cpu=True,
            bf16=False,
            report_to="none",
            per_device_train_batch_size=len(rows),
            gradient_checkpointing=False,
            disable_dropout=True,
        ),
        train_dataset=datasets.Dataset.from_list([{k: row[k] for k in keep} for row in rows]),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    theirs = trainer.compute_loss(trainer.model.eval(), next(iter(trainer.get_train_dataloader())))
    theirs.backward()

    assert abs(theirs.item() - 0.6931) > 0.05, "the policy should have left its reference"
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    gradients = {name: p.grad for name, p in trainer.model.named_parameters()}
    for name, parameter in net.named_parameters():
        assert torch.allclose(parameter.grad, gradients[name], atol=1e-5, rtol=1e-3), name


def _numbered(block, first):
    block.owners = [first, first + 1]
    return block
