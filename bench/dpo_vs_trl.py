"""Preference alignment beside TRL's DPOTrainer: the same pairs, interleaved, as ratios, with each one's gradient error.

Reference passes are in the time of all. TRL's defaults make them in every step; TRL's best on a CPU (bf16 weights, no
gradient checkpointing, reference log-probabilities computed beforehand) and ours, which always computes them
beforehand, make those of a share's pairs at its beginning. TRL has no packing here: its ``padding_free`` falls back to
padding. A pair's useful tokens are its prompt, once, and both answers. Gradients are compared as in train_vs_trl.py.

    python bench/dpo_vs_trl.py --examples runs/latest/examples [--items 32] [--repeats 5] [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Any

from parts.preferences import TRL, WORKERS
from parts.trainers import GRADIENTS
from train_vs_trl import BASES, gradients, interleaved, make_adapter, summary, table

VARIANTS = (*BASES, "trl-best", "trl-best-fp32", "ours-bf16", "ours-fp32")


def main() -> None:
    """Run the comparison and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=Path, default=Path("runs/latest/examples"), help="a run's examples folder")
    parser.add_argument("--batch", type=int, default=8, help="pairs a step (TRL's default)")
    parser.add_argument("--items", type=int, default=32, help="pairs a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--variants", default=",".join(VARIANTS), help=f"from {', '.join(TRL)}, ours-bf16, ours-fp32")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.variants = list(dict.fromkeys([*BASES, *args.variants.split(",")]))
    args.steps = max(1, args.items // args.batch)
    os.environ.update(BENCH_STEPS=str(args.steps), HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1")
    if not (args.examples / "examples.jsonl").exists():
        parser.error(f"{args.examples} holds no examples.jsonl; make a run first, or name one with --examples")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        data = pairs(args)
        make_adapter(scratch / "adapter", args.rank)
        rates, peaks = interleaved(args.variants, WORKERS, data, scratch, args.repeats)
        report = summary(args, rates, peaks, {name: gradients(scratch, name) for name in args.variants})
    print(json.dumps(report, indent=1) if args.json else table(report))


def pairs(args: argparse.Namespace) -> list[list[dict[str, Any]]]:
    """Return the steps, lists of ``{"prompt", "chosen", "rejected"}``: GRADIENTS batches, then the timed ones."""
    from residency.core.store import read_examples

    rows = [e for e in read_examples(args.examples / "examples.jsonl", split="train") if e.unwanted]
    rows = [e for e in rows if e.meta.get("use") == "prefer" and set(e.unwanted) - set(e.wanted)]
    count = args.batch * (GRADIENTS + args.steps * args.repeats)
    draw = random.Random(0)
    draw.shuffle(rows)
    if len(rows) < count:
        raise SystemExit(f"{args.examples} holds {len(rows)} pairs; {count} are needed: lower --items or --repeats")
    made = [
        {
            "prompt": e.prompt,
            "chosen": [{"role": "assistant", "content": e.wanted[0]}],
            "rejected": [
                {"role": "assistant", "content": draw.choice([each for each in e.unwanted if each not in e.wanted])}
            ],
        }
        for e in rows[:count]
    ]
    return [made[i : i + args.batch] for i in range(0, len(made), args.batch)]


if __name__ == "__main__":
    main()
