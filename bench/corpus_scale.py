"""Seconds and peak memory of the whole corpus stage on ever more input: read, clean, compare, split, write.

    python bench/corpus_scale.py [--gb 0.2,1,4] [--workers 2] [--engine local] [--json]

The notes are made up of sentences from the words of the installed ICD-10-CM, drawn by a seed, in JSONL with a patient
and a date; a tenth of them are near-duplicates of one before. Each size runs as the command a user gives, in a folder
of its own, which is removed. The seconds and the memory of the whole process tree are those that the run writes down.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

from parts.notes import spoken, vocabulary

Row = dict[str, Any]
HEAD = f"{'GB':>6s} {'documents':>10s} {'kept':>10s} {'seconds':>8s} {'MB/s':>7s} {'peak MB':>8s}"


def main() -> None:
    """Measure every size and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gb", default="0.2,1,4")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--engine", default="local")
    parser.add_argument("--folder", default=None, help="where the files go meanwhile (some five times the size)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows: list[Row] = []
    for size in args.gb.split(","):
        with tempfile.TemporaryDirectory(dir=args.folder) as scratch:
            rows.append(measured(Path(scratch), float(size), args))
        print(line(rows[-1]), file=sys.stderr, flush=True)
    print(json.dumps(rows, indent=1) if args.json else "\n".join([HEAD, *map(line, rows)]))


def measured(scratch: Path, gb: float, args: argparse.Namespace) -> Row:
    """Return what one size took."""
    (scratch / "in").mkdir()
    written = write(scratch / "in" / "notes.jsonl", int(gb * 1e9))
    recipe = {
        "sources": [{"files": str(scratch / "in")}],
        "clean": {},
        "dedup": {},
        "decontaminate": {},
        "splits": {},
        "engine": args.engine,
        "workers": args.workers,
    }
    (scratch / "recipe.yaml").write_text(json.dumps({"corpus": recipe}))
    command = [sys.executable, "-m", "residency", "corpus", str(scratch / "recipe.yaml"), "--json"]
    environment = {**os.environ, "RESIDENCY_RUNS": str(scratch / "runs")}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    shutil.rmtree(scratch / "runs")
    seconds, peak = found["cost"]["wall_s"], found["cost"]["peak_rss_mb"]
    about = {"gb": gb, "documents": written, "kept": found["card"]["documents"]}
    return {**about, "seconds": seconds, "mb_s": gb * 1000 / seconds, "peak_mb": peak}


def write(path: Path, size: int) -> int:
    """Return the number of notes written to about that many bytes."""
    count = held = 0
    with path.open("w", encoding="utf-8") as file:
        for row in rows_of(random.Random(0)):
            text = json.dumps(row) + "\n"
            file.write(text)
            count, held = count + 1, held + len(text)
            if held >= size:
                return count
    return count


def rows_of(draw: random.Random) -> Iterator[Row]:
    """Yield notes without end, some 2 kB each; every tenth repeats the one before but for its last sentence."""
    names = vocabulary()
    weights = list(
        accumulate(1 / (rank + 10) for rank in range(len(names)))
    )  # as often as words are, so that they pass
    words = draw.choices(names, cum_weights=weights, k=2_400_000)
    sentences = [" ".join(spoken(draw, words[at : at + 12])) + "." for at in range(0, len(words), 12)]
    number, said = 0, list[str]()
    while True:
        said = (
            [*said[:-1], draw.choice(sentences)] if number % 10 == 9 else draw.choices(sentences, k=draw.randint(8, 30))
        )
        patient, day = f"p{draw.randrange(1_000_000)}", f"2024-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        yield {"id": f"n{number}", "text": "\n".join(said), "patient": patient, "date": day}
        number += 1


def line(row: Row) -> str:
    """Return one size's figures."""
    return (
        f"{row['gb']:6.1f} {row['documents']:10,d} {row['kept']:10,d} {row['seconds']:8.1f} {row['mb_s']:7.2f} "
        f"{row['peak_mb']:8.0f}"
    )


if __name__ == "__main__":
    main()
