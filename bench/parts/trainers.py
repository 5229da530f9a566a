"""The two trainers that are compared, each in a process of its own: a share of the steps for every "go"."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
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

    from residency.models.pack import Batch, Block
    from residency.train.forward import scored

    local, learn = learner(name, scratch, 2e-5)

    def step(rows: list[dict[str, Any]], kept: int | None = None) -> int:
        blocks = []
        for row in rows:
            answer = [*local.encode(row["completion"][0]["content"]), local.end, *local.encode("\n")]
            blocks.append(Block(local.encode_prompt(row["prompt"]), [answer]))
        batches = rows_of(blocks)
        targets = sum(len(b.targets) for b in batches)

        def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
            return -logprobs.sum() / targets * len(batches), {}  # the mean over the step's answer tokens, as TRL's

        return learn(batches, scored(loss), kept)

    for i, rows in enumerate(data[:GRADIENTS]):
        step(rows, kept=i)
    pipe.send("ready")
    serve(pipe, data[GRADIENTS:], step)


def learner(name: str, scratch: Path, rate: float) -> tuple[Any, Callable[[list[Any], Any, int | None], int]]:
    """Return (our model, a function that takes one step on some batches, and returns their useful tokens)."""
    import torch
    from accelerate import Accelerator
    from transformers import AutoTokenizer

    from residency.core.memory import share_heap
    from residency.models.attention import use_packed
    from residency.models.local import LocalModel
    from residency.models.residual import read_to_learn
    from residency.train.adapters import trainable
    from residency.train.loop import step_once
    from residency.train.methods import go_on
    from residency.train.tuning import LORA

    share_heap()  # as the command line does
    net = go_on(use_packed(read_to_learn(base(), name.split("-")[1])), scratch, LORA, "lora").train()
    local = LocalModel("bench", "", net.get_base_model(), AutoTokenizer.from_pretrained(base()))
    weights = trainable(net)
    optimizer = torch.optim.AdamW(weights, lr=rate, weight_decay=0.0, fused=True)
    accelerator = Accelerator(cpu=True, mixed_precision="no")

    def learn(batches: list[Any], loss: Any, kept: int | None) -> int:
        step_once(accelerator, net, batches, loss)
        if kept is not None:
            keep_gradient(net, scratch / f"{name}.{kept}.safetensors")
        accelerator.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return sum(b.useful for b in batches)

    return local, learn


def rows_of(blocks: list[Any]) -> list[Any]:
    """Return the step's blocks as rows of about the same length, one a thread."""
    import torch

    from residency.models.pack import Block, collate

    parts: list[list[Block]] = [[] for _ in range(min(torch.get_num_threads(), len(blocks)))]
    for block in sorted(blocks, key=lambda b: b.length, reverse=True):
        min(parts, key=lambda part: sum(b.read for b in part)).append(block)
    for part in parts:
        owner = 0
        for block in part:  # numbered from 0 in each row
            block.owners = list(range(owner, owner + len(block.branches)))
            owner += len(block.branches)
    return [collate(part, fill_to=-(-sum(b.read for b in part) // 32) * 32) for part in parts]


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


TRL: dict[str, dict[str, Any]] = {
    "trl-default": {},
    "trl-fp32": {"bf16": False},
    "trl-packed": {"padding_free": True, "max_length": None, "gradient_checkpointing": False, "dtype": "bfloat16"},
    "trl-packed-fp32": {"padding_free": True, "max_length": None, "gradient_checkpointing": False, "bf16": False},
    "trl-packed-autocast": {"padding_free": True, "max_length": None, "gradient_checkpointing": False},
    "trl-kept": {"gradient_checkpointing": False},
    "trl-kept-bf16": {"gradient_checkpointing": False, "dtype": "bfloat16"},
}
"""TRL's settings by the name of a variant; ``dtype`` is that of the weights (fp32, where bf16 is its autocast).

Packed is ``padding_free``: the step's examples in one row, as ``packing`` with the strategy "bfd" lays them, but the
same examples in each step as everywhere here. TRL's words ask for a flash attention there, which a CPU has not; its
code does not insist, and the default (sdpa) gets a mask of blocks, which transformers makes from the position ids: no
example sees another, and the whole square is computed. (The strategy "wrapped" cuts examples, and there they do.)
"""


def theirs(name: str, data: list[list[dict[str, Any]]], scratch: Path, pipe: Connection) -> None:
    """Train with TRL's SFTTrainer, held at each go."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    tokenizer, model, settings = opened(TRL[name], scratch)
    tokens = [useful(tokenizer, rows) for rows in data]
    config = SFTConfig(**common(name, data, scratch), learning_rate=2e-5, **settings)
    flat = Dataset.from_list([row for rows in data for row in rows])
    kind = in_order(SFTTrainer, scratch / name)
    trainer = kind(
        model=model, args=config, train_dataset=flat, processing_class=tokenizer, callbacks=[hold(pipe, tokens)]
    )
    finish(trainer, pipe)


def opened(settings: dict[str, Any], scratch: Path) -> tuple[Any, Any, dict[str, Any]]:
    """Return (the tokenizer, the model with the common adapter, the settings without ``dtype``)."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    rest = {key: value for key, value in settings.items() if key != "dtype"}
    model = AutoModelForCausalLM.from_pretrained(base(), dtype=settings.get("dtype", "float32"))
    model = PeftModel.from_pretrained(model, str(scratch / "adapter"), is_trainable=True)
    return AutoTokenizer.from_pretrained(base()), model, rest


def common(name: str, data: list[list[dict[str, Any]]], scratch: Path) -> dict[str, Any]:
    """Return the settings that only keep a trainer to its work."""
    return {
        "output_dir": str(scratch / name),
        "use_cpu": True,
        "report_to": [],
        "save_strategy": "no",
        "max_steps": len(data),
        "per_device_train_batch_size": len(data[0]),
        "logging_strategy": "no",
        "disable_tqdm": True,
    }


def hold(pipe: Connection, tokens: list[int], before: Callable[[int, int], None] = lambda first, last: None) -> Any:
    """Return a callback that waits for a go before each share of the steps and reports it after.

    ``before`` (first, last step of the share) is work that belongs to the share, and is timed with it.
    """
    from transformers import TrainerCallback

    share = int(os.environ["BENCH_STEPS"])

    class Hold(TrainerCallback):
        """Waits and reports."""

        began = 0.0

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done = state.global_step - GRADIENTS
            if done == 0:
                pipe.send("ready")
            if done >= 0 and done % share == 0:
                pipe.recv()
                self.began = time.perf_counter()
                before(state.global_step, state.global_step + share)

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            done = state.global_step - GRADIENTS
            if done >= 1 and done % share == 0:
                timed = tokens[GRADIENTS:][done - share : done]
                pipe.send((sum(timed), time.perf_counter() - self.began))

    return Hold()


def in_order(kind: Any, stem: Path) -> Any:
    """Return a trainer that takes the batches in their order and keeps the first gradients, before clipping."""
    from torch.utils.data import SequentialSampler

    class InOrder(kind):  # type: ignore[misc,valid-type]
        """Takes what comes."""

        kept = 0

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(self.train_dataset)

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            found = super().training_step(*args, **kwargs)
            if self.kept < GRADIENTS:
                path = stem.with_name(f"{stem.name}.{self.kept}.safetensors")
                keep_gradient(self.accelerator.unwrap_model(self.model), path)
                self.kept += 1
            return found

    return InOrder


def finish(trainer: Any, pipe: Connection) -> None:
    """Train, then answer "stop" with the peak."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)  # standard output is the report's
    trainer.train()
    pipe.recv()
    pipe.send(peak_mb())


WORKERS = {"ours": ours, "trl": theirs}
