"""The two trainers that are compared, each in a process of its own: a share of the steps for every "go"."""

from __future__ import annotations

import os
import resource
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

GRADIENTS = 4
"""Batches that gradients are compared on; they also warm the kernels up."""


def base() -> Path:
    """Return the base model's folder."""
    from residency.models.weights import packaged_base

    return packaged_base()


def peak_mb() -> float:
    """Return this process's largest resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def keep_gradient(model: Any, path: Path) -> None:
    """Write the adapter's gradients, then set them to zero, so that the step to come changes no weight."""
    import torch
    from safetensors.torch import save_file

    found = {
        n.replace("module.", ""): p.grad.detach().float().contiguous()
        for n, p in model.named_parameters()
        if p.grad is not None
    }
    save_file({n: g.clone() for n, g in found.items()}, path)
    torch._foreach_zero_([p.grad for p in model.parameters() if p.grad is not None])


def useful(tokenizer: Any, rows: list[dict[str, Any]]) -> int:
    """Return the tokens of a step's chats."""
    texts = [tokenizer.apply_chat_template(r["prompt"] + r["completion"], tokenize=False) for r in rows]
    return sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])


def ours(name: str, data: list[list[dict[str, Any]]], scratch: Path, pipe: Connection) -> None:
    """Train with our loop's own step, one go at a time."""
    import torch
    from accelerate import Accelerator
    from transformers import AutoTokenizer

    from residency.models.attention import use_packed
    from residency.models.local import LocalModel
    from residency.models.pack import Batch, Block, collate
    from residency.models.residual import read_to_learn
    from residency.train.adapters import trainable
    from residency.train.forward import scored
    from residency.train.loop import step_once
    from residency.train.methods import go_on
    from residency.train.tuning import LORA

    tokenizer = AutoTokenizer.from_pretrained(base())
    net = go_on(use_packed(read_to_learn(base(), name.split("-")[1])), scratch, LORA, "lora").train()
    local = LocalModel("bench", "", net.get_base_model(), tokenizer)
    weights = trainable(net)
    optimizer = torch.optim.AdamW(weights, lr=2e-5, weight_decay=0.0, fused=True)
    accelerator = Accelerator(cpu=True, mixed_precision="no")

    def batches_of(rows: list[dict[str, Any]]) -> list[Batch]:
        """The step's examples as rows of about the same length, one a thread."""
        blocks = []
        for row in rows:
            answer = [*local.encode(row["completion"][0]["content"]), local.end, *local.encode("\n")]
            blocks.append(Block(local.encode_prompt(row["prompt"]), [answer]))
        blocks.sort(key=lambda b: b.length, reverse=True)
        parts: list[list[Block]] = [[] for _ in range(min(torch.get_num_threads(), len(blocks)))]
        for block in blocks:
            min(parts, key=lambda part: sum(b.read for b in part)).append(block)
        return [collate(part, fill_to=-(-sum(b.read for b in part) // 32) * 32) for part in parts]

    def step(rows: list[dict[str, Any]], kept: int | None = None) -> int:
        batches = batches_of(rows)
        targets = sum(len(b.targets) for b in batches)

        def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
            return -logprobs.sum() / targets * len(batches), {}  # the mean over the step's answer tokens, as TRL's

        step_once(accelerator, net, batches, scored(loss))
        if kept is not None:
            keep_gradient(net, scratch / f"{name}.{kept}.safetensors")
        accelerator.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return sum(b.useful for b in batches)

    for i, rows in enumerate(data[:GRADIENTS]):
        step(rows, kept=i)
    pipe.send("ready")
    serve(pipe, data[GRADIENTS:], step)


def serve(pipe: Connection, data: list[list[dict[str, Any]]], step: Any) -> None:
    """Answer each "go" with the (tokens, seconds) of the next share of the steps, and "stop" with the peak."""
    todo = list(data)
    share = int(os.environ["BENCH_STEPS"])
    while pipe.recv() == "go":
        began = time.perf_counter()
        tokens = sum(step(rows) for rows in todo[:share])
        pipe.send((tokens, time.perf_counter() - began))
        todo = todo[share:]
    pipe.send(peak_mb())


def theirs(name: str, data: list[list[dict[str, Any]]], scratch: Path, pipe: Connection) -> None:
    """Train with TRL's SFTTrainer (its defaults; "fp32" turns its bf16 off), held at each go."""
    from datasets import Dataset
    from peft import PeftModel
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    tokenizer = AutoTokenizer.from_pretrained(base())
    model = AutoModelForCausalLM.from_pretrained(base(), dtype="float32")
    model = PeftModel.from_pretrained(model, str(scratch / "adapter"), is_trainable=True)
    tokens = [useful(tokenizer, rows) for rows in data]
    share = int(os.environ["BENCH_STEPS"])
    config = SFTConfig(
        output_dir=str(scratch / name),
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        max_steps=len(data),
        per_device_train_batch_size=len(data[0]),
        learning_rate=2e-5,
        logging_strategy="no",
        disable_tqdm=True,
        **({"bf16": False} if name.endswith("fp32") else {}),
    )

    class Hold(TrainerCallback):
        """Waits for a go before each share of the steps and reports it after."""

        began = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done = state.global_step - GRADIENTS
            if done == 0:
                pipe.send("ready")
            if done >= 0 and done % share == 0:
                pipe.recv()
                self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done = state.global_step - GRADIENTS
            if done >= 1 and done % share == 0:
                timed = tokens[GRADIENTS:][done - share : done]
                pipe.send((sum(timed), time.perf_counter() - self.began))

    class InOrder(SFTTrainer):
        """Takes the batches in their order and keeps the first gradients, before clipping."""

        kept = 0

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(self.train_dataset)

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            found = super().training_step(*args, **kwargs)
            if self.kept < GRADIENTS:
                keep_gradient(self.accelerator.unwrap_model(self.model), scratch / f"{name}.{self.kept}.safetensors")
                self.kept += 1
            return found

    flat = Dataset.from_list([row for rows in data for row in rows])
    trainer = InOrder(model=model, args=config, train_dataset=flat, processing_class=tokenizer, callbacks=[Hold()])
    trainer.remove_callback(PrinterCallback)  # standard output is the report's
    trainer.train()
    pipe.recv()
    pipe.send(peak_mb())


WORKERS = {"ours": ours, "trl": theirs}
