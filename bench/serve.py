"""What the service costs beside llama.cpp's own server, on the same GGUF in one run.

    python bench/serve.py [--model FILE.gguf] [--streams 1,4,16] [--tokens 64] [--rounds 2] [--threads N] [--json]

Both answer the same questions, streamed and greedy, with the same slots, context and threads, one after the other;
"shared" puts the same 1,000 tokens (a MADE-UP ward handbook) before each question. ``tokens/s`` is of all streams
together, by the usage that each answer tells; ``first`` is the time to the first chunk and ``words`` to the first
words, in ms (median and 95th percentile). The service holds words back until the guard has seen a whole sentence.

The layer's cost is the time on a processor of the service's own process (not the model's): of answers of one token, and
what each further token adds. A small ``--model`` with random weights, which writes thousands of tokens a second, makes
the layer what counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from time import monotonic
from typing import Any

from parts.service_process import Running, llama_server, packaged, seconds_used, service
from parts.streams import Body, Stream, side_by_side

Row = dict[str, Any]
SLOTS, CONTEXT, IDLE_S = 4, 2048, 5.0
TOPICS = (
    "an index of a book,a compass,a water wheel,a lighthouse,a loom,a printing press,a sundial,a canal lock,"
    "a barometer,a windmill,a telescope,a suspension bridge,a steam engine,a kiln,a bicycle,a postage stamp"
).split(",")
HANDBOOK = "Bed {n} stands by window {m}; its lamp has number {k}, and its chart hangs on hook {h}. "
HEAD = f"{'system':10s} {'streams':>7s} {'prefix':7s} {'tokens/s':>9s} {'first':>13s} {'words':>13s} {'failed':>6s}"


def main() -> None:
    """Measure both systems and the layer's cost, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a GGUF (default: the packaged one)")
    parser.add_argument("--streams", default="1,4,16")
    parser.add_argument("--tokens", type=int, default=64, help="of an answer")
    parser.add_argument("--rounds", type=int, default=2, help="answers a stream")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    args.model = args.model or packaged()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        options = ["--parallel", str(SLOTS), "--context", str(CONTEXT)]
        with service(Path(folder), args.model, options, threads=args.threads) as running:
            rows += _cells("residency", running.url, running.key, args)
            cost = layer(running, args)
    with llama_server(args.model, parallel=SLOTS, context=CONTEXT, threads=args.threads) as url:
        rows += _cells("llama.cpp", url, "none", args)
    if args.json:
        print(json.dumps({"rows": rows, "layer": cost, "model": Path(args.model).name, "threads": args.threads}))
    else:
        print("\n".join([HEAD, *map(_line, rows), "", json.dumps(cost)]))


def layer(running: Running, args: argparse.Namespace) -> Row:
    """Return the milliseconds of the service's own process for a request, and for each token after its first.

    What it does every second without a request (``idle_ms_per_s``) is told apart, and not counted in.
    """
    time.sleep(2)
    before, began = seconds_used(running.pid), monotonic()
    time.sleep(IDLE_S)
    idle = (seconds_used(running.pid) - before) / (monotonic() - began)
    few, _ = _cost(running, 1, 60, idle)
    many, answers = _cost(running, args.tokens, 30, idle)
    further = sum(answer.tokens - 1 for answer in answers) / len(answers)
    return {
        "request_ms": round(few * 1e3, 3),
        "token_ms": round((many - few) * 1e3 / further, 4),
        "idle_ms_per_s": round(idle * 1e3, 2),
        "tokens_an_answer": round(further + 1, 1),
        "failed": sum(bool(answer.error) for answer in answers),
    }


def _cost(running: Running, tokens: int, count: int, idle: float) -> tuple[float, list[Stream]]:
    """Return the seconds of processor that an answer costs the service's own process, and the answers."""
    bodies = [question(i, tokens) for i in range(count)]
    asyncio.run(side_by_side(running.url, running.key, bodies, SLOTS))  # once before: what is read in late is there
    before, began = seconds_used(running.pid), monotonic()
    answers = asyncio.run(side_by_side(running.url, running.key, bodies, SLOTS))
    return (seconds_used(running.pid) - before - idle * (monotonic() - began)) / count, answers


def question(number: int, tokens: int, prefix: str = "") -> Body:
    """Return a body that no rule of the guard speaks at, different for each number."""
    words = f"Explain in plain words what {TOPICS[number % len(TOPICS)]} is. Text {number}."
    system = [{"role": "system", "content": prefix}] if prefix else []
    return {
        "messages": [*system, {"role": "user", "content": words}],
        "max_tokens": tokens,
        "temperature": 0,
        "seed": 1,
    }


def handbook(lines: int = 33) -> str:
    """Return about a thousand tokens of running text."""
    return "".join(HANDBOOK.format(n=i, m=i % 7, k=i * 3, h=i % 5) for i in range(lines))


def _cells(system: str, url: str, key: str, args: argparse.Namespace) -> list[Row]:
    rows = []
    for name, prefix in (("none", ""), ("shared", handbook())):
        asyncio.run(side_by_side(url, key, [question(i, 2, prefix) for i in range(SLOTS)], SLOTS))  # warm
        for streams in map(int, args.streams.split(",")):
            bodies = [question(streams * 100 + i, args.tokens, prefix) for i in range(streams * args.rounds)]
            began = monotonic()
            answers = asyncio.run(side_by_side(url, key, bodies, streams))
            rows.append({"system": system, "streams": streams, "prefix": name} | _row(answers, monotonic() - began))
            print(_line(rows[-1]), file=sys.stderr, flush=True)
    return rows


def _row(answers: Sequence[Stream], seconds: float) -> Row:
    good = [answer for answer in answers if not answer.error]
    return {
        "tokens_per_s": round(sum(answer.tokens for answer in good) / seconds, 1),
        "first_ms": _middle([answer.first for answer in good]),
        "words_ms": _middle([answer.words for answer in good if answer.words]),
        "prompt_tokens": round(median(answer.read for answer in good)) if good else None,
        "tokens": sum(answer.tokens for answer in good),
        "rules_spoke": sum(bool(answer.rules) for answer in good),
        "failed": len(answers) - len(good),
        "errors": sorted({answer.error for answer in answers if answer.error}),
    }


def _middle(seconds: list[float]) -> list[float] | None:
    """Return the median and the 95th percentile in ms."""
    if not seconds:
        return None
    high = quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    return [round(median(seconds) * 1e3, 1), round(high * 1e3, 1)]


def _line(row: Row) -> str:
    first, words = (("/".join(f"{ms:.0f}" for ms in row[key] or ())) for key in ("first_ms", "words_ms"))
    sizes = f"{row['system']:10s} {row['streams']:7d} {row['prefix']:7s} {row['tokens_per_s']:9.1f}"
    return f"{sizes} {first:>13s} {words:>13s} {row['failed']:6d}"


if __name__ == "__main__":
    main()
