"""Examining beside lm-evaluation-harness's own ``hf`` model: the same tasks of theirs, items, templates and machine.

Each variant is a process of its own that answers all requests of a setting, one variant after the other in turn, so
that a slow minute of the machine falls on all. Reported are the seconds of the model's own calls, ratios repeat by
repeat, peak memory, the largest difference between log-likelihoods and the answers that differ. The data are local
files; no hub is asked.

    RESIDENCY_DATA=../shared/data python bench/evaluate.py [--items 200] [--repeats 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from parts.harness_tasks import write_tasks

SETTINGS: dict[str, dict[str, Any]] = {
    "letters 0-shot": {"task": "local_medmcqa", "shots": 0},
    "letters 5-shot": {"task": "local_medmcqa", "shots": 5},
    "full-text options": {"task": "local_headqa_es", "shots": 0},
    "yes/no/maybe with abstract": {"task": "local_pubmedqa", "shots": 0},
    "written answers": {"task": "local_meqsum", "shots": 0},
}
"""Their own task files (medmcqa, headqa_es, pubmedqa), on local data; and one of written answers."""
VARIANTS = {
    "hf batch 8": ("hf", {"dtype": "float32"}, 8),
    "hf batch auto": ("hf", {"dtype": "float32"}, "auto"),
    "residency": ("residency", {"type": "fp32"}, 8),
    "hf bf16": ("hf", {"dtype": "bfloat16"}, 8),
    "residency bf16": ("residency", {"type": "bf16"}, 8),
}
PEERS = {"residency": "hf batch 8", "residency bf16": "hf bf16"}


def main() -> None:
    """Run the comparison and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--settings", default=",".join(SETTINGS))
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--model", default="", help="a folder (default: the packaged model)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the workers end with it
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HF_DATASETS_CACHE"] = str(Path(scratch) / "cache")
        report = compare(args, Path(scratch))
    print(json.dumps(report, indent=1) if args.json else table(report))


def compare(args: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Return the figures of every setting and variant."""
    tasks = dict.fromkeys(s["task"].removeprefix("local_") for s in SETTINGS.values())
    write_tasks(scratch / "tasks", args.items, list(tasks))
    settings = [s for s in SETTINGS if s in args.settings.split(",")]
    variants = [v for v in VARIANTS if v in args.variants.split(",")]
    times: dict[tuple[str, str], list[float]] = {}
    answers: dict[tuple[str, str], Any] = {}
    peaks: dict[str, float] = {}
    context = multiprocessing.get_context("spawn")
    pipes, workers = {}, []
    for variant in variants:
        here, there = context.Pipe()
        worker = context.Process(target=serve, args=(variant, args.model, scratch, there), daemon=True)
        worker.start()
        pipes[variant] = here
        workers.append(worker)
        here.recv()
    for repeat in range(args.repeats):
        for setting in settings:
            for variant in variants:
                pipes[variant].send((setting, args.items))
                seconds, answers[setting, variant] = pipes[variant].recv()
                times.setdefault((setting, variant), []).append(seconds)
                print(f"repeat {repeat + 1} {setting}, {variant}: {seconds:.1f} s", file=sys.stderr, flush=True)
    for variant in variants:
        pipes[variant].send(None)
        peaks[variant] = pipes[variant].recv()
    for worker in workers:
        worker.join()
    return summary(args, settings, variants, times, answers, peaks)


def serve(variant: str, model: str, scratch: Path, pipe: Connection) -> None:
    """Answer each (setting, items) with (seconds, answers), and None with the peak memory in MB."""
    import logging

    import lm_eval
    from lm_eval.api.registry import get_model
    from lm_eval.tasks import TaskManager

    from residency.evaluate.harness import register
    from residency.models.weights import packaged_base

    logging.disable(logging.WARNING)
    register()
    kind, given, batch = VARIANTS[variant]
    settings = {"pretrained": model or str(packaged_base()), **given, "batch_size": batch, "device": "cpu"}
    lm = get_model(kind)(**settings)
    manager = TaskManager(include_path=str(scratch / "tasks"))
    pipe.send("ready")
    spent = timed(lm)

    @cache
    def loaded(setting: str) -> Any:
        asked = SETTINGS[setting]
        found = manager.load([asked["task"]])
        for task in found["tasks"].values():
            task.set_config(key="num_fewshot", value=asked["shots"])
            task.set_fewshot_seed(seed=0)
        return found

    while (asked := pipe.recv()) is not None:
        setting, items = asked
        spent.clear()
        found = lm_eval.evaluate(lm=lm, task_dict=loaded(setting), limit=items, bootstrap_iters=0, log_samples=True)
        samples = found["samples"][SETTINGS[setting]["task"]]
        pipe.send((sum(spent), [s["filtered_resps"] for s in sorted(samples, key=lambda s: s["doc_id"])]))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def timed(lm: Any) -> list[float]:
    """Return a list that grows by the seconds of each call for log-likelihoods or replies, tokenising included.

    What the harness does around them (reading task files and data) is the same for all and left out.
    """
    spent: list[float] = []
    for name in ("loglikelihood", "generate_until"):
        setattr(lm, name, _timed(getattr(lm, name), spent))
    return spent


def _timed(usual: Any, spent: list[float]) -> Any:
    def call(*given: Any, **named: Any) -> Any:
        began = time.perf_counter()
        found = usual(*given, **named)
        spent.append(time.perf_counter() - began)
        return found

    return call


def summary(
    args: argparse.Namespace,
    settings: list[str],
    variants: list[str],
    times: dict[tuple[str, str], list[float]],
    answers: dict[tuple[str, str], Any],
    peaks: dict[str, float],
) -> dict[str, Any]:
    """Return medians, ratios repeat by repeat, and how the answers differ from the peer's."""
    import lm_eval
    import torch

    rows = []
    for setting in settings:
        for variant in variants:
            row: dict[str, Any] = {"setting": setting, "variant": variant, "items": len(answers[setting, variant])}
            row |= {"seconds": statistics.median(times[setting, variant]), "peak_mb": peaks[variant]}
            peer = PEERS.get(variant)
            if peer in variants:
                ratios = sorted(a / b for a, b in zip(times[setting, peer], times[setting, variant], strict=True))
                row |= {"peer": peer, "times": [ratios[0], statistics.median(ratios), ratios[-1]]}
                row |= differences(answers[setting, peer], answers[setting, variant])
            rows.append(row)
    return {
        "rows": rows,
        "repeats": args.repeats,
        "threads": torch.get_num_threads(),
        "lm_eval": lm_eval.__version__,
        "torch": torch.__version__,
    }


def differences(theirs: list[Any], ours: list[Any]) -> dict[str, Any]:
    """Return the largest difference in nats and how many items are answered otherwise."""
    if theirs and isinstance(theirs[0][0], str):
        return {"differ": sum(a != b for a, b in zip(theirs, ours, strict=True))}
    values = [([float(r[0]) for r in a], [float(r[0]) for r in b]) for a, b in zip(theirs, ours, strict=True)]
    return {
        "largest_nats": max(abs(x - y) for a, b in values for x, y in zip(a, b, strict=True)),
        "differ": sum(a.index(max(a)) != b.index(max(b)) for a, b in values),
    }


def table(report: dict[str, Any]) -> str:
    """Return the figures as a table."""
    lines = [
        f"{'':28s} {'':16s} {'items':>5s} {'seconds':>8s} {'x peer':>20s} {'peak MB':>8s} {'nats':>8s} {'differ':>6s}"
    ]
    for row in report["rows"]:
        spread = "{1:.2f} ({0:.2f} to {2:.2f})".format(*row["times"]) if "times" in row else ""
        nats = f"{row['largest_nats']:.1e}" if "largest_nats" in row else ""
        lines.append(
            f"{row['setting']:28s} {row['variant']:16s} {row['items']:5d} {row['seconds']:8.1f} {spread:>20s} "
            f"{row['peak_mb']:8.0f} {nats:>8s} {row.get('differ', '')!s:>6s}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
