"""What a recipe's training will take on this machine, before it is run: from a short probe of each training stage.

What does not fit in memory or on the disk is refused, with the setting that would.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from residency.core.errors import OutOfMemory, UserError
from residency.core.memory import memory_left
from residency.core.progress import duration, quietly, say
from residency.core.runs import runs_root
from residency.core.settings import call_settings, load
from residency.core.store import read_manifest
from residency.measure.meter import meter
from residency.models.device import device
from residency.models.lanes import lanes
from residency.pipeline import run_folder
from residency.plan import Given, Stage, Step, givens, make_plan
from residency.probing import MANY, Hands, Probe, figures, probed
from residency.sample import Sample, made_up, sample
from residency.state import is_done
from residency.summary import table

COUNTS = {"pretrain": ("text",), "prefer": ("prefer_qa", "prefer_nli", "prefer_ie", "prefer_gen")}
"""The settings of ``examples`` that say how many a stage finds; of all others the families' own."""
FAMILIES = ("qa", "nli", "ie", "gen")
WITHOUT_STEPS = ("blend",)
"""Training stages without a loop: a linear CRF takes seconds."""


def estimate(
    recipe: Mapping[str, Any], stages: Mapping[str, Stage], *, root: Path | None = None
) -> tuple[dict[str, Any], str]:
    """Return what the training stages of a resolved recipe will take, as (a document, words).

    Stages that are done in the run's folder count nothing. Raises UserError where one does not fit.
    """
    plan = make_plan(recipe, stages)
    folder = run_folder(recipe, root or runs_root())
    given = givens(plan)
    wanted = [step for step in plan if step.stage.section == "train" and step.kind not in WITHOUT_STEPS]
    machine = {"memory_mb": round(_memory_left() / 1e6, 1), "disk_mb": round(_disk_left(folder) / 1e6, 1)}
    rows: list[dict[str, Any]] = []
    refused: list[str] = []
    with tempfile.TemporaryDirectory(prefix="residency-") as scratch, meter("estimate") as cost:
        for step in wanted:
            if is_done(folder, step, given[step.name].fingerprint):
                rows.append(_done(folder, step))
                continue
            say(f"{step.name}: its first steps, on this machine")
            found, why = _one(step, plan, folder, given, recipe, Path(scratch), machine)
            rows.append(found)
            refused += why
    power = cost.energy_wh_estimated / cost.wall_s if cost.energy_wh_estimated and cost.wall_s else None
    for row in rows:
        if not row["done"]:
            row["energy_wh_estimated"] = round(power * row["seconds"], 2) if power and row["seconds"] else None
    whole = _whole(rows)
    refused += _disk_refused(rows, whole, machine["disk_mb"])
    if refused:
        raise UserError("this recipe does not fit here.\n" + "\n".join(f"  {line}" for line in refused))
    before = [
        step.name for step in plan if step not in wanted and not is_done(folder, step, given[step.name].fingerprint)
    ]
    document = {"stages": rows, "whole": whole, "machine": machine, "not_counted": before}
    return {**document, "probe_seconds": round(cost.wall_s, 1)}, words(document)


def _one(
    step: Step,
    plan: Sequence[Step],
    folder: Path,
    given: Mapping[str, Given],
    recipe: Mapping[str, Any],
    scratch: Path,
    machine: Mapping[str, float],
) -> tuple[dict[str, Any], list[str]]:
    """Return a stage's row, and why it does not fit, if it does not."""
    hands = hands_of(step, {each.name: each for each in plan}, folder, given, scratch)
    place = scratch / f"probe-{step.name}"
    place.mkdir()
    about = {"stage": step.name, "done": False}
    try:
        with quietly():
            probe = probed(step, hands, place)
    except OutOfMemory as error:
        return {**about, "seconds": None, "peak_mb": None, "steps": None, "tokens": None, "known": "", **NO_DISK}, [
            f"{error}: this machine has {_gb(machine['memory_mb'])}. Choose a smaller base."
        ]
    row = {**about, **figures(probe, step.settings, _implied(recipe, step.kind))}
    path = _path_of(plan, step)
    row["checkpoint"] = f"{path}.schedule.checkpoint"
    return row, [] if (why := does_not_fit(probe, path, row, machine["memory_mb"])) is None else [why]


NO_DISK = {"disk_mb": 0.0, "left_mb": 0.0, "checkpoint_mb": 0.0}


def hands_of(step: Step, plan: Mapping[str, Step], folder: Path, given: Mapping[str, Given], scratch: Path) -> Hands:
    """Return what makes a stage's inputs for a probe of so many tokens: a sample of them, or made-up ones."""
    numbers = count()

    def model(name: str) -> Path:
        other = plan[name]
        if is_done(folder, other, given[name].fingerprint):
            return folder / name
        if other.stage.section:  # what it would have learned takes no more than a fresh adapter
            return model(next(each for each in other.inputs if isinstance(each, str) and plan[each].stage.model))
        out = scratch / name
        if read_manifest(out) is None:
            function = load(other.stage.function)
            function(out=out, **call_settings(function, other.settings))
        return out

    def rows(name: str) -> Path | None:
        """Return the folder of the rows to learn from: those that are built, or gathered here in seconds."""
        other = plan[name]
        if is_done(folder, other, given[name].fingerprint):
            return folder / name
        if other.kind != "gather" or any(other.inputs):
            return None
        out = scratch / name
        if read_manifest(out) is None:
            load(other.stage.function)({}, out=out, **call_settings(load(other.stage.function), other.settings))
        return out

    def hands(tokens: int, row: int) -> tuple[list[Path], Sample]:
        inputs, stands = [], Sample(scratch, {}, whole=True)
        for name in (each for each in step.inputs if isinstance(each, str)):
            if plan[name].stage.model:
                inputs.append(model(name))
                continue
            out = scratch / f"{step.name}-{name}-{next(numbers)}"
            built = rows(name)
            stands = sample(built, out, tokens) if built else made_up(out, row=row, tokens=tokens)
            inputs.append(out)
        return inputs, stands

    return hands


def _implied(recipe: Mapping[str, Any], kind: str) -> int:
    """Return how many examples the recipe asks for that a stage of a kind learns from; 0 where it does not say."""
    asked = recipe.get("examples") or {}
    return sum(int(asked.get(name) or 0) for name in COUNTS.get(kind, FAMILIES))


def _path_of(plan: Sequence[Step], step: Step) -> str:
    """Return how a stage's settings are named on the command line."""
    kinds = [each.kind for each in plan if each.stage.section == "train"]
    mine = [each for each in plan if each.stage.section == "train"].index(step)
    return f"train.{step.kind}" if kinds.count(step.kind) == 1 else f"train.{mine}.{step.kind}"


def _memory_left() -> float:
    """Return the bytes that training may take: on a GPU those of its own memory that are free."""
    if device().type == "cuda":
        import torch

        return float(torch.cuda.mem_get_info()[0])
    return float(memory_left())


def _disk_left(folder: Path) -> float:
    while not folder.exists():
        folder = folder.parent
    return float(shutil.disk_usage(folder).free)


def _done(folder: Path, step: Step) -> dict[str, Any]:
    """Return the row of a stage that is done: what it took."""
    manifest = read_manifest(folder / step.name) or {}
    totals, cost = manifest.get("totals", {}), manifest.get("cost", {})
    row = {"stage": step.name, "done": True, "known": "done before", **NO_DISK}
    row |= {"steps": totals.get("steps"), "tokens": totals.get("tokens"), "seconds": cost.get("wall_s")}
    return row | {"peak_mb": cost.get("peak_rss_mb"), "energy_wh_estimated": cost.get("energy_wh_estimated")}


def _whole(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all stages that are still to be done take together; None where one of them is not known."""
    todo = [row for row in rows if not row["done"]]

    def total(name: str) -> float | None:
        values = [row.get(name) for row in todo]
        return None if None in values else round(sum(float(value or 0) for value in values), 2)

    left = 0.0
    disk = 0.0
    for row in todo:
        disk, left = max(disk, left + row["disk_mb"]), left + row["left_mb"]
    peaks = [row["peak_mb"] for row in todo if row["peak_mb"]]
    return {
        **{name: total(name) for name in ("steps", "tokens", "seconds", "energy_wh_estimated")},
        "peak_mb": max(peaks, default=None),
        "disk_mb": round(disk, 1),
        "left_mb": round(left, 1),
    }


# --- what does not fit -----------------------------------------------------------------------------------------------


def does_not_fit(probe: Probe, path: str, row: Mapping[str, Any], left_mb: float) -> str | None:
    """Return why a stage does not fit in ``left_mb`` of memory, and the setting that would; None where it fits."""
    schedule, need = probe.schedule, row["peak_mb"]
    if need <= left_mb and not probe.refused:
        return None
    found = (
        f"{path} needs {_gb(need)} of memory, and {_gb(left_mb)} are free: {_gb(probe.fixed_mb)} however short its rows"
    )
    if schedule is None:
        return f"{found}. Choose a smaller base."
    found += (
        f", and {_gb(1000 * probe.token_mb)} for each 1,000 tokens of which {schedule.batch_tokens * probe.beside:,}"
    )
    found += " are in memory at once."
    most = (left_mb - probe.fixed_mb) / probe.token_mb if probe.token_mb else 0.0
    tokens, rows = schedule.within(int(most), lanes(MANY, device()))
    if probe.refused:  # what ran here is known to fit
        tokens, rows = schedule.within(probe.size * probe.beside, lanes(MANY, device()))
    if probe.memory_mb(tokens) > left_mb or tokens == schedule.batch_tokens:
        low = "" if schedule.precision == "bf16" else f", or {path}.schedule.precision=bf16, which halves the network,"
        return f"{found} No row is short enough. Choose a smaller base{low} or free some memory."
    more = f" {path}.schedule.accumulate={rows}" if rows > schedule.accumulate else ""
    return (
        f"{found} This fits, with {_gb(probe.memory_mb(tokens))}: {path}.schedule.batch_tokens={tokens}{more} "
        "(an example longer than a row is left out)."
    )


def _disk_refused(rows: Sequence[Mapping[str, Any]], whole: Mapping[str, Any], left_mb: float) -> list[str]:
    """Return why the stages do not fit on the disk, with the setting that would."""
    if whole["disk_mb"] <= left_mb:
        return []
    found = f"training needs {_gb(whole['disk_mb'])} of disk, and {_gb(left_mb)} are free in {runs_root()}."
    saving = [row for row in rows if not row["done"] and row.get("steps") and row["disk_mb"] > row["checkpoint_mb"]]
    without = [{**row, "disk_mb": row["disk_mb"] - row["checkpoint_mb"]} if row in saving else row for row in rows]
    if saving and (need := _whole(without)["disk_mb"]) <= left_mb:
        settings = " ".join(f"{row['checkpoint']}={row['steps']}" for row in saving)
        return [f"{found} Without checkpoints it fits, with {_gb(need)} (stopped, a stage begins anew): {settings}"]
    return [f"{found} Set RESIDENCY_RUNS to a folder with more room, or lower rank, which what is kept grows with."]


# --- in words --------------------------------------------------------------------------------------------------------


def words(document: Mapping[str, Any]) -> str:
    """Return an estimate as a table, with what is behind it."""
    rows, whole, machine = document["stages"], document["whole"], document["machine"]
    heads = ["stage", "steps", "tokens", "time", "memory", "disk", "energy (estimated)"]
    lines = [_line(row["stage"], row) for row in rows if not row["done"]]
    if len(lines) > 1:
        lines.append(_line("in all", whole))
    blocks = [table(heads, lines)] if lines else []
    done = [f"{row['stage']} (took {duration(row['seconds'] or 0)})" for row in rows if row["done"]]
    blocks += [f"Done before, and not counted: {', '.join(done)}."] if done else []
    known = [f"{row['stage']}: steps and tokens from {row['known']}." for row in rows if not row["done"]]
    free = f"Free here: {_gb(machine['memory_mb'])} of memory, {_gb(machine['disk_mb'])} of disk."
    if document["not_counted"]:
        known.append(f"Not counted: what does not learn step by step ({', '.join(document['not_counted'])}).")
    return "\n\n".join([*blocks, "\n".join([*known, free])])


def _line(name: str, row: Mapping[str, Any]) -> list[Any]:
    seconds, energy = row["seconds"], row.get("energy_wh_estimated")
    shown = [None if seconds is None else f"about {duration(seconds)}", row["peak_mb"] and _gb(row["peak_mb"])]
    shown += [_gb(row["disk_mb"]), None if energy is None else f"{energy:.1f} Wh"]
    return [name, *(value and f"{value:,.0f}" for value in (row["steps"], row["tokens"])), *shown]


def _gb(mb: float) -> str:
    return f"{mb / 1000:.1f} GB" if mb >= 950 else f"{mb:.0f} MB"
