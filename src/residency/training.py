"""What a finished training says of itself: each stage's steps, tokens, pace, loss and cost, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.progress import duration
from residency.core.runs import read_record
from residency.core.store import read_manifest
from residency.plan import Step
from residency.summary import first_step, state_lines, table

TOTALS = ("steps", "tokens", "tokens_per_second", "loss")


def trains(plan: Sequence[Step]) -> Sequence[Step]:
    """Return a plan that trains something. Raises UserError where it does not."""
    if not any(step.stage.section == "train" for step in plan):
        raise UserError("this recipe trains nothing; name a stage under train:, such as - instruct: {tokens: 180k}")
    return plan


def train_summary(folder: Path, plan: Sequence[Step], recipe: str) -> tuple[dict[str, Any], str]:
    """Return the training stages of a run as (a document, words); ``recipe`` is what goes on with the rest of it."""
    rows = [_row(folder, step) for step in plan if step.stage.section == "train"]
    latest, record = folder.parent / "latest", read_record(folder)
    newest = next(
        (step.stage.model for step in reversed(plan) if step.stage.section == "train" and step.stage.model), ""
    )
    model = f"{latest}:{newest}" if newest else str(latest)
    document: dict[str, Any] = {"run": folder.name, "stages": rows, "paths": _paths(folder, rows)}
    document["next"] = [first_step(folder, model), f"residency run {recipe}".strip()]
    document |= {name: record.get(name) or empty for name, empty in (("left_out", {}), ("again", {}), ("outdated", []))}
    left = [
        f"Left out of {row['stage']}: {_reasons(row['left_out'])}." for row in rows if any(row["left_out"].values())
    ]
    where = "\n".join(f"{name:10} {path}" for name, path in document["paths"].items())
    blocks = [_table(rows), "\n".join(left), state_lines(document), where, "Next:\n" + "\n".join(document["next"])]
    return document, "\n\n".join(block for block in blocks if block)


def _row(folder: Path, step: Step) -> dict[str, Any]:
    manifest = read_manifest(folder / step.name) or {}
    totals, cost = manifest.get("totals") or {}, manifest.get("cost") or {}
    row = {"stage": step.name, **{name: totals.get(name) for name in TOTALS}}
    row |= {name: cost.get(name) for name in ("wall_s", "peak_rss_mb", "energy_wh_estimated")}
    return {**row, "left_out": manifest.get("left_out") or {}}


def _paths(folder: Path, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {row["stage"]: str(folder / row["stage"]) for row in rows}


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in counts.items() if count)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    heads = ["stage", "steps", "useful tokens", "tokens/s", "last loss", "time", "peak memory", "energy (estimated)"]
    return table(heads, [_line(row) for row in rows])


def _line(row: Mapping[str, Any]) -> list[Any]:
    pace, memory, energy = row["tokens_per_second"], row["peak_rss_mb"], row["energy_wh_estimated"]
    counts = [None if row[name] is None else round(row[name]) for name in ("steps", "tokens")]
    cost = [
        None if row["wall_s"] is None else duration(row["wall_s"]),
        None if memory is None else f"{memory / 1000:.1f} GB",
    ]
    shown = [*counts, None if pace is None else round(pace), row["loss"], *cost]
    return [row["stage"], *shown, None if energy is None else f"{energy:.1f} Wh"]
