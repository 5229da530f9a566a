"""The verb of prompts: which there are, what one says, and the search for a better one on development items."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.core.errors import UserError
from residency.examine import Answer

if TYPE_CHECKING:
    from residency.evaluate.jobs import Job
    from residency.evaluate.tasks import Task
    from residency.infer.prompts.prompt import Prompt
    from residency.infer.prompts.search import Searched

Row = dict[str, Any]
SEARCHED = ("choice", "classify", "tag", "similar", "extract", "relate", "generate", "converse")
"""Kinds of task whose prompt can be searched."""


def prompt(args: argparse.Namespace) -> Answer:
    """List the prompts, show one, or search a better one for a task and a model."""
    if args.what != "show" and args.called:
        raise UserError(f"{args.what} takes no name; did you mean: residency prompt show {args.called}")
    return {"list": listed, "show": shown, "search": searched}[args.what](args)


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add what is done, and for a search how."""
    from residency.arguments import ITEMS, NONE_OR_MORE, SHARE, SHOTS, number, whole, words

    one.add_argument("what", choices=["list", "show", "search"], metavar="list|show|search", help="what to do")
    one.add_argument("called", nargs="?", default="", metavar="NAME", help="show: an id, an id and version, or a file")
    one.add_argument("--task", type=words, metavar="NAME", help="search, list: the task that it is for")
    one.add_argument("--model", type=words, metavar="MODEL", help="search: the model that is asked, as for ask")
    text = "search: the model that writes new instructions and mends them (default: the model asked rewrites its own)"
    one.add_argument("--writer", type=words, metavar="MODEL", help=text)
    text = "search: the prompt to begin with, as for show (default: the task's own words)"
    one.add_argument("--start", type=words, metavar="NAME", help=text)
    text = f"search: at most N development items, {ITEMS.legal} (default: 300)"
    one.add_argument("--limit", type=whole(ITEMS), default=300, metavar="N", help=text)
    text = f"search: the share of training groups that is developed on where a set has no part for it, {SHARE.legal} "
    text += "(default: 0.1, which training holds out; more for a base that was trained on none)"
    one.add_argument("--share", type=number(SHARE), default=0.1, metavar="P", help=text)
    text = f"search: rewritings in each generation, {NONE_OR_MORE.legal} (default: 8)"
    one.add_argument("--tries", type=whole(NONE_OR_MORE), default=8, metavar="N", help=text)
    one.add_argument(
        "--generations", type=whole(ITEMS), default=2, metavar="N", help=f"search: {ITEMS.legal} (default: 2)"
    )
    text = f"search: solved examples before each question, {SHOTS.legal} (default: as the prompt says)"
    one.add_argument("--shots", type=whole(SHOTS), default=0, metavar="N", help=text)
    text = "search: which solved examples, as for evaluate (default: as the prompt says)"
    picks = ["fixed", "random", "nearest", "similar", "balanced"]
    one.add_argument("--pick", choices=picks, default="fixed", metavar="HOW", help=text)
    text = "search: likelihood (default) or generate, as for evaluate"
    one.add_argument("--method", choices=["likelihood", "generate"], default="likelihood", metavar="HOW", help=text)
    one.add_argument("--precision", choices=["auto", "fp32", "bf16"], default="auto", metavar="TYPE", help="search")
    one.add_argument(
        "--id", type=words, metavar="NAME", help="search: what the new prompt is called (default: the task)"
    )
    one.add_argument(
        "--out", type=words, metavar="DIR", help="search: the folder it goes to (default: your own prompts)"
    )
    one.add_argument("--seed", type=int, default=0, metavar="N", help="search: of drawn replies (default: 0)")


# --- what there is -----------------------------------------------------------------------------------------------


def listed(args: argparse.Namespace) -> Answer:
    """Return every prompt with its hash, for which task it is, and where it was measured."""
    from residency.infer.prompts.library import OURS, every_prompt
    from residency.summary import table

    kind = _task(args.task).kind if args.task else ""
    rows: list[Row] = [
        {
            "name": one.name,
            "whose": "ours" if path.parent == OURS else "yours",
            "for": one.task or f"any {one.kind}",
            "kind": one.kind,
            "language": one.language,
            "shots": one.shots.count,
            "schema": one.schema,
            "hash": one.hash,
            "measured": list(one.measured),
            "about": one.about,
            "file": str(path),
        }
        for path, one in every_prompt()
        if not args.task or one.is_for(args.task, kind)
    ]
    heads = ["name", "whose", "for", "language", "shots", "hash", "measured", "about"]
    lines = [[*(row[h] for h in heads[:5]), row["hash"][:12], _measured(row["measured"]), row["about"]] for row in rows]
    return {"prompts": rows}, table(heads, lines)


def _measured(found: Sequence[Row]) -> str:
    return "; ".join(f"{one.get('model')}: {one.get('metric')} {one.get('value')}" for one in found) or "-"


def shown(args: argparse.Namespace) -> Answer:
    """Return a prompt as its file has it, the words that it asks with, and its schema."""
    from residency.infer.prompts.library import find_prompt
    from residency.infer.prompts.prompt import mapping_of, text_of

    if not args.called:
        raise UserError("say which prompt: residency prompt show NAME; residency prompt list names them")
    one = find_prompt(args.called)
    example = _example(one)
    document = {**mapping_of(one), "hash": one.hash, "said": dict(one.said), "example": example}
    return document, f"{text_of(one)}hash: {one.hash}\n\nA made-up item, as a model is asked it:\n\n{_told(example)}"


def _example(one: Prompt) -> Row:
    """Return a made-up item as a prompt of its kind puts it, and the schema that its answer can be held to."""
    from residency.evaluate.schema import schema_of
    from residency.evaluate.tasks.form import Ask, example_of

    labels = {"classify": ("urgent", "routine"), "tag": ("fever", "cough"), "extract": ("Disease",)}
    ask = Ask("", labels.get(one.kind, ()), language=one.language, scale=(0, 5)).by(one)
    made = example_of(one.kind, ask, MADE_UP[one.kind], task=one.task)
    return {"prompt": made.prompt, "wanted": made.wanted[0], "schema": schema_of(one.kind, made)}


def _told(example: Row) -> str:
    from residency.infer.prompts.shots import told

    schema = f"\nschema: {example['schema']}" if example["schema"] else ""
    return f"{told(example['prompt'])}\n\nwanted: {example['wanted']}{schema}"


_NOTE = "The patient had fever and measles."
MADE_UP: dict[str, Row] = {
    "choice": {"id": "1", "question": "Which of these is a disease?", "choices": ["measles", "Monday"], "answer": 0},
    "classify": {"id": "1", "text": _NOTE, "label": "urgent"},
    "tag": {"id": "1", "text": _NOTE, "labels": ["fever"]},
    "similar": {"id": "1", "text": _NOTE, "text_b": "Measles with fever.", "score": 4},
    "extract": {"id": "1", "text": _NOTE, "entities": [{"start": 26, "end": 33, "label": "Disease"}]},
    "relate": {"id": "1", "text": _NOTE, "pairs": [["measles", "fever"]], "concepts": {}, "relations": []},
    "generate": {"id": "1", "input": _NOTE, "reference": "Measles."},
    "rubric": {"id": "1", "prompt": [{"role": "user", "content": _NOTE}], "rubrics": []},
    "converse": {"id": "1", "turns": [{"role": "user", "content": _NOTE}], "reference": "Since when?"},
    "prefer": {"id": "1", "input": _NOTE, "chosen": "Rest.", "rejected": "Run."},
}
"""An item of each kind; none is anyone's."""


# --- the search --------------------------------------------------------------------------------------------------


def searched(args: argparse.Namespace) -> Answer:
    """Search a better prompt for a task and a model, and write it as a new version with its evidence."""
    for name in ("task", "model"):
        if not getattr(args, name):
            raise UserError("say for what: residency prompt search --task NAME --model MODEL")
    from residency.evaluate.selection import development_items, drawn
    from residency.infer.prompts.library import add
    from residency.infer.prompts.search import parted, search
    from residency.trying import asker, bench_of, job_of, models_of, start_of

    task = _task(args.task)
    if task.kind not in SEARCHED:
        raise UserError(
            f"{task.name} is of kind {task.kind}, whose prompt is not searched; legal: {', '.join(SEARCHED)}"
        )
    start, bench = start_of(task, args), bench_of(task, args)
    items = drawn(development_items(bench.examples, task, args.share)[0], args.limit)
    parted(items)  # too few are refused before a model is opened
    job = job_of(task, start, args)
    model, writer, mends = models_of(job, task, bench, args.writer or "", rewrites=bool(args.tries))
    found = search(
        start, items, asker(job, model, items, bench, args.share), task.metric, writer=writer, mends=mends,
        tries=args.tries, generations=args.generations,
        styles=task.metric == "accuracy", whole=not (task.data or task.own), seed=args.seed,
    )  # fmt: skip
    evidence = _evidence(found, task, job, args)
    document: Row = {"task": task.name, "model": job.source.name, **evidence, "rounds": _rounds(found), "file": None}
    document |= {"dropped": dict(found.dropped), "reasons": found.reasons}
    if found.best.prompt.hash != start.hash:
        made = replace(found.best.prompt, id=args.id or start.id, measured=(evidence,))
        document["file"] = str(add(made, Path(args.out).expanduser() if args.out else None))
    return document, _words(found, task, document)


def _task(name: str) -> Task:
    from residency.evaluate.tasks import named

    found = named(name)
    if len(found) != 1:
        raise UserError(f"{name} names {len(found)} tasks; a prompt is searched for one")
    return found[0]


# --- what was found ----------------------------------------------------------------------------------------------


def _evidence(found: Searched, task: Task, job: Job, args: argparse.Namespace) -> Row:
    """Return what stands behind a found prompt, as its file keeps it."""
    gap = found.gap.difference
    return {
        "on": task.name,
        "model": job.source.name,
        "model_hash": job.source.hash,
        "split": "development, groups kept apart from the choice",
        "metric": task.metric,
        "method": args.method,
        **{key: round(value, 4) for key, value in asdict(found.last).items()},
        "n": found.gap.n,
        "start": {"hash": found.start.hash, **{key: round(value, 4) for key, value in asdict(found.first).items()}},
        "difference": {key: round(value, 4) for key, value in asdict(gap).items()},
        "p": round(found.gap.p, 4),
        "better": found.better,
        "how": found.best.how,
        "tried": found.tried,
        "chosen_on": found.chosen_on,
        "writer": args.writer or "",
        "generations": args.generations,
        "seed": args.seed,
    }


def _rounds(found: Searched) -> list[list[Row]]:
    return [
        [
            {
                "hash": one.candidate.prompt.hash,
                "how": one.candidate.how,
                "instruction": one.candidate.prompt.instruction,
                "value": asdict(one.value),
                "to_the_leader": asdict(one.gap),
                "n": one.n,
                "left": one.left,
            }
            for one in standing
        ]
        for standing in found.rounds
    ]


def _words(found: Searched, task: Task, document: Row) -> str:
    """Return the finalists, and what the best is worth on the items kept apart."""
    from residency.summary import table

    heads = ["made", "instruction", task.metric, "low", "high", "to the leader", "items", ""]
    lines = [
        [one.candidate.how, one.candidate.prompt.instruction[:60], one.value.value, one.value.low, one.value.high,
         one.gap.value, one.n, one.left]
        for standing in found.rounds[-1:] for one in standing
    ]  # fmt: skip
    gap = found.gap.difference
    told = "better than" if found.better else "not told apart from" if gap.high > 0 else "worse than"
    judged = f"{found.gap.n} development items that had no part in the choice"
    if document["file"] is None:
        end = f"nothing that was tried is better than the prompt one began with ({found.tried} prompts)"
    else:
        end = (
            f"{found.tried} prompts tried; the best ({found.best.how}) is {told} the first on {judged}: {task.metric} "
        )
        end += f"{found.last.value:.3f} and {found.first.value:.3f}, difference {gap.value:+.3f} "
        end += f"[{gap.low:+.3f}, {gap.high:+.3f}], p {found.gap.p:.3f}\n\nfile  {document['file']}\n"
        end += f"use   residency evaluate MODEL --tasks {task.name} --prompt {document['file']}"
    return "\n\n".join(part for part in (table(heads, lines) if lines else "", end) if part)
