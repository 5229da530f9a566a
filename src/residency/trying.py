"""Trying prompts: a task's development items asked by any prompt, with what a command says of model and method.

This is where the search for a prompt, which knows no task, meets the evaluation, which knows no search.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from residency.core.errors import Unsupported, UserError
from residency.core.progress import say
from residency.core.runs import runs_root
from residency.core.store import read_jsonl, sha256_json, write_jsonl
from residency.core.types import Example
from residency.evaluate.answer import answer
from residency.evaluate.jobs import Bench, Job, Worker, fingerprint
from residency.evaluate.kinds import as_shown
from residency.evaluate.protocol import Protocol, with_shots
from residency.evaluate.run import examples_of, model_job
from residency.evaluate.selection import DEVELOPMENT, development_items
from residency.evaluate.statement import is_public, written
from residency.evaluate.tasks import Task
from residency.examine import model_name
from residency.infer.prompts.halving import Answer
from residency.infer.prompts.library import find_prompt, fitting
from residency.infer.prompts.prompt import Prompt
from residency.infer.prompts.words import WORDINGS
from residency.models.load import find, load
from residency.models.local import LocalModel

Row = dict[str, Any]


def start_of(task: Task, args: argparse.Namespace) -> Prompt:
    """Return the prompt to begin with: the one named, or the task's own words as a prompt."""
    if args.start:
        found = find_prompt(args.start)
        if fitting([found], task.name, task.kind) is None:
            raise UserError(f"the prompt {found.name} is for {found.task or f'kind {found.kind}'}, and not {task.name}")
        return replace(found, task=task.name)
    style = task.ask.style if task.kind == "choice" else ""
    language = task.ask.language if task.ask.language in WORDINGS else "en"
    words = tuple(sorted(task.ask.said))
    return Prompt(task.name, task.kind, 1, task.name, language, task.ask.instruction, style, words)


def bench_of(task: Task, args: argparse.Namespace) -> Bench:
    """Return where a task's items come from: those of a run's own tasks from the run that the model belongs to."""
    examples = None if task.data or task.own else examples_of(model_name(args.model))
    return Bench(examples, runs_root() / "prompts", args.precision, os.cpu_count() or 1)


def job_of(task: Task, start: Prompt, args: argparse.Namespace) -> Job:
    """Return the job of asking a task by a prompt; Unsupported where the model cannot be asked so."""
    protocol = Protocol(args.method, args.pick, seed=args.seed, prompts=(start,)).of(task)
    source = find(model_name(args.model))
    if source.reader:
        raise Unsupported(f"{args.model} reads a text without a prompt; name a model that is asked with one")
    job = model_job(task, source, protocol.shots(task, args.shots), 0, protocol)
    if job is None:
        raise Unsupported(f"{args.model} gives no fast likelihoods; let it write: --method generate")
    return replace(job, protocol=protocol)


def models_of(job: Job, task: Task, bench: Bench, writer: str, *, rewrites: bool = True) -> tuple[Any, Any, bool]:
    """Return (the model that is asked, the one that writes, whether it is shown wrong answers to mend).

    Without a ``writer`` the model rewrites its own prompt. A writer beyond this machine is shown public items only.
    """
    model = Worker(bench).model(job.source)
    if isinstance(model, LocalModel):
        model.plain = not model.tokenizer.chat_template
    if not writer:
        return model, model if rewrites else None, False
    away = writer.startswith(("http://", "https://"))
    if away and not is_public(task):
        say(f"{writer} is an endpoint: it rewrites the instruction, and is shown none of your items")
    return model, load(model_name(writer), type=bench.precision), not away or is_public(task)


def asker(job: Job, model: Any, items: Sequence[Example], bench: Bench, share: float = DEVELOPMENT) -> Answer:
    """Return what asks development items by a prompt; rows are kept, so that a search that is stopped goes on.

    ``share`` as in ``development_items``.
    """
    chosen = {e.id for e in items}
    mark = sha256_json([fingerprint(job, bench), sorted(chosen), share])
    folder = bench.items / f"{job.task}-{mark[:12]}"

    def ask(prompt: Prompt, wanted: Sequence[Example]) -> list[Row]:
        file = folder / f"{prompt.hash[:20]}-{sha256_json([e.id for e in wanted])[:12]}.jsonl"
        if not file.exists():
            asked = replace(job, protocol=replace(job.protocol, prompts=(prompt,)))
            write_jsonl(file, answers(asked, model, [e.id for e in wanted], bench, share))
        return list(read_jsonl(file))

    return ask


def answers(job: Job, model: Any, ids: Sequence[str], bench: Bench, share: float = DEVELOPMENT) -> list[Row]:
    """Return the scored rows of the development items of these ids, in their order, as a job asks them."""
    task = job.declaration()
    held, solved = development_items(bench.examples, task, share)
    known = {e.id: e for e in held}
    shown = as_shown(task.kind, written=written(job, task))
    part, shots = with_shots([known[key] for key in ids], solved, job.shots, job.protocol, shown)
    return answer(task, model, part, shots, job.protocol)
