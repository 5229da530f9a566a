"""Supervised tuning beside TRL: the same batches, interleaved, as ratios, with each one's gradient error.

TRL stands there twice: with its defaults, and packed with the settings that are its best on a CPU (bf16 weights, no
gradient checkpointing). ``--variants`` names others (bench/parts/trainers.py has them), so that the choice can be seen.

Every variant lives in a process of its own and starts from the same adapter; the parent lets one work at a time, in
turn, so that a slow minute of the machine falls on all. Reported are useful tokens (not padding) a second, peak
memory, and how far the adapter's gradient is from TRL's in fp32 (norm of the difference over the norm), as the mean
over the first batches, which are not learned from: all variants take their gradients at the same weights.

    python bench/train_vs_trl.py --examples runs/latest/examples [--json]
    OMP_NUM_THREADS=1 taskset -c 0 python bench/train_vs_trl.py              (on one core)
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from parts.trainers import GRADIENTS, TRL, WORKERS, base

VARIANTS = ("trl-default", "trl-fp32", "trl-packed", "trl-packed-fp32", "ours-bf16", "ours-fp32")
BASES = VARIANTS[:2]
"""What the others are told as times of."""


def main() -> None:
    """Run the comparison and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=Path, default=Path("runs/latest/examples"), help="a run's examples folder")
    parser.add_argument("--batch", type=int, default=8, help="examples a step (TRL's default)")
    parser.add_argument("--steps", type=int, default=4, help="steps a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--variants", default=",".join(VARIANTS), help=f"from {', '.join(TRL)}, ours-bf16, ours-fp32")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.variants = list(dict.fromkeys([*BASES, *args.variants.split(",")]))
    if not (args.examples / "examples.jsonl").exists():
        parser.error(f"{args.examples} holds no examples.jsonl; make a run first, or name one with --examples")
    with tempfile.TemporaryDirectory() as scratch:
        report = compare(args, Path(scratch))
    print(json.dumps(report, indent=1) if args.json else table(report))


def compare(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return the figures of every variant."""
    data = batches(args)
    make_adapter(scratch / "adapter", args.rank)
    rates, peaks = interleaved(args.variants, WORKERS, data, scratch, args.repeats)
    return summary(args, rates, peaks, {name: gradients(scratch, name) for name in args.variants})


def interleaved(
    names: list[str], workers: dict[str, Any], data: Any, scratch: Path, repeats: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return each variant's useful tokens a second in every repeat, in turn, and the largest memory of its process."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = {}, []
    for name in names:
        here, there = context.Pipe()
        process = context.Process(target=workers[name.split("-")[0]], args=(name, data, scratch, there), daemon=True)
        process.start()
        pipes[name] = here
        processes.append(process)
        here.recv()  # ready: warmed up and waiting
    rates: dict[str, list[float]] = {name: [] for name in names}
    for repeat in range(repeats):
        for name in names:
            pipes[name].send("go")
            tokens, seconds = pipes[name].recv()
            rates[name].append(tokens / seconds)
            print(f"repeat {repeat + 1} {name}: {tokens / seconds:.0f} tokens/s", file=sys.stderr, flush=True)
    peaks = {}
    for name in names:
        pipes[name].send("stop")
        peaks[name] = pipes[name].recv()
    for process in processes:
        process.join()
    return rates, peaks


def summary(
    args: argparse.Namespace, rates: dict[str, list[float]], peaks: dict[str, float], found: dict[str, list[Any]]
) -> dict[str, Any]:
    """Return the table's rows: medians, ratios repeat by repeat, and gradient errors against TRL in fp32."""
    import torch

    rows = {}
    for name in args.variants:
        ratios = sorted(a / b for a, b in zip(rates[name], rates["trl-default"], strict=True))
        same = sorted(a / b for a, b in zip(rates[name], rates["trl-fp32"], strict=True))
        errors = [
            float(torch.linalg.norm(a - b) / torch.linalg.norm(b))
            for a, b in zip(found[name], found["trl-fp32"], strict=True)
        ]
        rows[name] = {
            "tokens_per_second": statistics.median(rates[name]),
            "times_trl_default": [ratios[0], statistics.median(ratios), ratios[-1]],
            "times_trl_fp32": [same[0], statistics.median(same), same[-1]],
            "peak_mb": peaks[name],
            "memory_of_trl_default": peaks[name] / peaks["trl-default"],
            "gradient_error": statistics.mean(errors),
            "gradient_errors": errors,
        }
    import trl

    return {
        "variants": rows,
        "threads": torch.get_num_threads(),
        "trl": trl.__version__,
        "torch": torch.__version__,
        "batch": args.batch,
        "steps": args.steps,
        "repeats": args.repeats,
        "rank": args.rank,
    }


def table(report: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [
        f"{'':20s} {'tokens/s':>9s} {'x TRL default':>22s} {'x TRL fp32':>22s} {'peak MB':>8s} {'gradient error':>15s}"
    ]
    for name, row in report["variants"].items():
        spans = [f"{m:.2f} ({a:.2f} to {b:.2f})" for a, m, b in (row["times_trl_default"], row["times_trl_fp32"])]
        lines.append(
            f"{name:20s} {row['tokens_per_second']:9.0f} {spans[0]:>22s} {spans[1]:>22s} "
            f"{row['peak_mb']:8.0f} {row['gradient_error']:15.2e}"
        )
    return "\n".join(lines)


def batches(args: argparse.Namespace) -> list[list[dict[str, Any]]]:
    """Return the steps, lists of ``{"prompt", "completion"}`` messages: GRADIENTS batches, then the timed ones."""
    from residency.core.store import read_examples

    rows = [e for e in read_examples(args.examples / "examples.jsonl", split="train") if e.meta["use"] == "instruct"]
    count = args.batch * (GRADIENTS + args.steps * args.repeats)
    rows = sorted(rows, key=lambda e: e.id[::-1])[:: max(1, len(rows) // count)][:count]
    shaped = [{"prompt": e.prompt, "completion": [{"role": "assistant", "content": e.wanted[0]}]} for e in rows]
    return [shaped[i : i + args.batch] for i in range(0, len(shaped), args.batch)]


def make_adapter(folder: Path, rank: int) -> None:
    """Write an adapter whose both halves are random, so that no gradient is zero."""
    import torch

    from residency.models.local import read_net
    from residency.train.methods import begin
    from residency.train.tuning import Tuning

    model = begin(read_net(base(), "fp32"), Tuning(rank=rank))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    model.save_pretrained(folder)


def gradients(scratch: Path, name: str) -> list[Any]:
    """Return a variant's gradient on each of the first batches as one vector, in the order of the names."""
    import torch
    from safetensors.torch import load_file

    files = [load_file(scratch / f"{name}.{i}.safetensors") for i in range(GRADIENTS)]
    return [torch.cat([found[n].flatten() for n in sorted(found)]) for found in files]


if __name__ == "__main__":
    steps = next((sys.argv[i + 1] for i, a in enumerate(sys.argv[:-1]) if a == "--steps"), "4")
    os.environ.setdefault("BENCH_STEPS", steps)
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1")
    main()
