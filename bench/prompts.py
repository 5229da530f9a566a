"""What prompts are worth: ways to pick solved examples side by side, and a searched prompt against a task's own words.

    RESIDENCY_DATA=../shared/data python bench/prompts.py [--tasks pubmedqa,medec_flag] [--items 300] [--json]

All ways answer the same test items (drawn by a hash of their ids), so each is compared in pairs with the usual one:
no solved example for the picks, the task's own words for the search. The search sees development items alone; its
winner, its own development value and the test value stand beside each other. ``--tries 0`` searches with our edits
only, without a model that writes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from residency.core.types import Example
from residency.evaluate.answer import answer
from residency.evaluate.jobs import Bench, Job
from residency.evaluate.protocol import Protocol, finder, with_shots
from residency.evaluate.selection import development_items, drawn, solved_items, test_items
from residency.evaluate.tasks import TASKS, Task
from residency.infer.prompts.search import search
from residency.measure.intervals import bootstrap
from residency.measure.metrics import metric_for
from residency.measure.paired import paired
from residency.models.load import find
from residency.trying import asker, models_of, start_of

Row = dict[str, Any]
PICKS = ("fixed", "random", "nearest", "similar", "balanced")


def main() -> None:
    """Measure all and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--tasks", default="pubmedqa,medec_flag,evidence_inference")
    parser.add_argument("--items", type=int, default=300, help="test items a task (default: 300)")
    parser.add_argument("--development", type=int, default=300, help="development items of a search (default: 300)")
    text = "share of training groups to develop on, where a set has no part for it (default: 0.5: the base saw none)"
    parser.add_argument("--share", type=float, default=0.5, help=text)
    parser.add_argument("--shots", type=int, default=3)
    parser.add_argument("--tries", type=int, default=4, help="rewritings by the model itself (default: 4)")
    parser.add_argument("--parts", default="picks,search")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows: list[Row] = []
    for name in args.tasks.split(","):
        for row in measured(TASKS[name], args):
            rows.append(row)
            if not args.json:
                print(table([row]), flush=True)  # a row takes minutes: each is told as it comes
    if args.json:
        print(json.dumps({"args": vars(args), "rows": rows}, indent=1))


def measured(task: Task, args: argparse.Namespace) -> Iterator[Row]:
    """Yield a row for each way of asking a task."""
    bench, source = Bench(None, Path("runs/prompts"), "auto", 2), find(args.model)
    job = Job(source.name, task.name, source)
    model, writer, _ = models_of(job, task, bench, "", rewrites=bool(args.tries))
    usual = on_test(task, model, Protocol(), 0, args.items)
    if "picks" in args.parts:
        yield stated(task, "no solved example", usual, usual)
        for pick in PICKS:
            asked = on_test(task, model, Protocol(pick=pick), args.shots, args.items)  # type: ignore[arg-type]
            yield stated(task, f"{args.shots} shots, {pick}", asked, usual)
    if "search" in args.parts:
        yield by_search(task, job, model, writer, bench, usual, args)


def by_search(
    task: Task, job: Job, model: Any, writer: Any, bench: Bench, usual: list[Row], args: argparse.Namespace
) -> Row:
    """Return the row of the prompt that a search finds, with what it was worth in development."""
    start = start_of(task, argparse.Namespace(start=None))
    items = drawn(development_items(None, task, args.share)[0], args.development)
    own = replace(job, protocol=Protocol(prompts=(start,)))
    found = search(
        start, items, asker(own, model, items, bench, args.share), task.metric, writer=writer, tries=args.tries,
        styles=task.metric == "accuracy",
    )  # fmt: skip
    rows = on_test(task, model, Protocol(prompts=(found.best.prompt,)), 0, args.items)
    told = stated(task, f"searched ({found.best.how}; {found.tried} tried)", rows, usual)
    development = {"first": asdict(found.first), "last": asdict(found.last), "gap": asdict(found.gap.difference)}
    return {**told, "development": development, "instruction": found.best.prompt.instruction}


def on_test(task: Task, model: Any, protocol: Protocol, shots: int, count: int) -> list[Row]:
    """Return the scored rows of the drawn test items."""
    asked = protocol.task(task)
    items: Sequence[Example] = test_items(None, asked, count)
    pool = solved_items(None, asked) if shots else []
    look = finder(pool, protocol) if shots and protocol.pick != "fixed" else None
    began = time.perf_counter()
    part, before = with_shots(items, pool, shots, protocol, find=look)
    rows = answer(asked, model, part, before, protocol)
    seconds = (time.perf_counter() - began) / len(rows)
    return [{**row, "hash": row["id"], "seconds": seconds} for row in rows]  # the same item, however it is put


def stated(task: Task, way: str, rows: list[Row], usual: list[Row]) -> Row:
    """Return a way's value, and its paired difference to the usual one."""
    metric = metric_for(task.metric, [*rows, *usual])
    found = paired(usual, rows, metric)
    gap, value = found.difference, bootstrap(rows, metric)
    row = {"task": task.name, "way": way, "metric": task.metric, **asdict(value), "n": found.n}
    return {**row, "difference": asdict(gap), "p": found.p, "seconds_an_item": rows[0]["seconds"]}


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    lines = []
    for row in rows:
        gap = row["difference"]
        text = f"{row['task']:20} {row['way'][:44]:44} {row['metric']:9} {row['value']:.3f} [{row['low']:.3f}, "
        text += f"{row['high']:.3f}]  {gap['value']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}] p {row['p']:.3f}"
        lines.append(f"{text}  n {row['n']}  {1000 * row['seconds_an_item']:.0f} ms")
        if "development" in row:
            held = row["development"]
            lines.append(f"    development: {held['first']['value']:.3f} and {held['last']['value']:.3f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
