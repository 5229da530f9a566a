"""The same learning, scoring and writing on one device, its results left in a folder to be compared with another's."""

from __future__ import annotations

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from parts.made_up_model import SHAPES, questions

STEPS, KILLED, KEPT = 6, 5, 2
"""Steps of a short training, the one at which it is killed, and after how many there is a checkpoint."""


PARTS = ("gradient", "ask", "learn", "killed")


def work(jobs: list[tuple[str, str, str, str, tuple[str, ...]]], cpu: bool) -> None:
    """Do the parts of each job (folder, shape, base, examples, parts) and leave what they give in its folder.

    Run in a process of its own, since a device is chosen once. The folder is called by its precision, or "cpu".
    """
    if cpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    from residency.core.progress import set_quiet
    from residency.core.store import write_json

    set_quiet()
    doing = {"learn": learn, "killed": killed, "gradient": gradient, "ask": ask}
    for folder, shape, base, examples, parts in jobs:
        out = Path(folder)
        out.mkdir(parents=True)
        precision = "bf16" if out.name == "bf16" else "fp32"
        for part in parts:
            began = time.perf_counter()
            try:
                found = doing[part](out, shape, Path(base), Path(examples), precision)
            except Exception:  # the other parts are still worth knowing
                traceback.print_exc()
                continue
            found["seconds"] = time.perf_counter() - began
            write_json(out / f"{part}.json", found)
            print(f"{shape} {out.name} {part}: {found['seconds']:.1f} s", file=sys.stderr, flush=True)


def learn(out: Path, shape: str, base: Path, examples: Path, precision: str) -> dict[str, Any]:
    """Return the losses of a few steps of instruction tuning, then of preference alignment; leave the adapters."""
    from residency.core.store import read_jsonl
    from residency.train.instruct import instruct
    from residency.train.prefer import prefer
    from residency.train.tuning import Tuning

    rate, tuning = schedule(precision, 1e-3), Tuning(rank=8)
    instruct(base, examples, out=out / "instruct", tokens=STEPS * 4000, tuning=tuning, schedule=rate)
    prefer(out / "instruct", examples, out=out / "prefer", tokens=STEPS * 2000, schedule=schedule(precision, 1e-4))
    curves = {stage: list(read_jsonl(out / stage / "curve.jsonl")) for stage in ("instruct", "prefer")}
    return {stage: [row["loss"] for row in rows] for stage, rows in curves.items()}


def schedule(precision: str, rate: float) -> Any:
    """Return the schedule of a short training: two packed rows a step."""
    from residency.train.schedule import Schedule

    return Schedule(
        learning_rate=rate, batch_tokens=2048, accumulate=2, precision=precision, checkpoint=KEPT, warmup=0.1
    )


def killed(out: Path, shape: str, base: Path, examples: Path, precision: str) -> dict[str, Any]:
    """Return whether a training that is killed and begun again leaves the bits of one that was not, and of another."""
    from residency.core.store import sha256_file
    from residency.train import loop
    from residency.train.instruct import instruct
    from residency.train.tuning import Tuning

    real, steps, settings = loop.rows_once, [], {"tokens": STEPS * 4000, "tuning": Tuning(rank=8)}

    def stops(*given: Any, **named: Any) -> Any:
        steps.append(1)
        if len(steps) == KILLED:
            raise KeyboardInterrupt
        return real(*given, **named)

    def digest(name: str) -> str:
        instruct(base, examples, out=out / name, schedule=schedule(precision, 1e-3), **settings)
        return sha256_file(out / name / "adapter" / "adapter_model.safetensors")

    whole, again = digest("whole"), digest("again")
    loop.rows_once = stops
    try:
        digest("stopped")
    except KeyboardInterrupt:
        pass
    finally:
        loop.rows_once = real
    return {"same_again": whole == again, "same_when_killed": whole == digest("stopped"), "steps_seen": len(steps)}


def gradient(out: Path, shape: str, base: Path, examples: Path, precision: str) -> dict[str, Any]:
    """Leave the adapter's gradient on eight questions, the mean over their answers' tokens as TRL's."""
    import torch
    from accelerate import Accelerator

    from parts.trainers import keep_gradient
    from residency.train.forward import scored
    from residency.train.loop import step_once

    net, local = adapted(base, precision)
    batch, targets = joined(questions(8, SHAPES[shape]["vocab_size"], seed=1), local)

    def loss(logprobs: torch.Tensor, _: Any) -> tuple[torch.Tensor, dict[str, float]]:
        return -logprobs.sum() / targets, {}

    figures, _ = step_once(Accelerator(mixed_precision="no"), net, [batch], scored(loss))
    keep_gradient(net, out / "gradient.safetensors")
    return figures


def adapted(base: Path, precision: str, rank: int = 16) -> tuple[Any, Any]:
    """Return (the network with an adapter whose both halves are random, the same as a `Model`) on this device."""
    import torch

    from residency.train.schedule import Schedule
    from residency.train.stage import open_model
    from residency.train.tuning import Tuning

    net, local = open_model(base, schedule=Schedule(precision=precision), tuning=Tuning(rank=rank))
    draw = torch.Generator().manual_seed(0)
    for name, weight in sorted(net.named_parameters()):
        if "lora_" in name:
            weight.data.copy_(torch.randn(weight.shape, generator=draw) * 0.02)
    return net.train(), local


def joined(rows: list[dict[str, Any]], local: Any) -> tuple[Any, int]:
    """Return (questions as one packed row, the number of their answers' tokens)."""
    from residency.models.pack import Block, collate

    blocks = [Block(local.encode_prompt(r["prompt"]), [[*local.encode(r["wanted"]), local.end]]) for r in rows]
    return collate(blocks), sum(len(b.branches[0]) for b in blocks)


def ask(out: Path, shape: str, base: Path, examples: Path, precision: str) -> dict[str, Any]:
    """Return the log-likelihood of each option alone and behind a shared beginning, greedy replies, and their pace."""
    from residency.core.store import read_manifest
    from residency.models.local import open_folder
    from residency.models.pack import Block

    path = (read_manifest(base) or {})["model"]["path"]
    model = open_folder(path, name=shape, hash="", type=precision)
    rows = questions(32, SHAPES[shape]["vocab_size"], seed=2, longest=400)
    blocks = [
        Block(
            model.encode_prompt(row["prompt"]),
            [model.encode(choice) for choice in row["choices"]],
            [10 * i + j for j in range(len(row["choices"]))],
        )
        for i, row in enumerate(rows)
    ]
    shown = model.encode_prompt(rows[-1]["prompt"])
    found: dict[str, Any] = {}
    for name, prefix in {"alone": [], "behind": shown}.items():
        model.score(blocks[:8], prefix=prefix)  # what a device does once only
        began = time.perf_counter()
        scores = model.score(blocks, prefix=prefix)
        found[f"{name}_seconds"] = time.perf_counter() - began
        found[name] = {str(owner): score.total for owner, score in sorted(scores.items())}
    found["read"] = sum(block.read for block in blocks)
    prompts = [row["prompt"] for row in rows]
    model.generate(prompts[:2], max_tokens=4)
    began = time.perf_counter()
    replies = model.generate(prompts, max_tokens=48, prefix=shown)
    found["write_seconds"], found["written"] = time.perf_counter() - began, sum(r.tokens for r in replies)
    return {**found, "replies": [reply.text for reply in replies]}
