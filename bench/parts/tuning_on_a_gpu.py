"""Supervised tuning on one GPU: our loop and TRL's trainer, each in a process of its own, a share of the data a go.

A name says how: ``trl-8`` and ``trl-32`` are TRL's defaults with so many examples a step, ``trl-packed`` and
``trl-packed-kept`` its packing (eight rows of 1,024 tokens; "kept" turns gradient checkpointing off); ``ours-8`` is one
row of the same eight examples, ``ours-1024`` the loop's default row, others longer rows.
"""

from __future__ import annotations

import os
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from parts.made_up_model import SHAPES, questions

SHARE = 128
"""Questions a go; the first go of each is not timed."""
TOKENS_OF_A_ROW = 1024


def data(shape: str, goes: int) -> list[dict[str, Any]]:
    """Return the questions of all goes."""
    return questions(SHARE * goes, SHAPES[shape]["vocab_size"], seed=1)


def tune(name: str, shape: str, base: str, scratch: str, goes: int, profile: str, pipe: Connection) -> None:
    """Answer each "go" with (tokens, seconds, peak MB); an error is sent as its words."""
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1")
    try:
        work = theirs if name.startswith("trl") else ours
        work(name, shape, Path(base), Path(scratch), goes, profile, pipe)
    except BaseException as error:  # told to the one who waits
        import traceback

        traceback.print_exc()
        pipe.send(f"{type(error).__name__}: {str(error)[:300]}")


def peak() -> float:
    """Return this process's largest GPU memory in tensors since the last call, in MB; give back what is not used."""
    import torch

    if not torch.cuda.is_available():
        return 0.0
    found = torch.cuda.max_memory_allocated() / 2**20
    torch.cuda.reset_peak_memory_stats()
    torch.cuda.empty_cache()
    return found


def settle() -> float:
    """Return the time once the GPU has done all that was asked of it."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def ours(name: str, shape: str, base: Path, scratch: Path, goes: int, profile: str, pipe: Connection) -> None:
    """Train by ``train`` itself, one share of the questions a go."""
    import torch

    from parts.on_a_device import adapted
    from residency.core.progress import set_quiet
    from residency.models.pack import Batch, Block, collate
    from residency.train.forward import scored
    from residency.train.loop import train
    from residency.train.schedule import Schedule
    from residency.train.stage import pack_rows

    set_quiet()
    size = int(name.split("-")[1])
    net, local = adapted(base, os.environ.get("BENCH_PRECISION", "auto"))
    schedule = Schedule(learning_rate=2e-5, batch_tokens=max(size, TOKENS_OF_A_ROW), checkpoint=10**6)

    def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return -logprobs.mean(), {}

    def rows_of(share: list[dict[str, Any]]) -> list[Any]:
        blocks = [Block(local.encode_prompt(r["prompt"]), [[*local.encode(r["wanted"]), local.end]]) for r in share]
        if size < TOKENS_OF_A_ROW:  # so many examples a row
            groups = [blocks[i : i + size] for i in range(0, len(blocks), size)]
            return [lambda group=group: collate(group) for group in groups]
        return pack_rows(blocks, schedule, fill=local.end)

    everything = data(shape, goes + 1)
    for go in range(goes + 1):
        rows = rows_of(everything[go * SHARE : (go + 1) * SHARE])
        if go:
            pipe.recv()
        began = settle()
        totals = train(net, rows, scored(loss), schedule, out=scratch / name / str(go), label=name)
        seconds = settle() - began
        pipe.send((totals["tokens"], seconds, peak(), totals["steps"]) if go else "ready")
    if profile and pipe.recv() == "profile":
        few = rows[: max(2, min(4, len(rows)))]
        where = scratch / name / "profile"
        profiled(lambda: train(net, few, scored(loss), schedule, out=where, label=name), name, profile)
    pipe.send("done")


def theirs(name: str, shape: str, base: Path, scratch: Path, goes: int, profile: str, pipe: Connection) -> None:
    """Train by TRL's SFTTrainer, held at each go."""
    import torch
    from datasets import Dataset
    from torch.utils.data import SequentialSampler
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from parts.trainers import keep_gradient
    from residency.core.store import read_manifest

    path = (read_manifest(base) or {})["model"]["path"]
    here = {} if torch.cuda.is_available() else {"use_cpu": True, "bf16": False}
    packed, batch = "packed" in name, 32 if name == "trl-32" else 8
    ways = {"packing": True, "max_length": TOKENS_OF_A_ROW} if packed else {}
    ways |= {"gradient_checkpointing": False} if name.endswith("kept") else {}
    config = SFTConfig(
        output_dir=str(scratch / name),
        report_to=[],
        save_strategy="no",
        num_train_epochs=1,
        per_device_train_batch_size=batch,
        learning_rate=2e-5,
        logging_strategy="no",
        disable_tqdm=True,
        **here,
        **ways,
    )
    rows = [
        {"prompt": r["prompt"], "completion": [{"role": "assistant", "content": r["wanted"]}]}
        for r in data(shape, goes + 1)
    ]
    model = AutoModelForCausalLM.from_pretrained(path, dtype="float32")
    model = with_adapter(model, str(scratch / "adapter"))
    state: dict[str, Any] = {"go": 0, "began": 0.0}

    class Hold(TrainerCallback):
        """Waits for a go before each share of the steps and reports it after."""

        def on_step_begin(self, args: Any, trainer: Any, control: Any, **_: Any) -> None:
            if trainer.global_step in bounds[1:-1]:
                pipe.recv()
                state["began"] = settle()

        def on_step_end(self, args: Any, trainer: Any, control: Any, **_: Any) -> None:
            if trainer.global_step in bounds[1:]:
                now = settle()
                first, last = bounds[state["go"]], trainer.global_step
                tokens = sum(lengths[first * batch : last * batch])
                pipe.send((tokens, now - state["began"], peak(), last - first) if state["go"] else "ready")
                state["go"] += 1

    class InOrder(SFTTrainer):
        """Takes the batches in their order; keeps the first gradient, before clipping."""

        kept = False

        def _get_train_sampler(self, *_: Any) -> Any:
            return SequentialSampler(self.train_dataset)

        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            found = super().training_step(*args, **kwargs)
            if not self.kept:
                keep_gradient(self.accelerator.unwrap_model(self.model), scratch / f"{name}.gradient.safetensors")
                self.kept = True
            return found

    trainer = InOrder(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(path),
        callbacks=[Hold()],
    )
    trainer.remove_callback(PrinterCallback)
    lengths = [len(ids) for ids in trainer.train_dataset["input_ids"]]
    steps = -(-len(lengths) // batch)
    bounds = [round(steps * i / (goes + 1)) for i in range(goes + 2)]
    trainer.train()
    if profile and pipe.recv() == "profile":
        held = trainer.callback_handler.callbacks
        trainer.callback_handler.callbacks = [c for c in held if not isinstance(c, Hold)]
        trainer.args.max_steps = 4
        profiled(trainer.train, name, profile)
    pipe.send("done")


def with_adapter(model: Any, folder: str) -> Any:
    """Return a model with the adapter of a folder, trainable."""
    from peft import PeftModel

    return PeftModel.from_pretrained(model, folder, is_trainable=True)


def profiled(work: Any, name: str, folder: str) -> None:
    """Write what a few steps spend, by kernel and by operation."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    began = settle()
    with profile(activities=activities) as found:
        work()
        seconds = settle() - began
    averages = found.key_averages()
    busy = sum(e.self_device_time_total for e in averages) / 1e6
    launches = sum(e.count for e in averages if "LaunchKernel" in e.key)
    lines = [f"{name}: {seconds:.2f} s under the profiler, the GPU busy for {busy:.2f}, {launches} kernels started"]
    lines += [
        averages.table(sort_by=key, row_limit=28, max_name_column_width=70)
        for key in ("self_device_time_total", "self_cpu_time_total")
    ]
    Path(folder, f"profile-{name}.txt").write_text("\n".join(lines))
