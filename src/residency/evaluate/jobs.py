"""A job is one task for one model: what it is, doing it, and the protocol that stands behind its numbers.

Its rows are written part by part and its protocol last, so that an evaluation that is killed goes on where it was
stopped. No more than a part of the items is held in memory, however many there are.
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from residency import __version__
from residency.core.errors import ModelError
from residency.core.machine import give_back_memory
from residency.core.parts import Parts, Rows
from residency.core.progress import say
from residency.core.store import ListHash, read_json, read_manifest, sha256_file, sha256_json, write_json
from residency.core.types import Example
from residency.evaluate.kinds import as_shown
from residency.evaluate.numbers import LEFT_OUT
from residency.evaluate.protocol import Protocol, finder, own_prompt, room, with_shots
from residency.evaluate.selection import each_test_item, solved_items
from residency.evaluate.statement import example_of, is_public, protocol_of, written
from residency.evaluate.tasks import BY_LIKELIHOOD, TASKS, Task
from residency.evaluate.tasks.own import files_of, read_declaration
from residency.evaluate.tasks.read import declared_task
from residency.models.load import Source, find, open_source
from residency.models.local import LocalModel
from residency.models.remote import RemoteModel

CONTEXT = 4096
"""Tokens of prompt and reply that a GGUF is given room for; what is longer is not scored."""
ENDPOINT = 8
"""Questions that go to an endpoint between two marks on the disk: twice those under way at once."""
COMPARED, WRITTEN = 1000, 128
"""Items in memory at once, and between two marks on the disk, where likelihoods are compared and where not."""
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job:
    """One task for one model: ``state`` is its name in the ledger, ``shots`` how many solved examples it is shown.

    ``own`` is the file of a task that is the user's; its items were checked when it was named.
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
        return self.protocol.task(declared_task(Path(self.own)) if self.own else TASKS[self.task])


@dataclass(frozen=True, slots=True)
class Bench:
    """What a worker needs: where examples are and items go, the precision, and its number of threads."""

    examples: Path | None
    items: Path
    precision: str
    threads: int
    quiet: bool = False


class ItemParts:
    """The items of a job, once and part by part as they are put to a model.

    At the end stand their number ``n``, the ``first``, their ``sha256``, the tokens of ``room`` for a reply, and how
    many solved examples each has of its own.
    """

    def __init__(self, job: Job, task: Task, examples: Path | None) -> None:
        self.protocol = job.protocol
        compared = task.kind in BY_LIKELIHOOD and job.protocol.method == "likelihood"
        self.shown = as_shown(task.kind, written=written(job, task))
        self.size = COMPARED if compared else WRITTEN
        self.pool = solved_items(examples, task) if job.shots else []
        self.count = min(job.shots, len(self.pool))
        _, self.shots = with_shots([], self.pool, self.count, job.protocol, self.shown)
        self.find = finder(self.pool, job.protocol) if self.count and job.protocol.pick != "fixed" else None
        self.n, self.sha256, self.room, self.own_shots = 0, "", 0, 0
        self.first: Example | None = None
        self.task = task
        self._rest = each_test_item(examples, task, job.limit)
        self._part = list(islice(self._rest, self.size))

    def __bool__(self) -> bool:
        return bool(self._part)

    def __iter__(self) -> Iterator[list[Example]]:
        digest = ListHash()
        while self._part:
            part, _ = with_shots(self._part, self.pool, self.count, self.protocol, self.shown, self.find)
            for example in part:
                digest.add([example.id, own_prompt(example), example.wanted])
            self.n += len(part)
            self.first = self.first or part[0]
            self.room = max(self.room, room(self.task, part, self.protocol))
            self.own_shots = self.own_shots or len(part[0].meta.get("shots", ()))
            yield part
            self._part = list(islice(self._rest, self.size))
        self.sha256 = digest.hexdigest()


class Worker:
    """Does jobs one after another, keeping the last model open."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.opened: tuple[Source, Any] | None = None

    def do(self, job: Job) -> None:
        """Write one job's rows, then its protocol."""
        from residency.evaluate.answer import answer

        task = job.declaration()
        asked = ItemParts(job, task, self.bench.examples)
        if not asked:
            return
        if asked.count < job.shots:
            few = "none" if not asked.count else f"only {asked.count}"
            lead = "; name a file of them with shots: FILE.jsonl" if task.own else ""
            say(f"{job.task}: {job.shots} solved examples were asked for and {few} can be shown{lead}")
        model, mark = self.model(job.source), fingerprint(job, self.bench)
        if isinstance(model, LocalModel):
            model.plain = not (job.protocol.template and model.tokenizer.chat_template)
        began = time.perf_counter()
        failed = self.in_parts(job, lambda part: answer(task, model, part, asked.shots, job.protocol), asked, mark)
        seconds = time.perf_counter() - began
        protocol = {**protocol_of(job, task, asked, self.bench), "fingerprint": mark, "seconds": round(seconds, 2)}
        protocol |= left_out(Rows(self.bench.items / job.task / f"{job.state}.jsonl"), getattr(model, "context", None))
        if failed:
            protocol["fingerprint"] = "not whole"  # the next time asks for what could not be got
            why = ", ".join(sorted(getattr(model, "faults", ()))) or "no answer"
            say(f"{job.task}: {failed} of {asked.n} items could not be got ({why}); give the same command again")
        if asked.first and asked.first.prompt and is_public(task) and not job.protocol.evidence:
            write_json(example_path(job, self.bench), example_of(model, task, asked, job.protocol))
        write_json(protocol_path(job, self.bench), protocol)

    def in_parts(self, job: Job, ask: Callable[[list[Example]], list[Row]], asked: ItemParts, mark: str) -> int:
        """Write the rows of items that are asked for part by part, and return how many could not be got.

        What was answered before under the same mark is not asked again, but what was not answered is. Raises ModelError
        where nothing could be got.
        """
        target, places, failed = self.bench.items / job.task / f"{job.state}.jsonl", array("q"), 0
        refused, remote = 0, job.source.is_remote
        with Parts(target.with_suffix(".part"), mark, wanted=lambda row: not _unanswered(row)) as kept:
            model = self.model(job.source)
            if isinstance(model, RemoteModel):
                model.answered |= bool(kept.done)
            for part in asked:
                todo = [e for e in part if e.id not in kept.done]
                step = ENDPOINT if remote else asked.size
                made: list[int] = []
                for start in range(0, len(todo), step):
                    rows = ask(todo[start : start + step])
                    failed += sum(map(_failed, rows))
                    refused += sum(map(_unanswered, rows)) - sum(map(_failed, rows))
                    made += kept.append(rows)
                new = iter(made)
                places.extend(kept.done[e.id] if e.id in kept.done else next(new) for e in part)
                give_back_memory()  # else what the lanes of one part have freed stands under those of the next
            if refused and failed + refused == asked.n and isinstance(model, RemoteModel) and not model.answered:
                raise model.refusal()
            if failed == asked.n:
                raise ModelError(f"{job.source.name} answered none of {failed} questions of {job.task}; is it running?")
            kept.whole(target, places)
        if not failed:
            kept.path.unlink()
        return failed

    def model(self, source: Source) -> Any:
        """Return the open model of a source."""
        if self.opened is None or self.opened[0] != source:
            self.opened = None
            give_back_memory()
            settings = {"threads": self.bench.threads, "context": CONTEXT} if source.is_gguf else {}
            self.opened = (source, open_source(source, type=self.bench.precision, **settings))
        return self.opened[1]


def _failed(row: Row) -> bool:
    return row.get("finish") == "failed"


def left_out(rows: Iterable[Row], context: int | None) -> dict[str, Any]:
    """Return what a protocol says of items that no answer was got for: how many for each reason, and the context."""
    found = Counter(row["finish"] for row in rows if row.get("finish") in LEFT_OUT)
    return {"left_out": dict(found), "context": context} if found else {}


def _unanswered(row: Row) -> bool:
    """Return whether an endpoint gave no answer; what it refuses is not asked for once more when all else is there."""
    return row.get("finish") in ("failed", "refused")


def protocol_path(job: Job, bench: Bench) -> Path:
    """Return where a job's protocol lies; it is written last."""
    return bench.items / job.task / f"{job.state}.protocol.json"


def example_path(job: Job, bench: Bench) -> Path:
    """Return where the first question of a public task lies, as the model was given it."""
    return bench.items / job.task / f"{job.state}.example.json"


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
    """Return what a job's items are known by: the files or the stage that made them, or they themselves."""
    task = job.declaration()
    if task.own:
        declared, folder = read_declaration(Path(task.own)), Path(task.own).parent
        files = [sha256_file(file) for file in files_of(declared, folder)]
        return [declared, files, find(task.judge).hash if task.judge else None]
    if task.data:
        digest = ListHash()
        for example in each_test_item(None, task, job.limit):
            digest.add([example.id, example.prompt, example.wanted])
        return digest.hexdigest()
    if bench.examples is None:
        return None
    return (read_manifest(bench.examples) or {}).get("fingerprint") or str(bench.examples.resolve())
