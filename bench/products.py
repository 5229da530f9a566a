"""The products of a decoder layer: torch's own beside oneDNN on weights laid out once, GFLOP/s over the rows.

    python bench/products.py [--rows 1,8,64,512,2048] [--width 576] [--inner 1536] [--types fp32,bf16] [--json]

Each is timed in as many threads side by side as torch has, one product at a time in each, as passes run in lanes. The
weights of eight layers are gone through, so that they come from memory and not from the cache.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import nn

from residency.models.products import Packed

LAYERS = 8
SECONDS = 0.5


def main() -> None:
    """Time every number of rows and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1,8,64,512,2048")
    parser.add_argument("--width", type=int, default=576)
    parser.add_argument("--inner", type=int, default=1536)
    parser.add_argument("--types", default="fp32,bf16")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = []
    for name in args.types.split(","):
        dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[name]
        for rows in map(int, args.rows.split(",")):
            found.append({"type": name, "rows": rows, **speeds(rows, args.width, args.inner, dtype)})
    print(json.dumps(found, indent=1) if args.json else table(found))


def speeds(rows: int, width: int, inner: int, dtype: torch.dtype) -> dict[str, float]:
    """Return GFLOP/s of all lanes together for either kind of layer, and how many times the one is the other."""
    lanes, kv = torch.get_num_threads(), width // 3
    shapes = [(width, width), (width, kv), (width, kv), (width, width), (width, inner), (width, inner), (inner, width)]
    work = LAYERS * sum(2 * rows * a * b for a, b in shapes) / 1e9
    dense = [[nn.Linear(a, b, bias=False, dtype=dtype) for a, b in shapes * LAYERS] for _ in range(lanes)]
    packed = [[Packed(layer) for layer in layers] for layers in dense]
    given = {size: torch.randn(rows, size).to(dtype) for size in (width, inner)}
    found = {}
    for name, each in {"torch": dense, "packed": packed}.items():
        with ThreadPoolExecutor(lanes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            found[name] = sum(work / seconds for seconds in pool.map(lambda layers: timed(layers, given), each))
        torch.set_num_threads(lanes)
    return {**found, "times": found["packed"] / found["torch"]}


def timed(layers: list[Callable[[Any], Any]], given: dict[int, torch.Tensor]) -> float:
    """Return the seconds of going through the layers once."""
    with torch.inference_mode():
        for layer in layers:
            layer(given[layer.in_features])  # type: ignore[attr-defined]
        began, turns = time.perf_counter(), 0
        while time.perf_counter() - began < SECONDS:
            for layer in layers:
                layer(given[layer.in_features])  # type: ignore[attr-defined]
            turns += 1
    return (time.perf_counter() - began) / turns


def table(found: list[dict[str, Any]]) -> str:
    """Return the figures as a table."""
    lines = [f"{'type':6s} {'rows':>6s} {'torch':>8s} {'packed':>8s} {'times':>6s}"]
    lines += [f"{f['type']:6s} {f['rows']:6d} {f['torch']:8.1f} {f['packed']:8.1f} {f['times']:6.2f}" for f in found]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
