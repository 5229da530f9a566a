"""The only training loop: rows of packed tokens in, an adapter that has learned out, exact resume in between.

Accelerate supplies the device and the processes; the loop owns the order of the data, the learning rate, clipping
and the checkpoints. A checkpoint holds the weights, the optimizer, the position in the data and the random state as
safetensors, and is swapped in by one rename: a run that is killed and started again ends with the same bits.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file

from residency.core.errors import ResidencyError, StorageError
from residency.core.progress import progress
from residency.core.store import append_jsonl, read_jsonl, write_json, write_jsonl
from residency.models.device import in_order
from residency.models.lanes import side_by_side
from residency.models.pack import Batch
from residency.train.adapters import trainable
from residency.train.objectives import token_logprobs
from residency.train.schedule import Schedule

Loss = Callable[[torch.Tensor, Batch], tuple[torch.Tensor, dict[str, float]]]
"""(log-probabilities [M] of the batch's scored tokens, the batch) → (loss, figures to log)."""


class Diverged(ResidencyError):
    """The loss is not a number; the last checkpoint is intact."""


def forward(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    """Return the log-probabilities [M] (nats) of a batch's scored tokens under a causal LM, bare or with adapters."""
    net: Any = model.get_base_model() if hasattr(model, "get_base_model") else model  # type: ignore[operator]
    states = net.base_model(input_ids=batch.ids, position_ids=batch.positions, layout=batch.layout, use_cache=False)
    picked = states.last_hidden_state[0].index_select(0, batch.sources)
    return token_logprobs(picked, net.get_output_embeddings().weight, batch.targets)


def train(
    model: torch.nn.Module,
    rows: Sequence[Callable[[], Batch]],
    loss: Loss,
    schedule: Schedule,
    *,
    out: Path,
    label: str,
    phases: Sequence[int] = (),
) -> dict[str, float]:
    """Return the totals of training on ``rows`` (functions that make one packed batch each) with a loss.

    Goes over the rows ``schedule.epochs`` times in an order drawn from the seed, ``accumulate`` rows a step;
    with ``phases`` (numbers of rows) one phase after the other. Writes
    ``out/curve.jsonl`` and ``out/checkpoint/``; begins from that checkpoint where there is one. Raises Diverged at
    the first loss that is not finite.
    """
    accelerator = Accelerator(mixed_precision="no")
    weights = trainable(model)
    optimizer = torch.optim.AdamW(weights, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True)
    model, optimizer = accelerator.prepare(model, optimizer)
    model.train()
    plan = steps_of(phases or [len(rows)], schedule)
    done = restore(out, weights, optimizer)
    cut_curve(out / "curve.jsonl", done)
    with in_order(accelerator.device), progress(label, total=len(plan), unit="step", before=done) as bar:
        for step in range(done, len(plan)):
            began = time.perf_counter()
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(step, len(plan))
            figures, tokens = step_once(accelerator, model, [rows[i]() for i in plan[step]], loss)
            if not math.isfinite(figures["loss"]):
                raise Diverged(
                    f"{label}: the loss is {figures['loss']} at step {step + 1} (rows {plan[step]}); "
                    f"the checkpoint before it is kept. Lower the learning rate and run again."
                )
            accelerator.clip_grad_norm_(weights, schedule.clip)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            seconds = time.perf_counter() - began
            row = {"step": step + 1, "tokens": tokens, "lr": schedule.rate(step, len(plan)), "seconds": seconds}
            append_jsonl(out / "curve.jsonl", {**row, **figures})
            bar.add(1, loss=figures["loss"], tok_s=tokens / seconds)
            if (step + 1) % schedule.checkpoint == 0 and step + 1 < len(plan):
                save(out, step + 1, weights, optimizer)
    return totals(out / "curve.jsonl")


def totals(curve: Path) -> dict[str, float]:
    """Return what a whole curve sums to, over resumes: steps, useful tokens, seconds, tokens/s, mean last loss."""
    rows = list(read_jsonl(curve)) if curve.exists() else []
    tokens, seconds = sum(r["tokens"] for r in rows), sum(r["seconds"] for r in rows)
    last = [r["loss"] for r in rows[-10:]]
    return {
        "steps": len(rows),
        "tokens": tokens,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds if seconds else math.nan,
        "loss": sum(last) / len(last) if last else math.nan,
    }


def step_once(
    accelerator: Accelerator, model: torch.nn.Module, batches: Sequence[Batch], loss: Loss
) -> tuple[dict[str, float], int]:
    """Return the mean figures and the useful tokens of one step, gradients accumulated over its batches.

    On a CPU several batches run side by side, one thread each: short rows are too small for two threads to share.
    """
    batches = [batch.to(accelerator.device) for batch in batches]
    if len(batches) > 1 and accelerator.device.type == "cpu" and accelerator.num_processes == 1:
        figures = _side_by_side(model, batches, loss)
    else:
        figures = [_backward(accelerator, model, batch, loss, len(batches)) for batch in batches]
    return mean_figures(figures), sum(b.useful for b in batches)


def mean_figures(figures: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over the rows that have it: a row without options has no loss over options."""
    found = {key: [f[key] for f in figures if key in f] for figure in figures for key in figure}
    return {key: sum(values) / len(values) for key, values in found.items()}


def _backward(
    accelerator: Accelerator, model: torch.nn.Module, batch: Batch, loss: Loss, share: int
) -> dict[str, float]:
    value, figures = loss(forward(accelerator.unwrap_model(model), batch), batch)
    accelerator.backward(value / share)
    return {"loss": float(value.detach()), **figures}


def _side_by_side(model: torch.nn.Module, batches: Sequence[Batch], loss: Loss) -> list[dict[str, float]]:
    """Return each batch's figures, and leave the mean gradient, added in the batches' order: the bits do not depend
    on how many threads there are."""
    weights = trainable(model)

    def lane(batch: Batch) -> tuple[dict[str, float], Sequence[torch.Tensor]]:
        value, figures = loss(forward(model, batch), batch)
        found = torch.autograd.grad(value / len(batches), weights, allow_unused=True, materialize_grads=True)
        return {"loss": float(value.detach()), **figures}, found

    done = side_by_side(lane, batches, weights[0].device, threads=1)
    whole = list(done[0][1])
    for _, more in done[1:]:
        torch._foreach_add_(whole, more)
    for weight, found in zip(weights, whole, strict=True):
        weight.grad = found
    return [figures for figures, _ in done]


def steps_of(phases: Sequence[int], schedule: Schedule) -> list[list[int]]:
    """Return the rows of each step: every epoch goes through the phases, the rows of each drawn from the seed.

    ``phases`` are numbers of rows that follow one another; a step never joins rows of two phases.
    """
    steps: list[list[int]] = []
    size = schedule.accumulate
    for epoch in range(schedule.epochs):
        generator = torch.Generator().manual_seed(schedule.seed * 1000 + epoch)
        first = 0
        for rows in phases:
            order = [first + i for i in torch.randperm(rows, generator=generator).tolist()]
            steps += [order[i : i + size] for i in range(0, rows, size)]
            first += rows
    return steps


def save(out: Path, step: int, weights: Sequence[torch.nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    """Write the checkpoint after ``step`` steps beside the old one, then swap them."""
    tensors = {f"w{i}": p.detach().cpu().contiguous() for i, p in enumerate(weights)}
    inner = getattr(optimizer, "optimizer", optimizer)
    for i, p in enumerate(weights):
        for name, value in inner.state[p].items():
            tensors[f"o{i}.{name}"] = value.detach().cpu().contiguous()
    tensors["random"] = torch.get_rng_state()
    if weights[0].is_cuda:
        tensors["random_gpu"] = torch.cuda.get_rng_state(weights[0].device)
    fresh, old, final = out / "checkpoint.new", out / "checkpoint.old", out / "checkpoint"
    try:
        for stale in (fresh, old):
            shutil.rmtree(stale, ignore_errors=True)
        fresh.mkdir(parents=True)
        save_file(tensors, fresh / "state.safetensors")
        write_json(fresh / "position.json", {"step": step})
        if final.exists():
            os.replace(final, old)
        os.replace(fresh, final)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"the checkpoint in {out} could not be written: {error.strerror}") from error


def restore(out: Path, weights: Sequence[torch.nn.Parameter], optimizer: torch.optim.Optimizer) -> int:
    """Return the steps already done, after loading the checkpoint in ``out`` (0 where there is none)."""
    folder = next((f for f in (out / "checkpoint", out / "checkpoint.old") if (f / "position.json").exists()), None)
    if folder is None:
        return 0
    tensors = load_file(folder / "state.safetensors")
    inner = getattr(optimizer, "optimizer", optimizer)
    for i, p in enumerate(weights):
        p.data.copy_(tensors[f"w{i}"])
        state = {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"o{i}.")}
        inner.state[p] = {k: v.to(p.device) for k, v in state.items()}
    torch.set_rng_state(tensors["random"])
    if "random_gpu" in tensors and weights[0].is_cuda:
        torch.cuda.set_rng_state(tensors["random_gpu"], weights[0].device)
    return int(json.loads((folder / "position.json").read_text())["step"])


def cut_curve(path: Path, done: int) -> None:
    """Drop the lines of a curve beyond the checkpoint, so that a resumed curve has no step twice."""
    if path.exists():
        write_jsonl(path, [row for row in read_jsonl(path) if row["step"] <= done])


def finish(out: Path) -> None:
    """Remove the checkpoints of a finished stage."""
    for name in ("checkpoint", "checkpoint.new", "checkpoint.old"):
        shutil.rmtree(out / name, ignore_errors=True)
