"""Loading a graph of many made-up triples, and asking it: time, memory and room on disk.

    python bench/graph.py [--triples 5000000] [--json]

The triples are drawn: nodes by number, each with two relations to others; every hundredth node has a name. The loading
is done in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from residency.infer.graph import open_graph

LOAD = (
    "import resource, sys, time; from residency.corpus.graph.build import build; t = time.perf_counter(); "
    "made = build([sys.argv[1]], sys.argv[2]); used = resource.getrusage(resource.RUSAGE_SELF); "
    "print(made['triples'], time.perf_counter() - t, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--triples", type=int, default=5_000_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        row = measured(Path(folder), args.triples)
    print(json.dumps(row, indent=1) if args.json else "\n".join(f"{key:<22} {value}" for key, value in row.items()))


def measured(folder: Path, triples: int) -> dict[str, Any]:
    """Return what loading and asking took."""
    write(folder / "drawn.csv", triples)
    command = [sys.executable, "-c", LOAD, str(folder / "drawn.csv"), str(folder / "graph")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    made, seconds, cpu, peak = done.stdout.split()
    size = sum(file.stat().st_size for file in (folder / "graph").rglob("*") if file.is_file())
    row: dict[str, Any] = {"triples": int(made), "load_s": float(seconds), "load_cpu_s": float(cpu)}
    row |= {"load_peak_mb": float(peak), "disk_mb": size / 1e6}
    return row | asked(folder / "graph", triples)


def write(path: Path, triples: int) -> None:
    """Write the table."""
    rng, nodes = random.Random(0), max(triples // 4, 10)
    with path.open("w") as handle:
        handle.write("head,relation,tail\n")
        for i in range(triples):
            if i % 100:
                handle.write(f"N:{i % nodes},{('is a', 'next to')[i % 2]},N:{rng.randrange(nodes)}\n")
            else:
                handle.write(f"N:{i % nodes},name,thing number {i}\n")


def asked(path: Path, triples: int) -> dict[str, float]:
    """Return the milliseconds (medians of 20) that opening and asking take."""
    rng, nodes = random.Random(1), max(triples // 4, 10)
    began = time.perf_counter()
    graph = open_graph(path)
    graph.name("N:1")
    row = {"open_ms": 1000 * (time.perf_counter() - began)}
    ways = {
        "facts_of_ms": lambda: graph.facts_of(f"N:{rng.randrange(nodes)}"),
        "link_ms": lambda: graph.link(f"what is thing number {rng.randrange(nodes) * 100}"),
        "paths_ms": lambda: graph.paths(f"N:{rng.randrange(nodes)}", f"N:{rng.randrange(nodes)}", most=1),
        "sparql_ms": lambda: graph.query("SELECT ?x { ?x rdfs:label ?n } LIMIT 5"),
    }
    for name, way in ways.items():
        times = []
        for _ in range(20):
            began = time.perf_counter()
            way()
            times.append(time.perf_counter() - began)
        row[name] = 1000 * sorted(times)[len(times) // 2]
    return row


if __name__ == "__main__":
    main()
