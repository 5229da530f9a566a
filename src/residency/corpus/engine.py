"""The one file that knows how work is spread: over the cores of this machine, or over a Ray cluster.

Work is a function and a list of tasks, each bounded, each writing its own files and returning little. Results come in
the order of the tasks, so what is made from them does not hang on which engine ran, or on how many workers. What has
to be brought together (which ids, hashes and bands are equal) is one SQL statement over small Parquet files without
text, run by DuckDB with a limit on its memory; the rest spills to the run's own folder.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any, Literal, TypeVar

import psutil

from residency.core.errors import UserError
from residency.core.legal import AtLeastOne, Count
from residency.core.store import atomic_path

Task = TypeVar("Task")
Result = TypeVar("Result")
Name = Literal["local", "ray"]
Query = Callable[..., Path]
"""``query(sql, out, name=[files])`` writes one SELECT over views of Parquet files to the Parquet file ``out``."""
AHEAD = 2
"""Tasks a worker is given before its last result is taken: enough to keep it busy, few enough to bound memory."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How work is spread: by which engine, over how many workers (0: every core), with how much memory for keys."""

    # Where the work is done: on the cores of this machine, or on a Ray cluster.
    engine: Name = "local"
    # Processes at work at once; 0 takes every core.
    workers: Count = 0
    # The most memory that the comparison of all documents takes; the rest goes to the disk.
    memory_mb: AtLeastOne = 400


HERE = Spread()


@dataclass(frozen=True, slots=True)
class Engine:
    """Two ways to work: ``each`` calls a function on tasks and yields the results in order, ``queries`` runs SQL.

    ``each(function, tasks, broken)``: a task whose process dies (a crash in a library, the system's memory killer)
    gives ``broken(task)`` instead of a result, and the others go on. ``queries()`` is a context that yields ``Query``.
    """

    each: Callable[..., Iterator[Any]]
    queries: Callable[[], AbstractContextManager[Query]]


@contextmanager
def engine(name: Name, *, scratch: Path, workers: int = 0, memory_mb: int = 400) -> Iterator[Engine]:
    """Yield the engine of that name. ``workers`` 0 means every core (of the cluster); ``memory_mb`` bounds queries.

    Raises UserError where Ray is asked for and not installed or not reached. On a cluster, ``scratch`` and the sources
    have to lie on a file system that all machines share.
    """
    count = workers or len(os.sched_getaffinity(0))
    ask = partial(queries, scratch=scratch, memory_mb=memory_mb, threads=count)
    if name == "local":
        with _no_one_left():
            yield Engine(partial(each_local, workers=count), ask)
        return
    with _ray(workers) as ray:
        yield Engine(partial(_each_ray, ray, workers=workers), ask)


# --- on this machine -------------------------------------------------------------------------------------------------


@contextmanager
def _no_one_left() -> Iterator[None]:
    """End the processes that were started inside, and theirs, where the block ends in an error or in Ctrl-C.

    They would finish their tasks first, and Python waits for them before it ends: half a minute of a large corpus.
    """
    before = set(active_children())
    try:
        yield
    except BaseException:
        found = [family for child in set(active_children()) - before if child.pid for family in _family(child.pid)]
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        raise


def _family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it started, such as a simulation; nothing where it has ended."""
    with suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    return []


def each_local(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    broken: Callable[[Task], Result] | None = None,
    *,
    workers: int = 1,
) -> Iterator[Result]:
    """Yield the results in order, made in processes beside each other, or here where one worker or one task is all."""
    rest = iter(tasks)
    first = list(islice(rest, 2))
    if workers == 1 or len(first) < 2:
        yield from map(function, (*first, *rest))
        return
    left = deque(first)
    while left:
        left = yield from _pooled(function, left, rest, broken, workers)


def _pooled(
    function: Callable[[Task], Result],
    left: deque[Task],
    rest: Iterator[Task],
    broken: Callable[[Task], Result] | None,
    workers: int,
) -> Any:
    """Yield results until all is done or the pool breaks; return the tasks that are still to be done."""
    waiting: deque[tuple[Task, Future[Result]]] = deque()
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_quiet)
    try:
        while True:
            while len(waiting) < AHEAD * workers and (task := _next(left, rest)) is not None:
                waiting.append((task, pool.submit(function, task)))
            if not waiting:
                return deque()
            yield waiting[0][1].result()
            waiting.popleft()
    except BrokenProcessPool:
        pool.shutdown(wait=False, cancel_futures=True)
        tasks = deque(task for task, _ in waiting)
        yield _alone(function, tasks.popleft(), broken)
        return deque([*tasks, *left])
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _next(left: deque[Task], rest: Iterator[Task]) -> Task | None:
    return left.popleft() if left else next(rest, None)


def _alone(function: Callable[[Task], Result], task: Task, broken: Callable[[Task], Result] | None) -> Result:
    """Return a task's result from a process of its own: if that one dies too, it was this task."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_quiet)
    try:
        return pool.submit(function, task).result()
    except BrokenProcessPool:
        if broken is None:
            raise
        return broken(task)
    finally:
        pool.shutdown(wait=False)


def _quiet() -> None:
    """Leave Ctrl-C to the process that started this one, and one thread to each library."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


# --- on a Ray cluster ------------------------------------------------------------------------------------------------


@contextmanager
def _ray(workers: int) -> Iterator[Any]:
    """Yield ray, connected to the cluster of ``RAY_ADDRESS``, or to one of ``workers`` started on this machine."""
    address = os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if not address:  # Ray then stays on the loopback address, where nothing outside reaches it
        os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
    try:
        import ray
    except ModuleNotFoundError:
        raise UserError("engine: ray needs Ray; install it with: pip install 'residency[ray]'") from None
    settings: dict[str, Any] = {"logging_level": "error", "log_to_driver": False}
    if address:
        settings["address"] = address
    else:
        cores = workers or len(os.sched_getaffinity(0))
        settings |= {"num_cpus": cores, "object_store_memory": 100_000_000, "include_dashboard": False}
    if address:
        _reach(address)
    try:
        with _no_way_out():
            ray.init(**settings)
    except (ConnectionError, RuntimeError, OSError) as error:
        raise UserError(f"no Ray cluster at {address or 'this machine'} ({type(error).__name__})") from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Raise UserError where nothing answers at a cluster's address: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return  # "auto" and the like, which Ray knows
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UserError(f"nothing answers at RAY_ADDRESS={address} ({reason}); is the cluster running?") from None


@contextmanager
def _no_way_out() -> Iterator[None]:
    """Give the processes that start inside a proxy that leads nowhere.

    Ray's head looks for the metadata servers of three clouds even where its usage statistics are off.
    """
    nowhere, local = "http://127.0.0.1:9", "127.0.0.1,localhost"
    names = {"http_proxy": nowhere, "https_proxy": nowhere, "no_proxy": local}
    names |= {name.upper(): value for name, value in names.items()}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _each_ray(
    ray: Any,
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    broken: Callable[[Task], Result] | None = None,
    *,
    workers: int = 0,
) -> Iterator[Result]:
    """Yield the results in order, made by the cluster's workers."""
    work = ray.put(function)
    remote = ray.remote(max_retries=1)(_call)
    most = AHEAD * (workers or int(ray.cluster_resources().get("CPU", 1)))
    rest = iter(tasks)
    waiting = deque((task, remote.remote(work, task)) for task in islice(rest, most))
    while waiting:
        task, reference = waiting.popleft()
        try:
            result = ray.get(reference)
        except ray.exceptions.WorkerCrashedError:
            if broken is None:
                raise
            result = broken(task)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        yield result
        waiting.extend((task, remote.remote(work, task)) for task in islice(rest, 1))


def _call(function: Callable[[Task], Result], task: Task) -> Result:
    return function(task)


# --- what has to be brought together ---------------------------------------------------------------------------------


@contextmanager
def queries(*, scratch: Path, memory_mb: int = 400, threads: int = 1) -> Iterator[Query]:
    """Yield the function that writes the result of one SELECT to the Parquet file ``out`` and returns that path.

    Each keyword of its ``files`` is a view over these Parquet files. Only an ORDER BY of the statement fixes an order.
    Raises UserError where ``memory_mb`` is too little for a statement even with what it spills to ``scratch``.
    """
    import duckdb

    spill = scratch / ".spill"
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": threads,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
    }
    try:
        with duckdb.connect(":memory:", config=settings) as database:
            yield partial(_query, database, memory_mb)
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def _query(database: Any, memory_mb: int, sql: str, out: Path, **files: Sequence[Path]) -> Path:
    import duckdb

    with atomic_path(out) as temporary:
        for name, paths in files.items():
            listed = ", ".join(_quoted(path) for path in paths)
            database.execute(f"CREATE OR REPLACE VIEW {name} AS SELECT * FROM read_parquet([{listed}])")
        try:
            database.execute(f"COPY ({sql}) TO {_quoted(temporary)} (FORMAT parquet, COMPRESSION zstd)")
        except duckdb.OutOfMemoryException:
            raise UserError(
                f"the keys of so many documents cannot be compared in memory_mb: {memory_mb}; give it more, "
                "or less to hold at a time with workers: 1"
            ) from None
        except RuntimeError as error:
            if str(error) == "Query interrupted":  # how DuckDB tells of Ctrl-C
                raise KeyboardInterrupt from None
            raise
    return out


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
