"""What a training stage says about itself: all its settings, and how its loss went, phase by phase."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from residency.core.store import read_jsonl, read_manifest

TITLES = {
    "base": "Base model",
    "corpus": "Corpus",
    "examples": "Examples",
    "pretrain": "Continued pretraining",
    "instruct": "Instruction tuning",
    "prefer": "Preference alignment",
    "reward": "Reward model",
    "encode": "Encoder training",
    "export": "Export to GGUF",
    "evaluate": "Evaluation",
    "report": "Report",
}
NO_SETTINGS = frozenset(
    "stage residency model examples left_out totals phases cost settings fingerprint written schedule".split()
)
"""Keys of a training stage's manifest that tell what came of it; all others are settings."""


def training(run: Path, stage: str) -> dict[str, Any] | None:
    """Return a training stage's settings and curve: (tokens so far, loss) points, and what they sum to."""
    path = run / stage / "curve.jsonl"
    rows = list(read_jsonl(path, torn=True)) if path.exists() else []
    if not rows:
        return None
    points, seen = [], 0.0
    for row in rows:
        seen += row.get("tokens") or 0
        points.append((seen, float(row["loss"])))
    seconds = sum(row.get("seconds") or 0.0 for row in rows)
    about = read_manifest(run / stage) or {}
    settings = settings_of(about)
    return {
        "stage": stage,
        "title": TITLES[stage.partition("-")[0]],
        "settings": settings,
        "points": points,
        "steps": len(rows),
        "tokens": int(seen),
        "seconds": seconds,
        "tokens_per_second": seen / seconds if seconds else None,
        "phases": phases([loss for _, loss in points], about.get("phases") or [], settings),
        "measured": measured(run / stage / "measured.jsonl"),
    }


def measured(path: Path) -> dict[str, Any]:
    """Return what was measured on the way: each figure before the first step, at the kept weights and at the end.

    Empty where nothing was; "step" is that of the weights that were kept.
    """
    rows = list(read_jsonl(path, torn=True)) if path.exists() else []
    if not rows:
        return {}
    kept = next((row for row in reversed(rows) if row["best"]), rows[-1])
    figures = [key for key in rows[0] if key not in ("step", "best")]
    found = {key: [row.get(key) for row in (rows[0], kept, rows[-1])] for key in figures}
    return {"step": kept["step"], "figures": found}


def settings_of(about: dict[str, Any]) -> dict[str, Any]:
    """Return all settings of a training stage with their defaults, those of its schedule beside the others.

    They are what the recipe came to; a stage that was called alone tells its own in its manifest.
    """
    own = {key: value for key, value in about.items() if key not in NO_SETTINGS}
    given = {**own, "schedule": about.get("schedule", {}), **about.get("settings", {})}
    counted = {"examples learned": about["examples"]} if "examples" in about else {}
    return {
        **counted,
        **{k: v for k, v in given.items() if k != "schedule"},
        **about.get("schedule", {}),
        **given["schedule"],
    }


def phases(losses: list[float], rows: list[int], settings: dict[str, Any]) -> list[dict[str, Any]]:
    """Return each phase of a stage, with its mean loss at the beginning and at the end, over a tenth of its steps.

    A stage whose manifest tells of no phases (``rows`` in each) has one. A phase that every epoch goes through begins
    in the first and ends in the last.
    """
    steps = [math.ceil(count / settings.get("accumulate", 1)) for count in rows]
    if sum(steps) * settings.get("epochs", 1) != len(losses):  # not told, or the stage was stopped on its way
        steps = [len(losses)]
    found: list[list[float]] = [[] for _ in steps]
    at = 0
    while at < len(losses):
        for part, count in zip(found, steps, strict=True):
            part += losses[at : at + count]
            at += count
    return [
        {"steps": len(part), "first_loss": _mean(part[:tenth]), "last_loss": _mean(part[-tenth:])}
        for part, tenth in ((part, max(1, len(part) // 10)) for part in found)
    ]


def _mean(values: Iterable[float]) -> float:
    known = list(values)
    return sum(known) / len(known)
