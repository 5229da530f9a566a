"""Whether the service holds for a long time: no error, no memory that grows, each request on record exactly once.

    python bench/soak.py [--minutes 30] [--streams 16] [--model FILE.gguf] [--tokens 48] [--threads N] [--json]

So many clients ask one after another, streamed; every seventh leaves in the middle of its answer. Memory is what the
service's process and the model's hold for themselves (RssAnon), from a twentieth of the time on to the end. The model's
process keeps no prompts beside its slots, so nothing there fills up later; with ``--share-prefix`` it does, to 256 MiB,
and ``--warm`` says how many minutes that takes. At the end the record is compared with what the clients saw, and
verified. Exits 1 where something is not as it should be.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parts.service_process import Running, megabytes, packaged, service
from parts.streams import Stream, stream
from serve import SLOTS, handbook, question

Row = dict[str, Any]
CONTEXT = 2048
LEAVES = 7
"""Every so manieth client leaves early."""


def main() -> None:
    """Let clients ask for as long as is wanted, then look at the record; print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--warm", type=float, default=0, help="minutes left out (default: a twentieth)")
    parser.add_argument("--share-prefix", action="store_true", help="let the model keep prompts for all users")
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--model", default="", help="a GGUF (default: the packaged one)")
    parser.add_argument("--tokens", type=int, default=48, help="of an answer")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.warm >= args.minutes:
        parser.error("--warm leaves nothing to look at: it is to be shorter than --minutes")
    options = ["--parallel", str(SLOTS), "--context", str(CONTEXT), *["--share-prefix"] * args.share_prefix]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        with service(folder, args.model or packaged(), options, threads=args.threads) as running:
            answers, memory = asyncio.run(asked(running, args))
        found = told(answers, memory, args.warm * 60) | on_record(folder, answers)
    found["ok"] = not found["errors"] and found["lost"] == found["twice"] == 0 and found["verified"]
    found["ok"] = found["ok"] and max(found["growth_percent"].values()) < 5
    print(json.dumps(found) if args.json else "\n".join(f"{key:18s} {value}" for key, value in found.items()))
    sys.exit(not found["ok"])


async def asked(running: Running, args: argparse.Namespace) -> tuple[list[Stream], list[Row]]:
    """Return all answers, and the memory of both processes over the time."""
    end, numbers, answers = time.monotonic() + args.minutes * 60, iter(range(10**9)), list[Stream]()
    memory: list[Row] = []

    async def client() -> None:
        while time.monotonic() < end:
            number = next(numbers)
            body = question(number, args.tokens, handbook(6) if number % 3 == 0 else "")
            most = 3 if number % LEAVES == 0 else 0
            answers.append(await stream(running.url, running.key, body, leave_after=most))

    async def watch() -> None:
        while time.monotonic() < end:
            at = time.monotonic()
            memory.append({"service": megabytes(running.pid), "model": megabytes(running.engine), "at": at})
            await asyncio.sleep(min(5.0, args.minutes * 60 / 100))

    await asyncio.gather(watch(), *(client() for _ in range(args.streams)))
    return answers, memory


def told(answers: Sequence[Stream], memory: Sequence[Row], warming: float) -> Row:
    """Return what the clients saw, and how memory grew."""
    later = [row for row in memory if row["at"] - memory[0]["at"] >= warming]
    warm = later if warming else memory[len(memory) // 20 :]
    tenth = max(1, len(warm) // 10)
    growth = {}
    for who in ("service", "model"):
        first, last = (sum(row[who] for row in rows) / tenth for rows in (warm[:tenth], warm[-tenth:]))
        growth[who] = round((last / first - 1) * 100, 2)
    return {
        "requests": len(answers),
        "left_early": sum(answer.left for answer in answers),
        "tokens": sum(answer.tokens for answer in answers),
        "errors": dict(Counter(answer.error for answer in answers if answer.error)),
        "warm_mb": {who: round(warm[0][who]) for who in growth},
        "memory_mb": {who: [round(row[who]) for row in memory[:: max(1, len(memory) // 10)]] for who in growth},
        "growth_percent": growth,
    }


def on_record(folder: Path, answers: Sequence[Stream]) -> Row:
    """Return how the record compares with what clients saw: whole answers by their ids, all by their number."""
    from sqlalchemy import select

    from residency.serve.record.verify import verify
    from residency.serve.settings import Settings
    from residency.serve.store.database import open_database
    from residency.serve.store.keys import Seal
    from residency.serve.store.tables import RECORD

    database = open_database(Settings(folder))
    with database.connect() as connection:
        rows = connection.execute(select(RECORD.c.kind, RECORD.c.request).where(RECORD.c.request != "")).all()
    begun = Counter(row.request for row in rows if row.kind == "request")
    ended = Counter(row.request for row in rows if row.kind == "finish")
    seen = {answer.request for answer in answers if answer.request}
    report = verify(database, Seal(folder), folder / "record.head")
    return {
        "recorded": len(begun),
        "lost": len(seen - set(begun)) + len(seen - set(ended)) + max(0, len(answers) - len(begun)),
        "twice": sum(count > 1 for counts in (begun, ended) for count in counts.values()),
        "unfinished": len(set(begun) - set(ended)),
        "verified": report.ok,
    }


if __name__ == "__main__":
    main()
