"""Jobs side by side in processes of their own: each keeps its last model open, and none outlives the parent."""

from __future__ import annotations

import multiprocessing
import queue
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from residency.core.errors import ResidencyError, UserError
from residency.core.memory import share_heap
from residency.core.progress import progress, set_quiet
from residency.core.store import read_json
from residency.evaluate.jobs import Bench, Job, Worker, finished, protocol_path


def run_jobs(plan: Sequence[Job], bench: Bench, processes: int) -> list[dict[str, Any]]:
    """Return what each job cost, after running those not yet done, in ``processes`` worker processes."""
    todo = [job for job in plan if not finished(job, bench)]
    with progress("evaluation", total=len(plan), unit="job", before=len(plan) - len(todo)) as bar:
        if processes <= 1 or len(todo) <= 1:
            worker = Worker(bench)
            for job in todo:
                worker.do(job)
                bar.add(1, last=f"{job.state}/{job.task}")
        else:
            for job in spread(todo, bench, processes):
                bar.add(1, last=f"{job.state}/{job.task}")
    return [
        {"model": j.state, "task": j.task, "seconds": read_json(protocol_path(j, bench)).get("seconds")}
        for j in plan
        if protocol_path(j, bench).exists()
    ]


def spread(todo: Sequence[Job], bench: Bench, processes: int) -> Iterable[Job]:
    """Yield jobs as worker processes finish them.

    Raises ResidencyError for the first that fails, or dies; UserError where the user can mend it.
    """
    context = multiprocessing.get_context("spawn")
    asked, told = context.Queue(), context.Queue()
    for job in todo:
        asked.put(job)
    for _ in range(processes):
        asked.put(None)
    workers = [context.Process(target=work, args=(bench, asked, told), daemon=True) for _ in range(processes)]
    for worker in workers:
        worker.start()
    try:
        left = len(todo)
        while left:
            try:
                job, error, fault = told.get(timeout=5)
            except queue.Empty:
                if not any(w.is_alive() for w in workers) or any(w.exitcode not in (None, 0) for w in workers):
                    raise ResidencyError(
                        "an evaluation process died (out of memory, or killed); the finished jobs "
                        "are kept: give the same command again"
                    ) from None
                continue
            if error:
                raise fault(f"evaluating {job.state} on {job.task} failed: {error}")
            left -= 1
            yield job
        for worker in workers:
            worker.join(timeout=10)  # each has found its None
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def work(bench: Bench, asked: Any, told: Any) -> None:
    """Do jobs from a queue until it holds None (the body of a worker process)."""
    import signal

    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    share_heap()
    torch.set_num_threads(bench.threads)
    set_quiet()
    worker = Worker(bench)
    parent = multiprocessing.parent_process()
    while (job := asked.get()) is not None:
        if parent is not None and not parent.is_alive():  # killed outright: nobody waits for the rest
            return
        try:
            worker.do(job)
            told.put((job, "", None))
        except Exception as error:  # handed to the parent, which raises it with the job's name
            fault = UserError if isinstance(error, UserError) else ResidencyError
            told.put((job, what_failed(error), fault))


def what_failed(error: Exception) -> str:
    """Return our own error's message; of another only its kind and place, since its words may quote a text."""
    if isinstance(error, ResidencyError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "residency" in Path(frame.filename).parts] or frames
    return f"{type(error).__name__} in {Path(ours[-1].filename).name}, line {ours[-1].lineno}"
