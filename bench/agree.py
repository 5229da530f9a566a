"""The same numbers as lm-evaluation-harness's own ``hf`` model: its command line run twice, its reports compared.

    RESIDENCY_DATA=../shared/data python bench/agree.py [--items 100] [--json]

Tasks of theirs are put on local data. `residency lm-eval run` is then called with ``--model hf`` and with
``--model residency``, both in fp32, as anyone would call it, and what it wrote (results and samples) is compared: every
reported metric with its standard error, the answers, and the log-likelihoods. "exact" says that the two reported
numbers are the same to the last digit. Means of log-likelihoods (perplexities) are sums of rounded numbers and are
said to be the same within 1e-4 of their value. Exit status 1 where any number is neither.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from parts.harness_tasks import TASKS, write_tasks

CLOSE = 1e-4
"""Largest difference of a mean of log-likelihoods, as a share of its value."""
AVERAGED = ("perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte")
Row = dict[str, Any]


def main() -> int:
    """Compare, print a table or JSON, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100, help="items a task (default: 100)")
    parser.add_argument("--tasks", default=",".join(TASKS), help="some of the tasks (default: all)")
    parser.add_argument("--model", default="", help="a folder (default: the packaged model)")
    parser.add_argument("--batch", default="8", help="the batch size of hf (default: 8)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        report = compare(args, Path(scratch))
    print(json.dumps(report, indent=1) if args.json else table(report))
    return 0 if all(row["same"] != "no" for row in report["rows"]) else 1


def compare(args: argparse.Namespace, scratch: Path) -> Row:
    """Return a row for each reported number of each task, and what each run took."""
    from residency.models.weights import packaged_base

    folder = args.model or str(packaged_base())
    names = write_tasks(scratch / "tasks", args.items, args.tasks.split(","))
    asked = ["--tasks", ",".join(names), "--include_path", str(scratch / "tasks"), "--limit", str(args.items)]
    theirs = ["--model", "hf", "--model_args", f"pretrained={folder},dtype=float32"]
    theirs += ["--batch_size", args.batch, "--device", "cpu"]
    ours = ["--model", "residency", "--model_args", f"pretrained={folder}"]
    found = {name: run([*model, *asked], scratch / name) for name, model in (("theirs", theirs), ("ours", ours))}
    rows = [row for name in names for row in compared(name, found["theirs"], found["ours"])]
    return {"rows": rows, "seconds": {name: made["seconds"] for name, made in found.items()}, "model": folder}


def run(arguments: list[str], out: Path) -> Row:
    """Return the results and the samples by task that `residency lm-eval run` has written."""
    command = [sys.executable, "-m", "residency", "lm-eval", "run", *arguments, "--output_path", str(out)]
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_DATASETS_CACHE": str(out.parent / "cache")}
    began = time.perf_counter()
    done = subprocess.run(
        [*command, "--log_samples"], env={**os.environ, **offline}, stdout=sys.stderr, check=False, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    seconds = time.perf_counter() - began
    (path,) = out.rglob("results_*.json")
    samples = {p.name.removeprefix("samples_").rsplit("_", 1)[0]: lines(p) for p in out.rglob("samples_*.jsonl")}
    return {"results": json.loads(path.read_text()), "samples": samples, "seconds": seconds}


def lines(path: Path) -> list[Row]:
    """Return a file's samples in the order of the items, each once."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return sorted({row["doc_id"]: row for row in rows}.values(), key=lambda row: row["doc_id"])


def compared(task: str, theirs: Row, ours: Row) -> list[Row]:
    """Return a row for each number that the harness reports of a task."""
    kind = theirs["results"]["configs"][task]["output_type"]
    differ, nats = answers(kind, theirs["samples"][task], ours["samples"][task])
    first, second = (made["results"]["results"][task] for made in (theirs, ours))
    if first.keys() != second.keys():
        raise SystemExit(f"{task}: hf reports {sorted(first)}, residency reports {sorted(second)}")
    about = {"task": task, "items": len(ours["samples"][task]), "differ": differ, "nats": nats}
    return [
        {**about, "metric": name, "theirs": value, "ours": second[name], "same": same(name, value, second[name])}
        for name, value in first.items()
        if "," in name
    ]


def same(metric: str, first: Any, second: Any) -> str:
    """Return "exact", "close" (a mean of log-likelihoods within rounding), or "no"."""
    if first == second:
        return "exact"
    averaged = metric.partition(",")[0].removesuffix("_stderr") in AVERAGED
    numbers = isinstance(first, float) and isinstance(second, float)
    return "close" if averaged and numbers and math.isclose(first, second, rel_tol=CLOSE) else "no"


def answers(kind: str, theirs: list[Row], ours: list[Row]) -> tuple[int, float | None]:
    """Return how many items are answered otherwise, and the largest difference of log-likelihoods in nats.

    An answer is the likeliest choice, whether a word would have been said, or the text; a whole text that is only read
    has none.
    """
    pairs = [(a["filtered_resps"], b["filtered_resps"]) for a, b in zip(theirs, ours, strict=True)]
    if [a["doc_id"] for a in theirs] != [b["doc_id"] for b in ours]:
        raise SystemExit("the two runs did not answer the same items")
    if kind == "generate_until":
        return sum(a != b for a, b in pairs), None
    nats = max((abs(x - y) for a, b in pairs for x, y in zip(values(a), values(b), strict=True)), default=0.0)
    if kind == "multiple_choice":
        return sum(likeliest(a) != likeliest(b) for a, b in pairs), nats
    return sum(said(a) != said(b) for a, b in pairs) if kind == "loglikelihood" else 0, nats


def values(replies: list[Any]) -> list[float]:
    """Return the log-likelihoods of an item's replies, each a number or (number, greedy)."""
    return [float(reply[0] if isinstance(reply, list) else reply) for reply in replies]


def likeliest(replies: list[Any]) -> int:
    """Return the place of the likeliest choice."""
    found = values(replies)
    return found.index(max(found))


def said(replies: list[Any]) -> list[str]:
    """Return whether each reply is what the model would have said, as it was written down."""
    return [str(reply[1]) for reply in replies if isinstance(reply, list)]


def table(report: Row) -> str:
    """Return the rows as a table."""
    texts = [
        f"{'task':34s} {'metric':36s} {'items':>5s} {'theirs':>14s} {'ours':>14s} {'same':>6s} "
        f"{'differ':>6s} {'nats':>8s}"
    ]
    for row in report["rows"]:
        nats = "" if row["nats"] is None else f"{row['nats']:.1e}"
        texts.append(
            f"{row['task']:34s} {row['metric']:36s} {row['items']:5d} {shown(row['theirs']):>14s} "
            f"{shown(row['ours']):>14s} {row['same']:>6s} {row['differ']:6d} {nats:>8s}"
        )
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in report["seconds"].items())
    return "\n".join([*texts, f"\n{seconds}, start included"])


def shown(value: Any) -> str:
    """Return a number with the digits that tell two apart."""
    return f"{value:.8g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
