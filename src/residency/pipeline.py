"""The journey: an explicit table of stages, a plan made from a recipe, and a walk that can be stopped anywhere.

A stage is a plain function that writes a folder, its manifest last. Before it starts, ``started.json`` notes the
fingerprint of what it is given: settings, inputs, version. A folder that is complete under the same fingerprint is
skipped, one that was left half way is handed back to the stage to go on with, any other is emptied and done anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from residency import gate
from residency.core import runs
from residency.core.errors import StorageError
from residency.core.legal import Above0, FileName, Keys, Seed
from residency.core.machine import give_back_memory
from residency.core.progress import duration, say, set_quiet
from residency.core.settings import Field, OneOf, call_settings, load
from residency.core.store import (
    read_manifest,
    sha256_json,
    sweep,
    write_json,
    write_manifest,
)
from residency.measure.meter import meter
from residency.plan import Given, Stage, Step, givens, left_out, make_plan
from residency.record import note, recorded
from residency.state import STARTED, is_done, outdated, started, why_again
from residency.train.processes import agreed, is_main

STAGES = {
    "base": Stage("residency.models.load:prepare", model="base"),
    "corpus": Stage("residency.corpus.assemble:collect"),
    "make": Stage("residency.making:make", ("corpus",), asked=True),
    "examples": Stage("residency.corpus.shape:build", ("corpus",)),
    "gather": Stage("residency.gathering:gather", ("rows",), folder="examples", asked=True),
    "pretrain": Stage("residency.train.pretrain:pretrain", ("model", "examples"), section="train", model="pretrained"),
    "instruct": Stage("residency.train.instruct:instruct", ("model", "examples"), section="train", model="tuned"),
    "prefer": Stage("residency.train.prefer:prefer", ("model", "examples"), section="train", model="aligned"),
    "reward": Stage(
        "residency.train.reward:reward", ("model", "examples"), section="train", model="reward", trains=False
    ),
    "encode": Stage("residency.train.encode:encode", ("model", "examples"), section="train", model="encoded"),
    "blend": Stage(
        "residency.train.blend:with_crf", ("model", "examples"), section="train", model="blended", trains=False
    ),
    "quantize": Stage(
        "residency.compress.export:quantize",
        ("model", "base", "examples"),
        section="compress",
        folder="export",
        model="gguf",
        trains=False,
    ),
    "evaluate": Stage("residency.evaluate.run:evaluate", ("examples", "models"), leaves=("items",)),
    "report": Stage(
        "residency.evaluate.report:report", ("run",), after=("evaluate",), leaves=("ledger.json", "report.html")
    ),
    "card": Stage("residency.release.card:write_card", ("run",), after=("report",)),
}
"""The explicit dict of all stages, in the order of the walk; functions are loaded when used."""


def sections(stages: Mapping[str, Stage] = STAGES) -> dict[str, Field]:
    """Return what a recipe may hold, section by section: the functions that its keys are checked against."""
    folders = tuple(dict.fromkeys(stage.folder or name for name, stage in stages.items()))
    budget = Annotated[dict[str, Above0], Keys(folders, numbered=True)]
    found = {"name": Field(FileName, ""), "seed": Field(Seed | None, None), "budget": Field(budget, {})}
    for name, stage in stages.items():
        if stage.section:
            table = {key: other.function for key, other in stages.items() if other.section == stage.section}
            found.setdefault(stage.section, Field(OneOf(table), []))
        else:
            found[name] = Field(load(stage.function), False if stage.asked else {})
    return found


# --- the walk --------------------------------------------------------------------------------------------------------


def walk(
    recipe: Mapping[str, Any],
    passed: Mapping[str, Any],
    *,
    fresh: bool = False,
    root: Path | None = None,
    stages: Mapping[str, Stage] = STAGES,
) -> Path:
    """Return the run's folder when every stage of the resolved recipe is done.

    The same recipe finds the same folder and goes on there; ``fresh`` starts another. What reads the whole run (the
    report) is made again whenever something is new. ``passed`` is what the user gave, kept beside the recipe.
    """
    plan = make_plan(recipe, stages)
    folder = agreed(run_folder(recipe, root or runs.runs_root(), fresh=fresh))
    known, given = folder.exists(), givens(plan)
    if not is_main():
        return _come_along(folder, plan)
    with runs.only_one(folder), recorded(folder, recipe, passed):
        say(f"run {folder.name}: {len(plan)} stages, in {folder} ({'taken up again' if known else 'a new run'})")
        note(folder, left_out=_tell_left_out(recipe, stages), again={}, outdated=_put_out_of_date(folder, plan, given))
        sweep(folder)
        new, again, admitted = False, {}, False
        for step in plan:
            done = is_done(folder, step, given[step.name].fingerprint) and not (new and "run" in step.inputs)
            if agreed(done):
                say(f"{step.name}: done before")
            else:
                if why := why_again(folder, step, given[step.name]):
                    again[step.name] = why
                note(folder, stage=step.name, again=again)
                if step.stage.section == "train" and not admitted:
                    note(folder, privacy=gate.admit(folder))
                    admitted = True
                begun = _begin(folder, step, given[step.name])
                say(f"{step.name}: {f'done again: {why}' if why else 'goes on' if begun['starts'] > 1 else 'starts'}")
                note(folder, outdated=outdated(folder, plan, given))
                agreed(None)  # the folder is ready
                _do(folder, step, begun, recipe.get("budget", {}))
                if step.kind == "corpus" and any(other.stage.section == "train" for other in plan):
                    gate.admit(folder)  # now, and not after all that is made of it
                agreed(None)
                new = True
            if any(step.stage.model for step in plan):  # a corpus alone can be asked nothing
                runs.point_latest(folder)
        _make_links(folder, plan)
    return folder


def _come_along(folder: Path, plan: Sequence[Step]) -> Path:
    """Return the run's folder after helping the main process to train; all else is done by that alone."""
    set_quiet()
    for step in plan:
        if agreed(True):
            continue
        agreed(None)
        if step.stage.section == "train":
            function = load(step.stage.function)
            inputs = [_paths(folder, name) for name in step.inputs]
            function(*inputs, out=folder / step.name, **call_settings(function, step.settings))
        agreed(None)
    return folder


def _tell_left_out(recipe: Mapping[str, Any], stages: Mapping[str, Stage]) -> dict[str, str]:
    found = left_out(recipe, stages)
    if found:
        say("left out: " + ", ".join(f"{name} ({why})" for name, why in found.items()))
    return found


def _put_out_of_date(folder: Path, plan: Sequence[Step], given: Mapping[str, Given]) -> list[str]:
    """Return the finished stages that are out of date; the links at the run's top no longer lead to them."""
    found = outdated(folder, plan, given)
    if found:
        say(f"out of date, and done again here: {', '.join(found)} (--fresh keeps such results and starts another run)")
    for link in (folder / "model", folder / "adapter", *(folder / "gguf").glob("*")):
        if link.is_symlink() and set(found) & set(Path(os.readlink(link)).parts):
            link.unlink()
    return found


def run_folder(recipe: Mapping[str, Any], root: Path, *, fresh: bool = False) -> Path:
    """Return the folder of a resolved recipe's run: its name and a hash of its content, with a number where fresh."""
    content = {key: value for key, value in recipe.items() if key not in ("name", "budget")}
    base = root / f"{recipe.get('name') or 'run'}-{sha256_json(content)[:8]}"
    tries = [base]
    while tries[-1].exists():
        tries.append(base.with_name(f"{base.name}-{len(tries) + 1}"))
    return tries[-1] if fresh or len(tries) == 1 else tries[-2]  # the newest goes on


# --- one stage -------------------------------------------------------------------------------------------------------


def _do(folder: Path, step: Step, begun: dict[str, Any], budget: Mapping[str, float]) -> None:
    """Call a stage's function, then add its settings and its cost to the manifest that it left."""
    out = folder / step.name
    function = load(step.stage.function)
    inputs = [_paths(folder, name) for name in step.inputs]
    try:
        with meter(step.name) as cost:
            function(*inputs, out=out, **call_settings(function, step.settings))
    except BaseException:
        with suppress(StorageError):  # on a full disk, the error on its way out is the one to show
            write_json(out / STARTED, {**begun, "spent": [*begun["spent"], cost.row()]})
        raise
    if cost.wall_s > 1.0:
        give_back_memory()
    whole = _add_up([*begun["spent"], cost.row()])
    kept = {
        "stage": step.name,
        **(read_manifest(out) or {}),
        "settings": step.settings,
        "fingerprint": begun["fingerprint"],
    }
    write_manifest(out, **kept, cost={**whole, "starts": begun["starts"]})
    limit = f" (budget {duration(budget[step.name])})" if step.name in budget else ""
    say(f"{step.name}: done in {duration(whole['wall_s'])}{limit}")


def _begin(folder: Path, step: Step, given: Given) -> dict[str, Any]:
    """Return the note of this start; what another recipe or version left in the folder is removed first."""
    out = folder / step.name
    kept = started(out)
    if kept.get("fingerprint") != given.fingerprint:
        for path in (out, *(folder / name for name in step.stage.leaves)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        kept = {"fingerprint": given.fingerprint, "given": given, "starts": 0, "spent": []}
    kept["starts"] += 1
    write_json(out / STARTED, kept)
    return kept


def _paths(folder: Path, given: str | dict[str, str]) -> Path | dict[str, Path]:
    if isinstance(given, dict):
        return {name: folder / each for name, each in given.items()}
    return folder if given == "run" else folder / given


def _add_up(costs: Sequence[Mapping[str, float | None]]) -> dict[str, Any]:
    """Return the cost of a stage that took several starts; a start that was killed outright left no cost."""
    energies = [cost["energy_wh_estimated"] for cost in costs if cost["energy_wh_estimated"] is not None]
    return {
        "wall_s": round(sum(cost["wall_s"] or 0.0 for cost in costs), 3),
        "cpu_s": round(sum(cost["cpu_s"] or 0.0 for cost in costs), 3),
        "peak_rss_mb": max(cost["peak_rss_mb"] or 0.0 for cost in costs),
        "energy_wh_estimated": round(sum(energies), 4) if energies else None,
    }


# --- the run as a whole ----------------------------------------------------------------------------------------------


def _make_links(folder: Path, plan: Sequence[Step]) -> None:
    """Make ``model``, ``adapter`` and ``gguf`` at the top of the run point to the final ones."""
    for step in plan:
        out = folder / step.name
        for name in ("adapter", "model"):
            if (out / name).is_dir():
                runs.link(folder / name, out / name)
        for file in sorted(out.glob("*.gguf")):
            runs.link(folder / "gguf" / file.name, file)
