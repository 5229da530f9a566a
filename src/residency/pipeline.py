"""The journey: an explicit table of stages, a plan made from a recipe, and a walk that can be stopped anywhere.

A stage is a plain function that writes a folder, its manifest last. Before it starts, ``started.json`` notes the
fingerprint of what it is given: settings, inputs, version. A folder that is complete under the same fingerprint is
skipped, one that was left half way is handed back to the stage to go on with, any other is emptied and done anew.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

from residency import __version__
from residency.core import runs
from residency.core.errors import StorageError, UserError
from residency.core.legal import Above0, FileName, Keys, Seed
from residency.core.machine import give_back_memory, machine, versions
from residency.core.progress import duration, say
from residency.core.recipe import dump
from residency.core.settings import Field, OneOf, call_settings, load
from residency.core.store import (
    atomic_path,
    read_json,
    read_manifest,
    sha256_json,
    storage_errors,
    sweep,
    write_json,
    write_manifest,
)
from residency.measure.meter import meter
from residency.plan import Stage, Step, fingerprints, make_plan

STARTED = "started.json"


STAGES = {
    "base": Stage("residency.models.load:prepare", model="base"),
    "corpus": Stage("residency.corpus.sources:collect"),
    "examples": Stage("residency.corpus.shape:build", ("corpus",)),
    "pretrain": Stage("residency.train.pretrain:pretrain", ("model", "examples"), section="train", model="pretrained"),
    "instruct": Stage("residency.train.instruct:instruct", ("model", "examples"), section="train", model="tuned"),
    "prefer": Stage("residency.train.prefer:prefer", ("model", "examples"), section="train", model="aligned"),
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
    folders = tuple(stage.folder or name for name, stage in stages.items())
    budget = Annotated[dict[str, Above0], Keys(folders, numbered=True)]
    found = {"name": Field(FileName, ""), "seed": Field(Seed | None, None), "budget": Field(budget, {})}
    for name, stage in stages.items():
        if stage.section:
            table = {key: other.function for key, other in stages.items() if other.section == stage.section}
            found.setdefault(stage.section, Field(OneOf(table), []))
        else:
            found[name] = Field(load(stage.function), {})
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
    folder = run_folder(recipe, root or runs.runs_root(), fresh=fresh)
    prints = fingerprints(plan)
    with runs.only_one(folder), _recorded(folder, recipe, passed):
        say(f"run {folder.name}: {len(plan)} stages, in {folder}")
        sweep(folder)
        new = False
        for step in plan:
            if is_done(folder, step, prints[step.name]) and not (new and "run" in step.inputs):
                say(f"{step.name}: done before")
            else:
                _note(folder, stage=step.name)
                _do(folder, step, prints[step.name], recipe.get("budget", {}))
                new = True
            runs.point_latest(folder)
        _make_links(folder, plan)
    return folder


def run_folder(recipe: Mapping[str, Any], root: Path, *, fresh: bool = False) -> Path:
    """Return the folder of a resolved recipe's run: its name and a hash of its content, with a number where fresh."""
    content = {key: value for key, value in recipe.items() if key not in ("name", "budget")}
    base = root / f"{recipe.get('name') or 'run'}-{sha256_json(content)[:8]}"
    tries = [base]
    while tries[-1].exists():
        tries.append(base.with_name(f"{base.name}-{len(tries) + 1}"))
    return tries[-1] if fresh or len(tries) == 1 else tries[-2]  # the newest goes on


# --- one stage -------------------------------------------------------------------------------------------------------


def is_done(folder: Path, step: Step, fingerprint: str) -> bool:
    """Return whether a stage's folder is complete and was made from the same settings and inputs."""
    out = folder / step.name
    whole = read_manifest(out) is not None and all((folder / name).exists() for name in step.stage.leaves)
    return whole and _started(out).get("fingerprint") == fingerprint


def _started(out: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return dict(read_json(out / STARTED))
    return {}


def _do(folder: Path, step: Step, fingerprint: str, budget: Mapping[str, float]) -> None:
    out = folder / step.name
    started = _begin(folder, step, fingerprint)
    say(f"{step.name}: {'goes on' if started['starts'] > 1 else 'starts'}")
    function = load(step.stage.function)
    inputs = [_paths(folder, given) for given in step.inputs]
    try:
        with meter(step.name) as cost:
            function(*inputs, out=out, **call_settings(function, step.settings))
    except BaseException:
        with suppress(StorageError):  # on a full disk, the error on its way out is the one to show
            write_json(out / STARTED, {**started, "spent": [*started["spent"], cost.row()]})
        raise
    if cost.wall_s > 1.0:
        give_back_memory()
    whole = _add_up([*started["spent"], cost.row()])
    kept = {"stage": step.name, **(read_manifest(out) or {}), "settings": step.settings, "fingerprint": fingerprint}
    write_manifest(out, **kept, cost={**whole, "starts": started["starts"]})
    limit = f" (budget {duration(budget[step.name])})" if step.name in budget else ""
    say(f"{step.name}: done in {duration(whole['wall_s'])}{limit}")


def _begin(folder: Path, step: Step, fingerprint: str) -> dict[str, Any]:
    """Return the note of this start; what another recipe or version left in the folder is removed first."""
    out = folder / step.name
    started = _started(out)
    if started.get("fingerprint") != fingerprint:
        for path in (out, *(folder / name for name in step.stage.leaves)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        started = {"fingerprint": fingerprint, "starts": 0, "spent": []}
    started["starts"] += 1
    write_json(out / STARTED, started)
    return started


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


@contextmanager
def _recorded(folder: Path, recipe: Mapping[str, Any], passed: Mapping[str, Any]) -> Iterator[None]:
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
                _note(folder, **status, ended=runs.now(), seconds=round(seconds, 1))


def _write_recipes(folder: Path, recipe: Mapping[str, Any], passed: Mapping[str, Any]) -> None:
    for name, content in (("recipe.yaml", recipe), ("passed.yaml", passed)):
        with atomic_path(folder / name) as temporary:
            temporary.write_text(dump(content), encoding="utf-8")


def _note(folder: Path, **fields: Any) -> None:
    """Bring the record up to date; an index that is out of reach must not end a run that has begun."""
    try:
        runs.update_record(folder, **fields)
    except UserError as error:
        say(str(error))


def _close_ledger(folder: Path, seconds: float) -> None:
    """Write the whole cost to the ledger, now that the last stage has a manifest: wall time is that of the run."""
    path = folder / "ledger.json"
    if path.exists():
        from residency.evaluate.ledger import cost

        whole = cost(folder)
        write_json(path, {**read_json(path), "cost": {**whole, "wall_s": round(max(seconds, whole["wall_s"]), 1)}})


def _make_links(folder: Path, plan: Sequence[Step]) -> None:
    """Make ``model``, ``adapter`` and ``gguf`` at the top of the run point to the final ones."""
    for step in plan:
        out = folder / step.name
        for name in ("adapter", "model"):
            if (out / name).is_dir():
                runs.link(folder / name, out / name)
        for file in sorted(out.glob("*.gguf")):
            runs.link(folder / "gguf" / file.name, file)
