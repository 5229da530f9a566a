"""Ways of thinking side by side at equal budgets: the same items, the same most tokens an item, and likelihood beside.

    RESIDENCY_DATA=../shared/data python bench/reasoning.py [--items 100] [--budgets 240,480] [--json]

Each strategy may write at most the budget for an item; what it does write stands beside. "direct" writes one short
reply, "direct, voted" spends the whole budget on short replies, and "likelihood" writes none. Differences are paired
with direct on the same items, with p after Holm over all rows of a task. Test items are drawn by a hash of their ids
(``--skip`` others first, to try on other items than those that are reported). With ``--faithful N`` the chains of
thought of N items a task are spoiled, and the answers asked for again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from residency.core.types import Example, Reply
from residency.evaluate.answer import answer
from residency.evaluate.ledger import compare, correct, figures
from residency.evaluate.protocol import THINKING, Protocol
from residency.evaluate.score import row_of
from residency.evaluate.selection import drawn
from residency.evaluate.tasks import TASKS, Task
from residency.evaluate.tasks.read import each_example
from residency.infer.reason import together
from residency.infer.reason.faithful import faithful
from residency.infer.reason.vote import straight_vote
from residency.measure.intervals import mean_of
from residency.measure.metrics import metric_for
from residency.models.load import load

SETS = "pubmedqa,medmcqa,medec_flag"
TESTS = ("cut", "mistake", "filler", "paraphrase")
Row = dict[str, Any]


def main() -> None:
    """Measure all and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=SETS, help=f"public choice tasks (default: {SETS})")
    parser.add_argument("--items", type=int, default=100, help="items a task (default: 100)")
    parser.add_argument("--skip", type=int, default=0, help="pass over so many first (default: 0)")
    parser.add_argument("--budgets", default="480", help="most tokens an item (default: 480)")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--faithful", type=int, default=0, metavar="N", help="spoil the chains of N items a task")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    model, rows, compared, spoilt = load(args.model), [], [], []
    for name in args.tasks.split(","):
        task, budgets = TASKS[name], [int(size) for size in args.budgets.split(",")]
        items = drawn(list(each_example(task)), args.skip + args.items)[args.skip :]
        found = answers(task, model, items, budgets, args.seed)
        rows += [measured(task, way, part) for way, part in found.items()]
        compared += against_direct(task, {way: part["rows"] for way, part in found.items()})
        spoilt += spoiled(task, model, items[: args.faithful]) if args.faithful else []
    document = {"model": args.model, "budgets": args.budgets, "rows": rows, "comparisons": compared, "faithful": spoilt}
    print(json.dumps(document, indent=1) if args.json else table(rows, compared, spoilt))


def answers(task: Task, model: Any, items: Sequence[Example], budgets: Sequence[int], seed: int) -> dict[str, Row]:
    """Return the item rows of each way of asking, by its name, with the seconds that all took."""
    ways: dict[str, Any] = {"direct": partial(answer, protocol=Protocol("generate", seed=seed))}
    ways["likelihood"] = partial(answer, protocol=Protocol("likelihood"))
    for budget in budgets:
        ways[f"direct, voted {budget}"] = partial(voted, budget=budget, seed=seed)
        for method in THINKING:
            protocol = Protocol(method, tokens=budget, seed=seed)  # type: ignore[arg-type]
            ways[f"{method} {budget}"] = partial(answer, protocol=protocol)
    found = {}
    for name, way in ways.items():
        began = time.perf_counter()
        made = way(task, model, items)
        found[name] = {"rows": made, "seconds": time.perf_counter() - began}
        print(f"{task.name}: {name}, {found[name]['seconds']:.0f} s", file=sys.stderr, flush=True)
    return found


def voted(task: Task, model: Any, items: Sequence[Example], *, budget: int, seed: int) -> list[Row]:
    """Return the rows of short replies without thinking, as many as the budget allows, voted on."""
    made = together(straight_vote, items, model, tokens=budget, seed=seed)
    return [_row(task, example, reply) for example, reply in zip(items, made, strict=True)]


def _row(task: Task, example: Example, reply: Reply) -> Row:
    chosen = reply.text if reply.about.get("concluded") else None
    row = row_of(task, example, chosen, tokens=reply.tokens, finish=reply.finish)
    unread = {"score": 0.0, "parsed": False, "prediction": ""}
    return row | ({} if reply.text is None or chosen is not None else unread)


def measured(task: Task, way: str, part: Row) -> Row:
    """Return a way's value with its interval, the tokens that it wrote for an item, and the seconds."""
    rows = part["rows"]
    found = figures(rows, metric_for(task.metric, rows))
    tokens = sum(row["tokens"] for row in rows) / len(rows)
    again = sum(row.get("asked_again") or 0 for row in rows)
    keys = ("value", "low", "high", "n", "unparsed", "not_scored")
    return {"task": task.name, "metric": task.metric, "way": way, **{key: found[key] for key in keys},
            "tokens": tokens, "asked_again": again, "seconds": round(part["seconds"], 1)}  # fmt: skip


def against_direct(task: Task, models: dict[str, list[Row]]) -> list[Row]:
    """Return each way's paired difference to the direct answer, p corrected over the task."""
    made = [compare("models", task, "direct", way, models) for way in models if way != "direct"]
    correct(made)
    return made


def spoiled(task: Task, model: Any, items: Sequence[Example]) -> list[Row]:
    """Return how often an answer follows its chain when that is spoiled, test by test, with intervals."""
    made = together(faithful, items, model, tokens=128)
    rows = []
    for test in TESTS:
        scored = [{"id": e.id, "group": e.group, "score": r.about.get("scores", {}).get(test)}
                  for e, r in zip(items, made, strict=True)]  # fmt: skip
        found = figures(scored, mean_of(test))
        keys = ("value", "low", "high", "n", "not_scored")
        rows.append({"task": task.name, "test": test, **{key: found[key] for key in keys}})
    return rows


def table(rows: list[Row], compared: list[Row], spoilt: list[Row]) -> str:
    """Return all as tables in Markdown."""
    lines = ["| task | way, most tokens | value [95%] | minus direct [95%], p (Holm) | unread | tokens | s |"]
    lines.append("|---|---|---|---|---|---|---|")
    differences = {(row["task"], row["to"]): row for row in compared}
    for row in rows:
        beside = differences.get((row["task"], row["way"]))
        gap = _told(beside, "difference") if beside else ""
        gap += f", {beside['p_holm']:.3f}" if beside and beside["p_holm"] is not None else ""
        cells = [f"{row['task']} ({row['metric']}, {row['n']})", row["way"], _told(row, "value"), gap]
        cells += [row["unparsed"], f"{row['tokens']:.0f}", f"{row['seconds']:.0f}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    if spoilt:
        lines += ["", "| task | chain spoiled by | answers that follow [95%] | n |", "|---|---|---|---|"]
        lines += [f"| {r['task']} | {r['test']} | {_told(r, 'value')} | {r['n']} |" for r in spoilt]
    return "\n".join(lines)


def _told(row: Row, key: str) -> str:
    """Return a value or difference with its interval."""
    if row[key] is None:
        return "not scored"
    sign = "+" if key == "difference" else ""
    limits = "[no interval]" if row["low"] is None else f"[{row['low']:.3f}, {row['high']:.3f}]"
    return f"{row[key]:{sign}.3f} {limits}"


if __name__ == "__main__":
    main()
