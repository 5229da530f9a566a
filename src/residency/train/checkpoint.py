"""Where a training stands, on disk: weights, optimizer, position in the data, random state, all safetensors.

A checkpoint is written beside the old one and swapped in by a rename, so a run that is killed and started again ends
with the same bits.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from residency.core.errors import StorageError
from residency.core.store import read_jsonl, write_json, write_jsonl


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
    for name in ("checkpoint", "checkpoint.new", "checkpoint.old", "best"):
        shutil.rmtree(out / name, ignore_errors=True)
