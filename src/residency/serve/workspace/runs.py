"""Runs and their ledgers: what was trained and measured here, with intervals, as the run folders have it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from residency.core.errors import ResidencyError
from residency.core.runs import RECORD, is_running, list_runs, read_record, runs_root
from residency.core.store import read_json
from residency.serve.types import Refused
from residency.serve.workspace.measured import metric_title, model_title, parts_of, task_title, weighed
from residency.serve.workspace.render import page

router = APIRouter(include_in_schema=False)
LEDGER = "ledger.json"
SHOWN = 200
LOOKS = {"good": "good", "red": "bad", "caution": "doubt", "note": "plain"}
"""How the levels of findings look."""
_PLACES = ("", "evaluations")
"""Where runs lie in the runs folder: journeys, and evaluations of models that are there."""


@router.get("/runs")
def runs(request: Request) -> Response:
    """Return all runs, the newest first, and the evaluations of single models."""
    root = runs_root()
    found, whole = _listed(root)
    ledgers = sorted((path.parent.name for path in (root / "evaluations").glob(f"*/{LEDGER}")), reverse=True)
    for run in found:
        run["measured"] = (root / run["id"] / LEDGER).is_file()
    return page(request, "runs", runs=found[:SHOWN], evaluations=ledgers[:SHOWN], whole=whole, shown=SHOWN)


@router.get("/runs/{id}")
def one(request: Request, id: str) -> Response:
    """Return one run: its record, its stages with their cost, what it was told, and what was found."""
    folder = folder_of(id)
    record, ledger = read_record(folder), _ledger(folder)
    if record.get("status") == "running" and not is_running(folder):
        record["status"] = "stopped"
    stages = (ledger.get("cost") or {}).get("stages") or {}
    values: dict[str, Any] = {"id": id, "record": record, "ledger": ledger, "stages": stages, "looks": LOOKS}
    values["weighed"] = weighed(ledger.get("findings", ()))
    return page(request, "runs_one", **values, recipe=_text(folder / "recipe.yaml"))


@router.get("/ledger/{id}")
def ledger(request: Request, id: str, task: str = "") -> Response:
    """Return a run's ledger: every number with its interval, the comparisons that decide, and the findings."""
    folder = folder_of(id)
    found = _ledger(folder)
    if not found:
        raise Refused("this run has no ledger yet: it was not evaluated", status=404, code="not_found")
    rows = [row for row in found.get("rows", ()) if not task or row["task"] == task]
    compared = [row for row in found.get("comparisons", ()) if not task or row["task"] == task]
    tasks = list(dict.fromkeys(row["task"] for row in found.get("rows", ())))
    values: dict[str, Any] = {"id": id, "tasks": tasks, "task": task, "looks": LOOKS, "comparisons": compared}
    values |= {"numbers": parts_of(rows), "weighed": weighed(() if task else found.get("findings", ()))}
    return page(request, "ledger", **values, task_title=task_title, metric_title=metric_title, model_title=model_title)


def folder_of(id: str) -> Path:
    """Return a run's folder in the runs folder; Refused (404) for any name that is not that of one."""
    root = runs_root()
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}", id):
        for folder in (root / place / id for place in _PLACES):
            if any((folder / name).is_file() for name in (RECORD, LEDGER)):
                return folder
    raise Refused("there is no such run", status=404, code="not_found")


def _listed(root: Path) -> tuple[list[dict[str, Any]], bool]:
    """Return the runs, and whether the index of all machines was read; else those of this machine's folder."""
    try:
        found = list_runs(root)
        return found + _linked(root, {run["id"] for run in found}), True
    except ResidencyError:
        return _of_folders(path.parent for path in root.glob(f"*/{RECORD}")), False


def _linked(root: Path, known: set[str]) -> list[dict[str, Any]]:
    """Return the runs that lie elsewhere and are linked here, which the index passes over as it does ``latest``.

    A link to a run of this folder is that run, and not another one.
    """
    inside = root.resolve()
    folders = [path for path in root.iterdir() if path.is_symlink()] if root.is_dir() else []
    elsewhere = [path for path in folders if path.resolve().parent != inside and (path / RECORD).is_file()]
    return _of_folders(path for path in elsewhere if path.name not in known)


def _of_folders(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Return the runs of these folders by their own records, the newest first."""
    keys = ("recipe", "status", "stage", "began", "ended", "seconds", "version", "outdated")
    records = [(folder.name, read_record(folder)) for folder in folders]
    found = [{"id": id, "host": "", **{key: record.get(key) for key in keys}} for id, record in records]
    return sorted(found, key=lambda run: run["began"] or "", reverse=True)


def _ledger(folder: Path) -> Mapping[str, Any]:
    try:
        found = read_json(folder / LEDGER)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(path: Path, most: int = 100_000) -> str:
    """Return a text file's beginning; nothing where there is none."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(most)
    except OSError:
        return ""
