"""Training of a tagger beside transformers' Trainer: the same batches, interleaved, as ratios.

MiniLM learns the diseases of NCBI-disease, eight windows a step (Trainer's default), all weights, dropout on. Every
variant lives in a process of its own; the parent lets one work at a time, in turn, so that a slow minute of the machine
falls on all. Reported are useful tokens (not padding) a second, peak memory, and how far the gradient is from
Trainer's in fp32 on the first batches (norm of the difference over the norm), where dropout is off.

    RESIDENCY_DATA=../shared/data python bench/encoder.py [--json]
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

from parts.tagger_trainers import GRADIENTS, WORKERS, pieces

VARIANTS = ("trainer-fp32", "trainer-bf16", "ours-fp32", "ours-bf16")
FIRST = VARIANTS[0]


def main() -> None:
    """Run the comparison and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=8, help="windows a step (Trainer's default)")
    parser.add_argument("--steps", type=int, default=4, help="steps a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.environ["BENCH_STEPS"] = str(args.steps)
    with tempfile.TemporaryDirectory() as scratch:
        report = compare(args, Path(scratch))
    print(json.dumps(report, indent=1) if args.json else table(report))


def compare(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return the figures of every variant."""
    flat = pieces(args.batch * (GRADIENTS + args.steps * args.repeats))
    data = [flat[i : i + args.batch] for i in range(0, len(flat), args.batch)]
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, []
    for name in VARIANTS:
        here, there = context.Pipe()
        worker = context.Process(target=WORKERS[name.split("-")[0]], args=(name, data, scratch, there), daemon=True)
        worker.start()
        pipes[name] = here
        workers.append(worker)
        here.recv()  # ready: warmed up and waiting
    rates: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for repeat in range(args.repeats):
        for name in VARIANTS:
            pipes[name].send("go")
            tokens, seconds = pipes[name].recv()
            rates[name].append(tokens / seconds)
            print(f"repeat {repeat + 1} {name}: {tokens / seconds:.0f} tokens/s", file=sys.stderr, flush=True)
    peaks = {}
    for name in VARIANTS:
        pipes[name].send("stop")
        peaks[name] = pipes[name].recv()
    for worker in workers:
        worker.join()
    return summary(args, rates, peaks, {name: gradients(scratch, name) for name in VARIANTS})


def summary(
    args: argparse.Namespace, rates: dict[str, list[float]], peaks: dict[str, float], found: dict[str, list[Any]]
) -> dict[str, Any]:
    """Return the table's rows: medians, ratios repeat by repeat, and gradient errors against Trainer in fp32."""
    import torch
    import transformers

    rows = {}
    for name in VARIANTS:
        ratios = sorted(a / b for a, b in zip(rates[name], rates[FIRST], strict=True))
        pairs = zip(found[name], found[FIRST], strict=True)
        rows[name] = {
            "tokens_per_second": statistics.median(rates[name]),
            "times_trainer": [ratios[0], statistics.median(ratios), ratios[-1]],
            "peak_mb": peaks[name],
            "gradient_error": statistics.mean(float(torch.linalg.norm(a - b) / torch.linalg.norm(b)) for a, b in pairs),
        }
    facts = {"transformers": transformers.__version__, "torch": torch.__version__, "threads": torch.get_num_threads()}
    return {"variants": rows, **facts, "batch": args.batch, "steps": args.steps, "repeats": args.repeats}


def table(report: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [f"{'':12s} {'tokens/s':>9s} {'x Trainer':>22s} {'peak MB':>8s} {'gradient error':>15s}"]
    for name, row in report["variants"].items():
        low, middle, high = row["times_trainer"]
        lines.append(
            f"{name:12s} {row['tokens_per_second']:9.0f} {f'{middle:.2f} ({low:.2f} to {high:.2f})':>22s} "
            f"{row['peak_mb']:8.0f} {row['gradient_error']:15.2e}"
        )
    return "\n".join(lines)


def gradients(scratch: Path, name: str) -> list[Any]:
    """Return a variant's gradient on each of the first batches as one vector, in the order of the names."""
    import torch
    from safetensors.torch import load_file

    files = [load_file(scratch / f"{name}.{i}.safetensors") for i in range(GRADIENTS)]
    return [torch.cat([found[n].flatten() for n in sorted(found)]) for found in files]


if __name__ == "__main__":
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1")
    main()
