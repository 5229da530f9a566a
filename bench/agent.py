"""What an agent with tools solves: thirty scripted tasks by the scripted model exactly, then by a real model.

    python bench/agent.py [--model smollm2-135m] [--only scripted,tools,plain] [--shown 6] [--json]

``scripted``: a double that makes each task's calls and answers with what they gave; all thirty must come out, or
something is broken. ``tools``: a real model chooses among all tools itself (greedily, by schema). Counted are tasks
whose first call is of the right tool, tasks in which the right result was reached, and tasks whose answer holds it.
``plain``: the same model asked without tools. Intervals are Wilson's, of 95%. The tasks stand in
``parts/tool_tasks.py``. No tool was changed for a task, but both were written by the same hand.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

from parts.tool_tasks import CHART, PASSAGES, TASKS, TODAY, Task, arguments
from residency.compress.parity import wilson
from residency.core.types import Message, Reply
from residency.corpus.make.support import stems
from residency.infer.agent.loop import solve
from residency.infer.agent.transcript import Transcript
from residency.infer.evidence import Evidence, Found
from residency.infer.tools.all import tools
from residency.infer.tools.chart import open_chart
from residency.infer.tools.tool import Result, Tool


class Scripted:
    """Makes the calls of a task one after another, then answers with what the last of them gave."""

    name = hash = "scripted"

    def __init__(self, task: Task, known: dict[str, Tool]) -> None:
        self.left = [{"tool": name, "arguments": arguments(words, known[name])} for name, words in task.calls]

    def generate(self, prompts: list[list[Message]], **_: Any) -> list[Reply]:
        """Return the next call; after the last, what stands in the prompt as its result or as evidence."""
        said = prompts[0][-1]["content"]
        found = re.findall(r"Result: (.*)|\[\d+\] (.*)", said)
        answer = {"answer": " ".join(a or b for a, b in found) or "nothing"}
        return [Reply(json.dumps(self.left.pop(0) if self.left else answer), 1)]


def main() -> None:
    """Run the parts that are asked for and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--only", default="scripted,tools,plain")
    parser.add_argument("--shown", type=int, default=6, help="calculators that are offered at once (default: 6)")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    parts = args.only.split(",")
    with tempfile.TemporaryDirectory() as folder:
        known = {tool.name: tool for tool in all_tools(Path(folder))}
        rows = [scripted(known)] if "scripted" in parts else []
        if {"tools", "plain"} & set(parts):
            from residency.models.load import load

            model = load(args.model)
            rows += [by_model(model, known, args.shown)] if "tools" in parts else []
            rows += [plain(model)] if "plain" in parts else []
    print(json.dumps({"tools": len(known), "rows": rows}, indent=1) if args.json else table(rows))


def all_tools(folder: Path) -> list[Tool]:
    """Return every tool, over a made-up chart and made-up passages, and HPO as the graph."""
    from residency.infer.graph.knowledge import open_graph

    (folder / "chart.ndjson").write_text("".join(json.dumps(row) + "\n" for row in CHART), encoding="utf-8")
    chart = open_chart(folder, "p1", today=date.fromisoformat(TODAY))
    return tools(search=search, graph=open_graph(), chart=chart)


def search(query: str) -> Found:
    """Return the made-up passages with most stems of the query."""
    asked = stems(query)
    ranked = sorted(PASSAGES, key=lambda key: (-len(asked & stems(PASSAGES[key])), key))
    hits = [key for key in ranked if asked & stems(PASSAGES[key])]
    return Found([Evidence(key, key.partition("#")[0], PASSAGES[key]) for key in hits], "made up")


def scripted(known: dict[str, Tool]) -> dict[str, Any]:
    """Return how many tasks the scripted model solves: every call gives a result, and the answer holds what it must."""
    done = [solve(task.question, Scripted(task, known), [*known.values()]) for task in TASKS]  # type: ignore[arg-type]
    failed = [task.question for task, one in zip(TASKS, done, strict=True) if not solved(one, task)]
    return {"who": "scripted", "n": len(TASKS), "solved": len(TASKS) - len(failed), "failed": failed}


def solved(done: Transcript, task: Task) -> bool:
    """Return whether just the calls of a task were made, each gave a result, and the answer holds what it must."""
    calls = [call.tool for call in done.calls if call.done]
    return calls == [name for name, _ in task.calls] and len(calls) == len(done.calls) and holds(done, task)


def by_model(model: Any, known: dict[str, Tool], shown: int) -> dict[str, Any]:
    """Return what a real model does with the tools, counted over the tasks."""
    began, done = time.monotonic(), []
    for task in TASKS:
        done.append(solve(task.question, model, [*known.values()], shown=shown, seconds=600))
        made = [call.tool for call in done[-1].calls]
        print(f"{len(done)}: {made} {'right' if holds(done[-1], task) else done[-1].why or 'wrong'}", file=sys.stderr)
    pairs = [*zip(TASKS, done, strict=True)]
    counts = {
        "first_tool": sum(bool(one.calls) and one.calls[0].tool == task.calls[0][0] for task, one in pairs),
        "right_result": sum(reached(one, task, known) for task, one in pairs),
        "answer_right": sum(holds(one, task) for task, one in pairs),
        "answered": sum(one.answer is not None for _, one in pairs),
        "answered_wrongly": sum(one.answer is not None and not holds(one, task) for task, one in pairs),
    }
    rows = [{"question": task.question, "calls": [call.tool for call in one.calls], "answer": one.answer,
             "why": one.why, "right": holds(one, task)} for task, one in pairs]  # fmt: skip
    return {"who": f"{model.name} with tools", "n": len(TASKS), **{name: rate(count) for name, count in counts.items()},
            "why": dict(Counter(one.why for _, one in pairs if one.why)), "seconds": time.monotonic() - began,
            "tokens": sum(one.tokens for _, one in pairs), "tasks": rows}  # fmt: skip


def plain(model: Any) -> dict[str, Any]:
    """Return what the same model answers without tools, counted over the tasks."""
    replies = model.generate([[{"role": "user", "content": task.question}] for task in TASKS], max_tokens=96)
    right = sum(has(reply.text or "", task.answer) for reply, task in zip(replies, TASKS, strict=True))
    return {"who": f"{model.name} without tools", "n": len(TASKS), "answer_right": rate(right),
            "answered": rate(len(TASKS))}  # fmt: skip


def reached(done: Transcript, task: Task, known: dict[str, Tool]) -> bool:
    """Return whether the task's last call was made with the arguments it must have, however they are written."""
    name, words = task.calls[-1]
    from residency.infer.tools.tool import call

    wanted = call(known[name], arguments(words, known[name]))
    given = [one.outcome for one in done.calls if one.tool == name and isinstance(one.outcome, Result)]
    return isinstance(wanted, Result) and any(same(one, wanted) for one in given)


def same(one: Result, wanted: Result) -> bool:
    """Return whether two results are the same, in values and evidence."""
    return one.values == wanted.values and {e.id for e in one.evidence} == {e.id for e in wanted.evidence}


def holds(done: Transcript, task: Task) -> bool:
    """Return whether the answer has what it must."""
    return done.answer is not None and has(done.answer, task.answer)


def has(text: str, wanted: str) -> bool:
    """Return whether a number stands in a text by itself (46.0 is 46), or a word anywhere."""
    if not wanted.replace(".", "").isdigit():
        return wanted.lower() in text.lower()
    return any(float(number) == float(wanted) for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?!\d)", text))


def rate(count: int) -> dict[str, float]:
    """Return a count as a share with Wilson's interval."""
    found = wilson(count, len(TASKS))
    return {"count": count, "value": found.value, "low": found.low, "high": found.high}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as text."""
    lines = []
    for row in rows:
        lines.append(f"{row['who']}: n {row['n']}" + (f", solved {row['solved']}" if "solved" in row else ""))
        lines += [f"  not solved: {question}" for question in row.get("failed", ())]
        lines += [f"  {name:17} {cell['count']:3.0f}  {cell['value']:.2f} ({cell['low']:.2f} to {cell['high']:.2f})"
                  for name, cell in row.items() if isinstance(cell, dict) and "low" in cell]  # fmt: skip
        lines += [f"  ended by {row['why']}; {row['seconds']:.0f} s, {row['tokens']} tokens"] if "why" in row else []
    return "\n".join(lines)


if __name__ == "__main__":
    main()
