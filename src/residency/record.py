"""A run's record while it is walked: true at every moment, also when the walk ends early or the disk is full."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from residency import __version__
from residency.core import runs
from residency.core.errors import StorageError, UserError
from residency.core.machine import machine, versions
from residency.core.progress import say
from residency.core.recipe import dump
from residency.core.store import atomic_path, read_json, storage_errors, write_json


@contextmanager
def recorded(folder: Path, recipe: Mapping[str, Any], passed: Mapping[str, Any]) -> Iterator[None]:
    """Keep the run's record true, also when the walk ends early; errors of the disk become clear ones."""
    before, began = runs.read_record(folder), time.monotonic()
    with storage_errors(folder):
        _write_recipes(folder, recipe, passed)
        about = {"id": folder.name, "recipe": recipe.get("name") or "", "began": before.get("began") or runs.now()}
        about |= {"version": __version__, "versions": versions(), "machine": machine()}
        runs.update_record(folder, **about, status="running", ended=None, error=None)
        status: dict[str, Any] = {"status": "failed"}
        try:
            yield
            status = {"status": "done", "stage": None}
        except BaseException as error:
            status = {"status": "stopped" if isinstance(error, KeyboardInterrupt) else "failed"}
            status["error"] = type(error).__name__
            raise
        finally:
            idle = before.get("status") == status["status"] == "done" and not runs.read_record(folder).get("stage")
            seconds = (before.get("seconds") or 0.0) + (0.0 if idle else time.monotonic() - began)
            with suppress(StorageError):  # on a full disk, the error on its way out is the one to show
                if status["status"] == "done" and not idle:
                    _close_ledger(folder, seconds)
                note(folder, **status, ended=runs.now(), seconds=round(seconds, 1))
                if stale := runs.read_record(folder).get("outdated"):
                    say(f"out of date until the same command is given again: {', '.join(stale)}")


def _write_recipes(folder: Path, recipe: Mapping[str, Any], passed: Mapping[str, Any]) -> None:
    for name, content in (("recipe.yaml", recipe), ("passed.yaml", passed)):
        with atomic_path(folder / name) as temporary:
            temporary.write_text(dump(content), encoding="utf-8")


def note(folder: Path, **fields: Any) -> None:
    """Bring the record up to date; an index that is out of reach must not end a run that has begun."""
    try:
        runs.update_record(folder, **fields)
    except UserError as error:
        say(str(error))


def _close_ledger(folder: Path, seconds: float) -> None:
    """Write the whole cost to the ledger, now that the last stage has a manifest: wall time is that of the run."""
    path = folder / "ledger.json"
    if path.exists():
        from residency.evaluate.facts import cost

        whole = cost(folder)
        write_json(path, {**read_json(path), "cost": {**whole, "wall_s": round(max(seconds, whole["wall_s"]), 1)}})
