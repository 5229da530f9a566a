"""Near-duplicates found beside datasketch and datatrove: the same made-up notes, words in a row and threshold.

    python bench/corpus.py [--mb 20] [--repeats 3] [--threshold 0.8] [--tools residency;datasketch;datatrove] [--json]

The notes are drawn from the words of the installed ICD-10-CM texts, some words far more often than others, and hold
near-duplicates planted at known Jaccard similarities of their sets of five words in a row. Each tool runs in a process
of its own, one after the other in turn, so that a slow minute of the machine falls on all; the seconds are those of
reading the texts in memory to knowing what drops, without start-up. Of each level are reported how many of the planted
were found, and of what was dropped how much was planted at or above the threshold. Cleaning runs before and its seconds
count: ours, and datatrove's GopherQuality and GopherRepetition (datasketch has none); --dedup-only leaves it out.

datasketch runs as its documentation advises for speed (update_batch by MinHash.generator, then MinHashLSH with
insertion without checks). datatrove's word tokenizer for English needs spaCy: a split at white space, which is faster
and the same after its own removal of punctuation, stands in.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import os
import resource
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from parts.deduplicators import TOOLS, Found, atend
from parts.notes import LEVELS, Corpus, made_up


def main() -> None:
    """Run the comparison and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mb", type=float, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threshold", type=float, default=0.8)
    parser.add_argument("--tools", default=";".join(TOOLS), help="names parted by semicolons")
    parser.add_argument("--dedup-only", action="store_true", help="without each tool's cleaning")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.clean = not args.dedup_only and importlib.util.find_spec("residency.corpus.clean") is not None
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TQDM_DISABLE": "1", "LOGURU_LEVEL": "ERROR"}
    report = compare(args)
    print(json.dumps(report, indent=1) if args.json else table(report))


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of every tool."""
    corpus = made_up(int(args.mb * 1e6))
    tools = [name for name in TOOLS if name in args.tools.split(";")]
    seconds: dict[str, list[float]] = {name: [] for name in tools}
    dropped: dict[str, Found] = {}
    peaks: dict[str, float] = {}
    for repeat in range(args.repeats):
        for name in tools:
            spent, dropped[name], peaks[name] = apart(name, corpus.texts, args)
            seconds[name].append(spent)
            print(f"repeat {repeat + 1}, {name}: {spent:.2f} s", file=sys.stderr, flush=True)
    about = {"mb": corpus.size / 1e6, "documents": len(corpus.texts), "planted": len(corpus.planted)}
    about |= {"threshold": args.threshold, "clean": args.clean, "repeats": args.repeats}
    rows = [
        {
            **row(corpus, args.threshold, *dropped[name]),
            **pace(corpus, seconds, name),
            "tool": name,
            "peak_mb": peaks[name],
        }
        for name in tools
    ]
    return {**about, "rows": rows}


def apart(name: str, texts: Sequence[str], args: argparse.Namespace) -> tuple[float, Found, float]:
    """Return (seconds, what drops, peak memory in MB) of one run in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    worker = context.Process(target=serve, args=(name, args.threshold, args.clean, there))
    worker.start()
    here.send(texts)
    found: tuple[float, Found, float] = here.recv()
    worker.join()
    return found


def serve(name: str, threshold: float, clean: bool, pipe: Connection) -> None:
    """Answer texts with what they took, after a small run that loads what the tool needs."""
    texts = pipe.recv()
    with tempfile.TemporaryDirectory() as scratch:
        TOOLS[name](made_up(20_000, seed=9).texts, folder(scratch, "first"), threshold=threshold, clean=clean)
        began = time.perf_counter()
        dropped = TOOLS[name](texts, folder(scratch, "run"), threshold=threshold, clean=clean)
        seconds = time.perf_counter() - began
    atend.close()
    pipe.send((seconds, dropped, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def folder(scratch: str, name: str) -> Path:
    """Return a new folder."""
    path = Path(scratch) / name
    path.mkdir()
    return path


def row(corpus: Corpus, threshold: float, dropped: set[int], unclean: set[int]) -> dict[str, Any]:
    """Return the share of planted copies found at each level, and recall and precision at the threshold.

    A pair counts as found when either of its two drops; a drop is right when its pair is as similar as the threshold.
    Pairs of which the cleaning dropped one are left out.
    """
    found, all_of, right, wanted = Counter[float](), Counter[float](), set(), 0
    for first, second, similarity, level in corpus.planted:
        pair = {first, second}
        if pair & unclean:
            continue
        all_of[level] += 1
        found[level] += bool(pair & dropped)
        if similarity >= threshold:
            wanted += 1
            right |= pair
    return {
        "found": {str(level): found[level] / max(1, all_of[level]) for level in LEVELS},
        "recall": len(dropped & right) / max(1, wanted),
        "precision": len(dropped & right) / max(1, len(dropped)),
        "dropped": len(dropped),
        "unclean": len(unclean),
    }


def pace(corpus: Corpus, seconds: dict[str, list[float]], name: str) -> dict[str, Any]:
    """Return seconds, MB/s, and how many times as fast ours was, repeat by repeat."""
    ratios = sorted(other / ours for other, ours in zip(seconds[name], seconds.get("residency", []), strict=False))
    spent = statistics.median(seconds[name])
    times = [ratios[0], statistics.median(ratios), ratios[-1]] if ratios else []
    return {"seconds": spent, "mb_s": corpus.size / 1e6 / spent, "times": times}


def table(report: dict[str, Any]) -> str:
    """Return the figures as a table."""
    what = "clean and near-duplicates" if report["clean"] else "dedup only"
    head = f"{report['mb']:.1f} MB, {report['documents']} notes, {report['planted']} planted copies: {what}"
    levels = "".join(f"{level:>7}" for level in LEVELS)
    lines = [
        head,
        f"{'':22s} {'MB/s':>7s} {'slower than ours':>22s} {'peak MB':>8s} {'recall':>7s} {'right':>7s}  "
        f"found at{levels}",
    ]
    for entry in report["rows"]:
        spread = "{1:.2f} ({0:.2f} to {2:.2f})".format(*entry["times"]) if entry["times"] else ""
        found = "".join(f"{share:7.3f}" for share in entry["found"].values())
        lines.append(
            f"{entry['tool']:22s} {entry['mb_s']:7.2f} {spread:>22s} {entry['peak_mb']:8.0f} {entry['recall']:7.3f} "
            f"{entry['precision']:7.3f}          {found}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
