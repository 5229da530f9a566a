"""A job is one task for one model: what it is, doing it, and the protocol that stands behind its numbers.

Its rows are written whole, with the protocol last, so that an evaluation that is killed goes on with the jobs that
are missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from residency import __version__
from residency.core.errors import ModelError
from residency.core.machine import give_back_memory
from residency.core.store import (
    append_jsonl,
    read_examples,
    read_json,
    read_jsonl,
    read_manifest,
    sha256_json,
    write_json,
    write_jsonl,
)
from residency.core.types import Example
from residency.evaluate.general import general_instructions, general_text
from residency.evaluate.protocol import REASON, Protocol, own_prompt, room, with_shots
from residency.evaluate.tasks import TASKS, Task
from residency.evaluate.tasks.read import examples_of, own_task
from residency.models.load import Source, open_source
from residency.models.local import LocalModel

PART = 16
"""Questions that go to an endpoint between two marks on the disk."""


@dataclass(frozen=True, slots=True)
class Job:
    """One task for one model: ``state`` is its name in the ledger, ``shots`` how many solved examples it is shown.

    ``own`` is the file of a task that is the user's.
    """

    state: str
    task: str
    source: Source
    shots: int = 0
    limit: int = 0
    note: str = ""
    own: str = ""
    protocol: Protocol = Protocol()

    def declaration(self) -> Task:
        """Return the job's task, asked as its protocol says."""
        return self.protocol.task(own_task(Path(self.own)) if self.own else TASKS[self.task])


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker needs: where examples are and items go, the precision, and its number of threads."""

    examples: Path | None
    items: Path
    precision: str
    threads: int
    quiet: bool = False


class Worker:
    """Does jobs one after another, keeping the last model open."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.opened: tuple[Source, Any] | None = None

    def do(self, job: Job) -> None:
        """Write one job's rows, then its protocol."""
        from residency.evaluate.answer import answer

        task = job.declaration()
        test = test_items(self.bench.examples, task, job.limit)
        if not test:
            return
        pool = train_items(self.bench.examples, task) if job.shots else []
        test, shots = with_shots(test, pool, min(job.shots, len(pool)), job.protocol)
        model = self.model(job.source)
        if isinstance(model, LocalModel):
            model.plain = not (job.protocol.template and model.tokenizer.chat_template)
        began = time.perf_counter()
        target = self.bench.items / job.task / f"{job.state}.jsonl"
        if job.source.is_remote:
            rows = self.in_parts(job, lambda part: answer(task, model, part, shots, job.protocol), test, target)
        else:
            rows = answer(task, model, test, shots, job.protocol)
        seconds = time.perf_counter() - began
        failed = sum(row.get("finish") == "failed" for row in rows)
        if failed == len(rows):
            raise ModelError(f"{job.source.name} answered none of {failed} questions of {job.task}; is it running?")
        write_jsonl(target, rows)
        protocol = {**protocol_of(job, task, test, shots, self.bench), "seconds": round(seconds, 2)}
        if failed:
            protocol["fingerprint"] = "not whole"  # the next time asks for what could not be got
        write_json(protocol_path(job, self.bench), protocol)

    def in_parts(
        self, job: Job, ask: Callable[[list[Example]], list[dict[str, Any]]], test: Sequence[Example], target: Path
    ) -> list[dict[str, Any]]:
        """Return the rows of items that are asked for part by part; what was answered before is not asked again.

        Items that could not be got are not kept, so that the next time asks for them again.
        """
        kept = target.with_suffix(".part")
        mark = fingerprint(job, self.bench)
        rows = {r["id"]: r for r in (read_jsonl(kept, torn=True) if kept.exists() else ()) if r["mark"] == mark}
        todo = [e for e in test if e.id not in rows]
        for start in range(0, len(todo), PART):
            made = ask(todo[start : start + PART])
            append_jsonl(kept, *({**r, "mark": mark} for r in made if r.get("finish") != "failed"))
            rows |= {r["id"]: {**r, "mark": mark} for r in made}
        return [{key: value for key, value in rows[e.id].items() if key != "mark"} for e in test]

    def model(self, source: Source) -> Any:
        """Return the open model of a source."""
        if self.opened is None or self.opened[0] != source:
            self.opened = None
            give_back_memory()
            settings = {"threads": self.bench.threads} if source.is_gguf else {}
            self.opened = (source, open_source(source, type=self.bench.precision, **settings))
        return self.opened[1]


def test_items(examples: Path | None, task: Task, limit: int = 0) -> list[Example]:
    """Return the test items of a task in a fixed order, at most ``limit`` where that is given.

    Items whose options have no such turn are left out: a question of four options has turns 0 to 3.
    """
    if task.name == "general_text":
        found = general_text()
    elif task.name == "general_instructions":
        found = general_instructions()
    elif task.data or task.own:
        found, _ = examples_of(task)
    else:
        found = list(_of_run(examples, task, "test"))
    found = found[:limit] if limit else found
    return [e for e in found if not task.ask.turn or task.ask.turn < len(e.choices)]


def train_items(examples: Path | None, task: Task) -> list[Example]:
    """Return the solved items of a task that may be shown before a question, their options in their own order."""
    if task.data or task.own:
        return examples_of(replace(task, ask=replace(task.ask, turn=0)), "train")[0]
    return list(_of_run(examples, task, "train"))


def _of_run(examples: Path | None, task: Task, split: str) -> Iterator[Example]:
    return read_examples(examples / "examples.jsonl", split=split, task=task.name) if examples else iter(())


def protocol_path(job: Job, bench: Bench) -> Path:
    """Return where a job's protocol lies; it is written last."""
    return bench.items / job.task / f"{job.state}.protocol.json"


def finished(job: Job, bench: Bench) -> bool:
    """Return whether this very job (same model, items and settings) has been done."""
    path = protocol_path(job, bench)
    if not path.exists():
        return False
    return read_json(path).get("fingerprint") == fingerprint(job, bench)


def fingerprint(job: Job, bench: Bench) -> str:
    """Return a hash of what a job's result depends on."""
    return sha256_json(
        [
            job.state,
            job.task,
            job.source.hash,
            job.source.path,
            job.shots,
            job.limit,
            asdict(job.protocol),
            _made(job, bench),
            bench.precision,
            __version__,
        ]
    )


def _made(job: Job, bench: Bench) -> Any:
    """Return what a job's items are known by: the stage that made them, or they themselves."""
    task = job.declaration()
    if task.data or task.own:
        return [[e.id, e.prompt, e.wanted] for e in test_items(None, task, job.limit)]
    if bench.examples is None:
        return None
    return (read_manifest(bench.examples) or {}).get("fingerprint") or str(bench.examples.resolve())


def _what(task: Task) -> str:
    return "'s letter" if (task.data or task.own) and task.ask.style == "letters" else " text"


def _method(job: Job, task: Task, usual: str) -> str:
    """Return how the answer was got, in words."""
    sampling, choice = job.protocol.sampling, task.kind in ("choice", "classify")
    if not written(job, task):
        return usual
    how = "generation" if sampling else "greedy generation"
    how += " of the choice" if choice and job.protocol.method != "reason" else ""
    how += " at temperature {temperature}, seed {seed}".format(**sampling) if sampling else ""
    if choice and job.protocol.method == "reason":
        return f'{how}, the choice after a chain of thought: "{REASON}"'
    return f"{how}, constrained to a JSON schema" if held_to_schema(job, task) else how


def written(job: Job, task: Task) -> bool:
    """Return whether the answers are written, and not compared by their likelihood."""
    if task.kind in ("choice", "classify"):
        return job.source.is_remote or job.protocol.method != "likelihood"
    return task.kind != "read"


def held_to_schema(job: Job, task: Task) -> bool:
    """Return whether replies are held to a JSON schema: lists, and choices written without a chain of thought."""
    if not job.protocol.constrained or not written(job, task):
        return False
    chosen = task.kind in ("choice", "classify") and job.protocol.method != "reason"
    return chosen or task.kind in ("extract", "relate")


def _precision(job: Job, bench: Bench) -> str:
    from residency.models.device import precision_name

    if job.source.is_remote:
        return "not known (endpoint)"
    return "q8_0 (llama.cpp)" if job.source.is_gguf else precision_name(bench.precision)


def protocol_of(
    job: Job, task: Task, test: Sequence[Example], shots: Sequence[Example], bench: Bench
) -> dict[str, Any]:
    """Return what stands behind a number: how the answer was got and scored, on which items, by which model."""
    methods = {
        "choice": f"likelihood of the option{_what(task)} and end of turn, summed",
        "classify": "likelihood of the label and end of turn, summed",
        "read": "likelihood of the text",
    }
    extractor = {
        "extract": "first JSON list of the reply, exact strings",
        "relate": "first JSON list of the reply, pairs of a text's own mentions",
        "follow": "reply holds a wanted string",
    }
    if task.kind == "extract" and (task.data or task.own):
        extractor["extract"] = "first JSON list of the reply, every whole-word occurrence of a phrase"
    if written(job, task) and task.kind in ("choice", "classify"):
        last = "alone on the last line" if job.protocol.method == "reason" else "that the reply begins with"
        extractor[task.kind] = f"the choice behind the last answer:, or {last}"
    by_llama = job.source.is_gguf
    return {
        "task": job.task,
        "model": job.state,
        "model_hash": job.source.hash,
        "note": job.note,
        "method": _method(job, task, methods.get(task.kind, "")),
        "metric": task.metric,
        "about": {key: getattr(task, key) for key in ("family", "kind", "metric", "stakeholder", "care")},
        "template": "the model's own chat template, no system prompt added" if job.protocol.template else "none",
        "shots": len(shots or test[0].meta.get("shots", ())),
        "shots_picked": job.protocol.pick,
        "shot_ids": [s.id for s in shots],
        "style": task.ask.style if task.kind == "choice" and (task.data or task.own) else "",
        "seed": job.protocol.seed,
        "constrained": held_to_schema(job, task),
        "variant": job.protocol.variant,
        "n": len(test),
        "data": task.data or task.own,
        "split": task.split if task.data else "",
        "items_sha256": sha256_json([[e.id, own_prompt(e), e.wanted] for e in test]),
        "extractor": extractor.get(task.kind, ""),
        "max_tokens": room(task, test, job.protocol) if written(job, task) else 0,
        "stop": [] if held_to_schema(job, task) else list(task.stop),
        "precision": _precision(job, bench),
        "engine": "endpoint" if job.source.is_remote else "llama.cpp" if by_llama else "torch",
        "fingerprint": fingerprint(job, bench),
    }
