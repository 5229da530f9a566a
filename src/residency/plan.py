"""From a recipe to a plan: which stages run, on which folders, and the fingerprint of all that decides each result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency import __version__
from residency.core.errors import RecipeError
from residency.core.store import outside, sha256_json

NEVER_MISSING = ("run", "models", "rows")
"""What a stage may take that is made of whatever there is."""
ROWS = ("corpus", "make")
"""Stages that leave rows of a corpus."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage's function and what it is handed, in order.

    ``takes`` names folders of other stages, or ``model`` (the newest model so far), ``models`` (a dict of all, by
    name), ``rows`` (a dict of the stages before it that hold rows of a corpus) or ``run`` (the whole run folder).
    ``section`` is the recipe's list that it may stand in; without one it is a section of its own. ``after`` names
    stages that must be done without being handed over; ``model`` the model that it leaves (one that further stages
    ``trains`` on, or not); ``leaves`` what it writes outside its folder. One that is ``asked`` for only is switched off
    where the recipe does not name it.
    """

    function: str | Callable[..., Any]
    takes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    section: str = ""
    folder: str = ""
    model: str = ""
    leaves: tuple[str, ...] = ()
    trains: bool = True
    asked: bool = False


@dataclass(slots=True)
class Step:
    """One stage of a plan: its folder's name, its name in the table, its checked settings, its inputs as folders."""

    name: str
    kind: str
    stage: Stage
    settings: dict[str, Any]
    inputs: list[str | dict[str, str]]
    after: list[str]


@dataclass(frozen=True, slots=True)
class Given:
    """All that decides a stage's result, and a hash of it: ``before`` holds the hashes of the stages it stands on,
    ``files`` size and time of the files that its settings name.
    """

    fingerprint: str
    version: str
    settings: dict[str, Any]
    before: dict[str, str]
    files: dict[str, list[int]]


def make_plan(recipe: Mapping[str, Any], stages: Mapping[str, Stage]) -> list[Step]:
    """Return the steps of a resolved recipe, in order. Raises RecipeError where one lacks its input."""
    plan: list[Step] = []
    for name, stage, settings in _wanted(recipe, stages):
        missing = [
            other for other in stage.takes + stage.after if other not in NEVER_MISSING and not _made(plan, other)
        ]
        if missing and stage.section:
            raise RecipeError(f"{stage.section}.{name} needs {missing[0]}, which the recipe leaves out")
        if not missing:
            plan.append(_step(plan, name, stage, settings))
    return plan


def needed_by(section: str, stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """Return the stages of a section and all that these need before them, in the order of the walk."""
    wanted = {name for name, stage in stages.items() if stage.section == section}
    bases = {name for name, stage in stages.items() if stage.model and stage.trains and not stage.section}
    while True:
        named = {other for name in wanted for other in stages[name].takes + stages[name].after}
        named |= set(ROWS) if "rows" in named else set()
        more = {name for name, stage in stages.items() if name in named or stage.folder in named}
        more |= bases if "model" in named else set()
        if more <= wanted:
            return {name: stage for name, stage in stages.items() if name in wanted}
        wanted |= more


def left_out(recipe: Mapping[str, Any], stages: Mapping[str, Stage]) -> dict[str, str]:
    """Return the stages that a recipe switches off, and those that need one of them, each with the reason."""
    found: dict[str, str] = {}
    made = {name for step in make_plan(recipe, stages) for name in (step.kind, step.name)}
    for section, name, stage, settings in _entries(recipe, stages):
        if settings is False:
            found |= {} if stage.asked else {name: "switched off"}
        elif name not in made:
            needed = [other for other in stage.takes + stage.after if other in stages and other not in made]
            found[name] = f"needs {', '.join(needed) or section}"
    return found


def _wanted(recipe: Mapping[str, Any], stages: Mapping[str, Stage]) -> Iterator[tuple[str, Stage, dict[str, Any]]]:
    """Yield (name, stage, settings) of what is not switched off, in the order of the stages and of the lists."""
    for _, name, stage, settings in _entries(recipe, stages):
        if settings is not False:
            yield name, stage, settings


def _entries(recipe: Mapping[str, Any], stages: Mapping[str, Stage]) -> Iterator[tuple[str, str, Stage, Any]]:
    """Yield (section, name, stage, settings or False) of all that a recipe names."""
    for section in dict.fromkeys(stage.section or name for name, stage in stages.items()):
        given = recipe[section]
        for item in given if isinstance(given, list) else [{section: given}]:
            [(name, settings)] = item.items()
            yield section, name, stages[name], settings


def _made(plan: Sequence[Step], name: str) -> bool:
    return any(step.stage.trains and step.stage.model if name == "model" else step.name == name for step in plan)


def _step(plan: Sequence[Step], name: str, stage: Stage, settings: dict[str, Any]) -> Step:
    folder = stage.folder or name
    again = 1 + sum(step.stage is stage for step in plan)
    models = {_model_name(step): step.name for step in plan if step.stage.model}
    newest = [step.name for step in plan if step.stage.model and step.stage.trains][-1:]
    rows = {step.kind: step.name for step in plan if step.kind in ROWS}
    dicts = {"models": models, "rows": rows}
    inputs: list[str | dict[str, str]] = []
    for other in stage.takes:
        inputs.append(dicts[other] if other in dicts else newest[0] if other == "model" else other)
    names = [each for other in inputs for each in (other.values() if isinstance(other, dict) else [other])]
    after = [step.name for step in plan] if "run" in names else names
    return Step(folder if again == 1 else f"{folder}-{again}", name, stage, settings, inputs, [*after, *stage.after])


def _model_name(step: Step) -> str:
    """Return the name of the model that a step leaves: ``tuned``, and ``tuned-2`` for a second such step."""
    _, dash, again = step.name.rpartition("-")
    return f"{step.stage.model}-{again}" if dash and again.isdigit() else step.stage.model


def givens(plan: Sequence[Step]) -> dict[str, Given]:
    """Return all that decides each step's result."""
    found: dict[str, Given] = {}
    for step in plan:
        function = step.stage.function
        named = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
        before = {name: found[name].fingerprint for name in step.after if name != "run"}
        named_files = outside(step.settings)
        print_ = sha256_json([named, __version__, step.settings, before, named_files])
        found[step.name] = Given(print_, __version__, step.settings, before, dict(_files(named_files)))
    return found


def _files(outside: Any) -> Iterator[tuple[str, list[int]]]:
    """Yield (path, [size, time]) of the files that ``outside`` found, however deep they lie."""
    if isinstance(outside, list) and outside and isinstance(outside[0], str):
        yield outside[0], outside[1:]
    elif isinstance(outside, list):
        for part in outside:
            yield from _files(part)
