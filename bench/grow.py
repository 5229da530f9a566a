"""How training grows: tokens a second by the size of the model and the length of its texts, and the share of the peak.

Models of random weights in three shapes (SmolLM2-135M and 360M, Llama-3.2-1B) read texts of one length each, every
token learned, in rows as long as a text and at least ``--row`` tokens, one row a core side by side (one row, where so
many do not fit in ``--memory``). Each case is a process of its own. The peak is that of one large square product in
the same process, before and after; the operations of a token are the products of the frozen layers forward and back to
their input, those of the head likewise, and attention: what is computed twice, adapters, norms and copies count
nothing. ``own products`` is the pace of the model's own products alone, laid out as in a step. The profile says where
the rest goes.

    python bench/grow.py [--shapes smollm2-135m,smollm2-360m,llama-1b] [--lengths 128,512] [--items 2] [--json]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
from typing import Any

from parts import growing, made_up_model

SHAPES = ("smollm2-135m", "smollm2-360m", "llama-1b")
LENGTHS = (128, 256, 512, 1024, 2048, 4096)
SPAWN = multiprocessing.get_context("spawn")


def main() -> None:
    """Measure all cases and print tables, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES), help=f"from {', '.join(made_up_model.SHAPES)}")
    parser.add_argument("--lengths", default=",".join(map(str, LENGTHS)), help="tokens of a text")
    parser.add_argument("--precisions", default="bf16,fp32")
    parser.add_argument("--row", type=int, default=512, help="the fewest tokens of a row")
    parser.add_argument("--items", type=int, default=2, help="steps a repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", type=float, default=24.0, help="GiB that a case may take")
    parser.add_argument("--square", type=int, default=4096, help="the side of the product that gives the peak")
    parser.add_argument("--profile", default="smollm2-135m:1024", help="SHAPE:LENGTH,... of the profiles; empty: none")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", DO_NOT_TRACK="1")
    report: dict[str, Any] = {"threads": len(os.sched_getaffinity(0)), "cases": [], "profiles": []}
    profiled = [one.split(":") for one in args.profile.split(",") if one]
    for shape in args.shapes.split(","):
        with tempfile.TemporaryDirectory() as scratch:
            base = in_process(growing.base, scratch, shape)
            for precision in args.precisions.split(","):
                for length in map(int, args.lengths.split(",")):
                    report["cases"].append(case(args, shape, precision, length, base))
                    print(line(report["cases"][-1]), file=sys.stderr, flush=True)
                for name, length in profiled:
                    if name == shape:
                        found = in_process(growing.profile, base, precision, int(length), args.memory)
                        report["profiles"].append(
                            {"shape": shape, "precision": precision, "length": int(length), **found}
                        )
    print(json.dumps(report, indent=1) if args.json else table(report))


def case(args: argparse.Namespace, shape: str, precision: str, length: int, base: Any) -> dict[str, Any]:
    """Return the figures of one case, on one row where as many as there are cores do not fit."""
    about = {"shape": shape, "precision": precision, "length": length, "row": max(1, args.row // length) * length}
    found: dict[str, Any] = {}
    for rows in dict.fromkeys((len(os.sched_getaffinity(0)), 1)):
        settings = {**about, "rows": rows, "steps": args.items * args.repeats, "memory": args.memory}
        found = in_process(growing.pace, base, {**settings, "square": args.square})
        if found["fits"]:
            break
    if not found["fits"]:
        return {**about, **found}
    groups = [found["seconds"][i : i + args.items] for i in range(0, len(found["seconds"]), args.items)]
    rates = sorted(found["tokens"] * len(group) / sum(group) for group in groups)
    rate, wanted = statistics.median(rates), growing.operations(shape, length)
    found |= {"tokens_per_second": rate, "slowest": rates[0], "fastest": rates[-1], "operations": sum(wanted.values())}
    return {**about, **found, "share": rate * sum(wanted.values()) / found["peak"]}


def in_process(work: Any, *given: Any) -> Any:
    """Return what some work gives in a process of its own; one that dies gives ``{"fits": False}``."""
    here, there = SPAWN.Pipe()
    process = SPAWN.Process(target=growing.told, args=(there, work, given))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        return {"fits": False}
    finally:
        process.join()


def line(row: dict[str, Any]) -> str:
    """Return a case in a line of a table."""
    head = f"| {row['shape']} | {row['precision']} | {row['length']} | "
    if not row["fits"]:
        return f"{head}does not fit | | | | |"
    pace = f"{row['tokens_per_second']:.0f} ({row['slowest']:.0f} to {row['fastest']:.0f})"
    peak, own = row["peak"] / 1e9, row["products"] / row["peak"]
    shape = f"{row['rows']} x {row['row']}"
    return f"{head}{shape} | {pace} | {peak:.0f} | {row['share']:.0%} | {own:.0%} | {row['peak_mb'] / 1e3:.1f} |"


def table(report: dict[str, Any]) -> str:
    """Return the cases and the profiles as tables in Markdown."""
    lines = ["| model | precision | text | rows | tokens/s | peak, GFLOP/s | share of it | own products | GB |"]
    lines += ["|---|---|---|---|---|---|---|---|---|", *map(line, report["cases"])]
    for found in report["profiles"]:
        lines += [
            "",
            f"{found['shape']} in {found['precision']}, one row of {found['row']} tokens on one core, texts of ",
        ]
        lines[-1] += f"{found['length']}: {found['milliseconds']:.0f} ms a step."
        lines += ["", "| what | share of the time |", "|---|---|"]
        lines += [f"| {name} | {share:.1%} |" for name, share in found["kinds"].items()]
        lines += ["", "| operation | share of the time | calls a step |", "|---|---|---|"]
        lines += [f"| `{row['name']}` | {row['share']:.1%} | {row['calls']:.0f} |" for row in found["operations"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
