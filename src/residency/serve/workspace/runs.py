"""Runs and their ledgers: what was trained and measured here, with intervals, as the run folders have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from residency.core.errors import ResidencyError
from residency.core.runs import RECORD, is_running, list_runs, read_record, runs_root
from residency.core.store import read_json
from residency.serve.types import Refused
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
    values: dict[str, Any] = {"id": id, "ledger": found, "tasks": tasks, "task": task, "rows": rows, "looks": LOOKS}
    return page(request, "ledger", **values, comparisons=compared, findings=found.get("findings", ()))


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
        return list_runs(root), True
    except ResidencyError:
        records = [(path.parent.name, read_record(path.parent)) for path in root.glob(f"*/{RECORD}")]
        keys = ("recipe", "status", "stage", "began", "ended", "seconds", "version", "outdated")
        found = [{"id": id, "host": "", **{key: record.get(key) for key in keys}} for id, record in records]
        return sorted(found, key=lambda run: run["began"] or "", reverse=True), False


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
