"""A GPU beside the CPU, and our loop beside TRL on it, over a made-up model of SmolLM2-135M's shape.

First what must be the same: instruction tuning and preference alignment by the stages themselves, options scored and
replies written, on the CPU and on the GPU in fp32, and in bf16; a training that is killed and goes on; the gradient.
Then the pace: useful tokens a second of our loop and of TRL's trainer, in turn, on the same questions, with the share
of the card's own bf16 products and the peak of its memory. Every side works in a process of its own.

    python bench/gpu.py [--only same,pace] [--repeats 4] [--profile FOLDER] [--json]

Weights are random, so no hub is asked. Without TRL and datasets its part is left out and named; without a GPU there is
nothing to measure (``--dry`` then runs the CPU beside itself, which shows only that this bench runs).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from parts import made_up_model, on_a_device, tuning_on_a_gpu

VARIANTS = (
    ("trl-8", "trl-32", "trl-packed", "trl-packed-kept"),
    ("ours-8", "ours-1024", "ours-8192", "ours-16384"),
)
SPAWN = multiprocessing.get_context("spawn")


def main() -> None:
    """Run the comparison and print tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="same,pace")
    parser.add_argument("--repeats", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1e9, help="no go is begun after so many of them")
    parser.add_argument("--shape", default="smollm2-135m", choices=made_up_model.SHAPES)
    parser.add_argument("--variants", default=",".join(sum(VARIANTS, ())))
    parser.add_argument("--profile", default="", help="a folder: a profile of some steps of each goes there")
    parser.add_argument("--dry", action="store_true", help="the CPU beside itself")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    import torch

    if not torch.cuda.is_available() and not args.dry:
        parser.error("torch finds no CUDA device here; --dry runs the CPU beside itself, to see that the bench runs")
    report: dict[str, Any] = machine(torch)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        if "same" in args.only:
            report["same"] = {
                shape: same(scratch / shape, shape, args.dry) for shape in dict.fromkeys(("tiny", args.shape))
            }
            told(report, "same", args.json)
        if "pace" in args.only:
            report["pace"] = pace(scratch / "pace", args, report)
            told(report, "pace", args.json)
    if args.json:
        print(json.dumps(report, indent=1))


def machine(torch: Any) -> dict[str, Any]:
    """Return the card, the versions, and the pace of its bf16 products (TFLOP/s, 8,192 wide, random numbers)."""
    names = ("torch", "transformers", "peft", "accelerate", "trl", "datasets")
    found = {name: version(name) for name in names}
    if not torch.cuda.is_available():
        return {"card": "none", "versions": found, "peak": 0.0}
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in "ab")
    times = []
    for turn in range(13):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in "se")
        start.record()
        a @ b
        end.record()
        torch.cuda.synchronize()
        times += [start.elapsed_time(end) / 1e3] if turn > 2 else []
    peak = 2 * 8192**3 / statistics.median(times) / 1e12
    del a, b
    torch.cuda.empty_cache()
    return {"card": torch.cuda.get_device_name(), "versions": found, "peak": peak}


def version(name: str) -> str:
    """Return the version of an installed package, "" where it is missing."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed(name)
    except PackageNotFoundError:
        return ""


# ---- what must be the same --------------------------------------------------------------------------------------


def same(folder: Path, shape: str, dry: bool) -> dict[str, Any]:
    """Return how far the GPU is from the CPU, in fp32 and in bf16."""
    from residency.core.store import read_json

    folder.mkdir(parents=True)
    base = made_up_model.make_base(folder, shape)
    rows = made_up_model.questions(420, made_up_model.SHAPES[shape]["vocab_size"], seed=3, longest=500)
    examples = made_up_model.make_examples(folder / "examples", rows)
    learned = ("learn",) if shape == "tiny" else ()  # of the larger shape it would take minutes on the CPU
    sides = {"cpu": ("gradient", "ask", *learned), **dict.fromkeys(("fp32", "bf16"), on_a_device.PARTS)}
    jobs = {side: (str(folder / side), shape, str(base), str(examples), parts) for side, parts in sides.items()}
    threads = len(os.sched_getaffinity(0))
    workers = [worker([jobs["cpu"]], True, threads - 2), worker([jobs["fp32"], jobs["bf16"]], dry, 2)]
    for each in workers:
        each.join()
    found: dict[str, Any] = {}
    for side in sides:
        read = {p.stem: read_json(p) for p in (folder / side).glob("*.json")}
        found[side] = {"seconds": {part: round(each["seconds"], 1) for part, each in read.items()}}
        found[side] |= {"killed": read["killed"]} if "killed" in read else {}
        if "ask" in read:
            found[side]["pace"] = paces(read["ask"])
    for name, a, b in (("fp32 from cpu", "fp32", "cpu"), ("bf16 from fp32", "bf16", "fp32")):
        found[name] = apart(folder / a, folder / b)
    return found


def worker(jobs: list[tuple[Any, ...]], cpu: bool, threads: int) -> Any:
    """Return a process that has begun with some jobs on one device, with so many threads."""
    os.environ["OMP_NUM_THREADS"] = str(max(1, threads))
    process = SPAWN.Process(target=on_a_device.work, args=(jobs, cpu))
    process.start()
    return process


def paces(asked: dict[str, Any]) -> dict[str, float]:
    """Return tokens read and written a second."""
    read = {f"read {name}": asked["read"] / asked[f"{name}_seconds"] for name in ("alone", "behind")}
    return {**read, "written": asked["written"] / asked["write_seconds"]}


def apart(mine: Path, other: Path) -> dict[str, Any]:
    """Return the largest differences between what two sides left."""
    from residency.core.store import read_json

    found: dict[str, Any] = {}
    if all((side / "gradient.safetensors").exists() for side in (mine, other)):
        found["gradient"] = relative(mine / "gradient.safetensors", other / "gradient.safetensors")
    if all((side / "learn.json").exists() for side in (mine, other)):
        a, b = (read_json(side / "learn.json") for side in (mine, other))
        for stage in ("instruct", "prefer"):
            found[f"{stage} loss"] = max(abs(x - y) for x, y in zip(a[stage], b[stage], strict=False))
            found[f"{stage} losses"] = [len(a[stage]), a[stage][0], a[stage][-1]]
            weights = (side / stage / "adapter" / "adapter_model.safetensors" for side in (mine, other))
            found[f"{stage} adapter"] = relative(*weights)
    if all((side / "ask.json").exists() for side in (mine, other)):
        a, b = (read_json(side / "ask.json") for side in (mine, other))
        for name in ("alone", "behind"):
            found[f"nats {name}"] = max(abs(a[name][k] - b[name][k]) for k in b[name])
            found[f"best option {name}"] = statistics.mean(best(a[name])[k] == best(b[name])[k] for k in best(b[name]))
        found["same replies"] = statistics.mean(x == y for x, y in zip(a["replies"], b["replies"], strict=True))
        found["until they part"] = statistics.mean(map(until_apart, a["replies"], b["replies"]))
    return found


def best(scores: dict[str, float]) -> dict[int, int]:
    """Return each question's likeliest option."""
    found: dict[int, int] = {}
    for owner in map(int, scores):
        question = owner // 10
        if question not in found or scores[str(owner)] > scores[str(found[question])]:
            found[question] = owner
    return found


def until_apart(mine: str, other: str) -> float:
    """Return the share of a reply's words before the first that differs."""
    a, b = mine.split(), other.split()
    first = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    return first / max(1, len(b))


def relative(mine: Path, other: Path) -> float:
    """Return the norm of the difference of two files of tensors, over the norm of the second."""
    import torch
    from safetensors.torch import load_file

    a, b = load_file(mine), load_file(other)
    if sorted(a) != sorted(b):
        return float("nan")
    x, y = (torch.cat([each[n].double().flatten() for n in sorted(b)]) for each in (a, b))
    return float(torch.linalg.norm(x - y) / torch.linalg.norm(y))


# ---- the pace ---------------------------------------------------------------------------------------------------


def pace(folder: Path, args: argparse.Namespace, report: dict[str, Any]) -> dict[str, Any]:
    """Return each variant's tokens a second (least, median, most), share of the card's products, and memory."""
    folder.mkdir(parents=True)
    base = made_up_model.make_base(folder, args.shape)
    helper = SPAWN.Process(target=leave_adapter, args=(str(base), str(folder / "adapter")))
    helper.start()
    helper.join()
    names = [name for name in args.variants.split(",") if name]
    missing = [part for part in ("trl", "datasets") if importlib.util.find_spec(part) is None]
    if missing:
        print(f"not installed: {', '.join(missing)}; TRL's part is left out", file=sys.stderr)
        names = [name for name in names if not name.startswith("trl")]
    pipes = started(names, args, base, folder)
    rates: dict[str, list[float]] = {name: [] for name in names}
    steps: dict[str, list[float]] = {name: [] for name in names}
    rows: dict[str, Any] = {name: {} for name in names}
    began = time.monotonic()
    for _ in range(args.repeats):
        for name in names:
            if "error" in rows[name] or time.monotonic() - began > args.seconds:
                continue
            pipes[name].send("go")
            answer = received(pipes[name])
            if isinstance(answer, str):
                rows[name]["error"] = answer
                continue
            tokens, seconds, peak, count = answer
            rates[name].append(tokens / seconds)
            print(f"{name}: {tokens / seconds:,.0f} tokens/s, {tokens} in {count}", file=sys.stderr, flush=True)
            steps[name].append(seconds / count * 1e3)
            rows[name]["peak_mb"] = max(peak, rows[name].get("peak_mb", 0.0))
    for name in names:
        if args.profile and "error" not in rows[name]:
            pipes[name].send("profile")
            received(pipes[name])
        if rates[name]:
            each = sorted(rates[name])
            rows[name] |= {"tokens_per_second": [each[0], statistics.median(each), each[-1]]}
            rows[name]["ms_a_step"] = statistics.median(steps[name])
            rows[name]["share"] = flops(args.shape) * statistics.median(each) / 1e12 / (report["peak"] or float("nan"))
    return rows


def started(names: list[str], args: argparse.Namespace, base: Path, folder: Path) -> dict[str, Any]:
    """Return the pipes to the variants' processes, each ready for its first timed go."""
    pipes = {}
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in names:
        pipes[name], there = SPAWN.Pipe()
        given = (name, args.shape, str(base), str(folder), args.repeats, args.profile, there)
        SPAWN.Process(target=tuning_on_a_gpu.tune, args=given, daemon=True).start()
    for name in names:
        print(f"{name}: {received(pipes[name])}", file=sys.stderr, flush=True)
    return pipes


def received(pipe: Any, seconds: float = 240.0) -> Any:
    """Return what a process sends, or that it did not."""
    began = time.monotonic()
    while not pipe.poll(1.0):
        if time.monotonic() - began > seconds:
            return "no answer"
    try:
        return pipe.recv()
    except EOFError:
        return "the process ended"


def leave_adapter(base: str, folder: str) -> None:
    """Write the adapter that all variants begin from."""
    net, _ = on_a_device.adapted(Path(base), "fp32")
    net.save_pretrained(folder)


def flops(shape: str) -> float:
    """Return the operations a token of tuning asks for: forward, and back to the input, through the frozen layers.

    Without the head, which only answers reach, the adapters and attention: a little less than what is done.
    """
    sizes = made_up_model.SHAPES[shape]
    width, inner, layers = (sizes[k] for k in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    kv = width * sizes["num_key_value_heads"] // sizes["num_attention_heads"]
    return 4.0 * layers * (2 * width * width + 2 * width * kv + 3 * width * inner)


# ---- the report -------------------------------------------------------------------------------------------------


def told(report: dict[str, Any], part: str, as_json: bool) -> None:
    """Print a part as soon as it is known, unless all of it is wanted as JSON."""
    if as_json:
        return
    print(f"{report['card']}, bf16 products {report['peak']:.0f} TFLOP/s, {report['versions']}")
    print(json.dumps(report["same"], indent=1) if part == "same" else table(report["pace"]), flush=True)


def table(rows: dict[str, Any]) -> str:
    """Return the pace as a table."""
    lines = [f"{'':16s} {'tokens/s':>28s} {'ms a step':>10s} {'share':>7s} {'peak MB':>8s}"]
    for name, row in rows.items():
        if "tokens_per_second" not in row:
            lines.append(f"{name:16s} {row.get('error', 'nothing')}")
            continue
        low, median, high = row["tokens_per_second"]
        span = f"{median:,.0f} ({low:,.0f} to {high:,.0f})"
        lines.append(f"{name:16s} {span:>28s} {row['ms_a_step']:10.1f} {row['share']:7.2%} {row['peak_mb']:8.0f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
