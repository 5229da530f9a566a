"""What a run's folder holds of a plan: what is done, what goes on, what is out of date, and why it is done again.

``started.json`` in a stage's folder keeps what the stage was given; what it is given now is held against that. Names of
files, settings and stages are told, never what stands in a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from residency.core.store import read_json, read_manifest
from residency.plan import Given, Step

STARTED = "started.json"
SHOWN = 3
"""Changed files that are named; the others are counted."""


def started(out: Path) -> dict[str, Any]:
    """Return the note of a stage's last start; empty where there is none."""
    with suppress(OSError, ValueError):
        return dict(read_json(out / STARTED))
    return {}


def is_done(folder: Path, step: Step, fingerprint: str) -> bool:
    """Return whether a stage's folder is complete and was made from the same settings and inputs."""
    out = folder / step.name
    whole = read_manifest(out) is not None and all((folder / name).exists() for name in step.stage.leaves)
    return whole and started(out).get("fingerprint") == fingerprint


def outdated(folder: Path, plan: Sequence[Step], given: Mapping[str, Given]) -> list[str]:
    """Return the finished stages whose results were made from other settings or inputs than they would be now."""
    whole = [step.name for step in plan if read_manifest(folder / step.name) is not None]
    return [name for name in whole if started(folder / name).get("fingerprint") != given[name].fingerprint]


def why_again(folder: Path, step: Step, given: Given) -> str:
    """Return why a stage that was done before is done again; empty where it begins, or goes on."""
    out = folder / step.name
    before = started(out)
    if not before:
        return ""
    if before.get("fingerprint") != given.fingerprint:
        return changes(before.get("given") or {}, given)
    if read_manifest(out) is None:
        return ""
    missing = [name for name in step.stage.leaves if not (folder / name).exists()]
    return f"its results are gone: {', '.join(missing)}" if missing else "it reads the whole run, which changed"


def changes(before: Mapping[str, Any], given: Given) -> str:
    """Return in words what differs between what a stage was given before and what it is given now."""
    found = []
    if before and before["version"] != given.version:
        found.append(f"Residency {before['version']} made it, and this is {given.version}")
    if before and (settings := _differing(before["settings"], given.settings)):
        found.append(f"its settings changed: {', '.join(settings)}")
    if before and (files := _files(before["files"], given.files)):
        found.append(f"its inputs changed: {files}")
    if before and (earlier := _differing(before["before"], given.before)):
        found.append(f"what it is made from changed: {', '.join(earlier)}")
    return "; ".join(found) or "its settings or inputs changed"


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in _names(before, now) if before.get(name) != now.get(name)]


def _names(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterable[str]:
    return dict.fromkeys([*now, *before])


def _files(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    found = []
    for path in _differing(before, now):
        how = "new" if path not in before else "gone" if path not in now else "changed"
        found.append(f"{Path(path).name} ({how})")
    more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return ", ".join([*found[:SHOWN], *more])
