"""Every run's record: ``run.json`` in its folder is the truth, a small SQL index makes them all findable.

The index is a SQLite file in the runs folder, or any database that ``$RESIDENCY_DB`` names
(``postgresql+psycopg://…``), where the runs of several machines meet. A lost index is filled again from the folders.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Float, MetaData, String, Table, create_engine, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from residency.core.errors import StorageError, UserError
from residency.core.store import atomic_path, read_json, storage_errors, write_json

RECORD = "run.json"
_META = MetaData()
_RUNS = Table(
    "runs",
    _META,
    Column("host", String, primary_key=True),
    Column("folder", String, primary_key=True),
    Column("id", String, nullable=False),
    Column("recipe", String),
    Column("status", String),
    Column("stage", String),
    Column("began", String),
    Column("ended", String),
    Column("seconds", Float),
    Column("version", String),
)


def runs_root() -> Path:
    """Return the folder that holds all runs: ``$RESIDENCY_RUNS``, or ``runs`` here."""
    return Path(os.environ.get("RESIDENCY_RUNS") or "runs").expanduser()


def in_runs(name: str) -> str:
    """Return a model's name with ``runs/…`` read in the runs folder, wherever ``$RESIDENCY_RUNS`` puts it."""
    first, slash, rest = name.partition("/")
    return str(runs_root() / rest) if first == "runs" and slash else name


def now() -> str:
    """Return the time, ISO 8601 in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_record(folder: Path) -> dict[str, Any]:
    """Return a run folder's record; empty where there is none."""
    try:
        found = read_json(folder / RECORD)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def update_record(folder: Path, **fields: Any) -> dict[str, Any]:
    """Return the run's record after ``fields`` were laid over it, in the folder and in the index."""
    record = {**read_record(folder), **fields}
    write_json(folder / RECORD, record)
    _index(folder.parent, [(folder, record)])
    return record


def list_runs(root: Path) -> list[dict[str, Any]]:
    """Return all known runs, the newest first; folders that the index does not know are added to it.

    A run whose process is gone without a word is "stopped": the same command takes it up again. ``outdated`` names the
    stages of this machine's runs whose results were made before their inputs changed.
    """
    found = [(path.parent, read_record(path.parent)) for path in sorted(root.glob(f"*/{RECORD}"))]
    found = [(folder, record) for folder, record in found if record and not folder.is_symlink()]
    if not found and "RESIDENCY_DB" not in os.environ:
        return []
    _index(root, found)
    with _connected(root) as engine, engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(select(_RUNS))]
    host = socket.gethostname()
    rows = [row for row in rows if row["host"] != host or Path(row["folder"]).is_dir()]  # deleted folders go
    for row in rows:
        row["outdated"] = read_record(Path(row["folder"])).get("outdated") or [] if row["host"] == host else []
        if row["status"] == "running" and row["host"] == host and not is_running(Path(row["folder"])):
            row["status"] = "stopped"
    return sorted(rows, key=lambda row: (row["began"] or "", row["id"]), reverse=True)


def _index(root: Path, found: list[tuple[Path, dict[str, Any]]]) -> None:
    host, columns = socket.gethostname(), {column.name for column in _RUNS.columns}
    with _connected(root) as engine, engine.begin() as connection:
        for folder, record in found:
            row = {name: value for name, value in record.items() if name in columns}
            row |= {"host": host, "folder": str(folder.resolve()), "id": folder.name}
            same = (_RUNS.c.host == host) & (_RUNS.c.folder == row["folder"])
            connection.execute(_RUNS.delete().where(same))
            connection.execute(_RUNS.insert().values(row))


@contextmanager
def _connected(root: Path) -> Iterator[Engine]:
    url = os.environ.get("RESIDENCY_DB") or f"sqlite:///{root.resolve() / 'index.sqlite'}"
    try:
        engine = create_engine(url)
        try:
            _META.create_all(engine)
            yield engine
        finally:
            engine.dispose()
    except (SQLAlchemyError, ImportError) as error:
        if "RESIDENCY_DB" in os.environ:
            kind = url.split(":", 1)[0]  # the rest may hold a password
            text = f"$RESIDENCY_DB ({kind}) cannot be used ({type(error).__name__}): check it, or unset it"
            raise UserError(text) from error
        raise StorageError(f"cannot write {root / 'index.sqlite'} ({type(error).__name__})") from error


# --- one process a run -----------------------------------------------------------------------------------------------


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a run's lock, which ends with the process; UserError where another process walks the same run."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".lock").touch()
    with open(folder / ".lock") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder} is being run by another process: wait for it, or give --fresh") from None
        yield


def is_running(folder: Path) -> bool:
    """Return whether a process holds the run's lock."""
    with suppress(OSError), open(folder / ".lock") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def point_latest(folder: Path) -> None:
    """Make ``latest`` beside the run's folder a link to it."""
    link(folder.parent / "latest", folder)


def link(path: Path, target: Path) -> None:
    """Make ``path`` a relative link to ``target``, in place of the link or folder that was there."""
    with atomic_path(path) as temporary:
        temporary.symlink_to(os.path.relpath(target, path.parent), target_is_directory=target.is_dir())
