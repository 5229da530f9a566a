"""The recipe: what was decided as the YAML that `residency run` takes, opened by what it is and what made it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from residency.advise.bases import Base
from residency.advise.case import Case
from residency.advise.examine import Examined
from residency.advise.form import Form
from residency.advise.reason import Reason
from residency.advise.stages import Stage
from residency.evaluate.tasks import TASKS

HEAD = "# Made by residency advise"
SHAPES = ["text", "instruct", "preference"]
FEW_CONCEPTS = {"qa": 40, "nli": 40, "ie": 40, "gen": 40, "text": 50, "dev": 0}
"""The exercises of a run that trains nothing and must have some examples: as few as it takes."""
ONE_PROCESS = 6e9
"""Below so many bytes of memory one process examines, instead of two side by side."""
SHOWN_ITEMS = 200
"""The most items of a public set that a generator writes answers to."""


def recipe_of(
    case: Case, form: Form, base: Base, stages: Sequence[Stage], compress: Stage | None, tasks: Sequence[Examined]
) -> dict[str, Any]:
    """Return the recipe as data, its sections in the order of the walk."""
    reads = form.name == "generator" and bool(case.texts)
    found: dict[str, Any] = {"base": base.name, "corpus": _corpus(case) if reads else False}
    if form.name == "prompting":
        found |= {"corpus": {"sources": [{"hpo": {}}]}, "examples": dict(FEW_CONCEPTS)}
    else:
        found |= {"examples": False} if reads else {}
        found["gather"] = _gather(case, reads, tasks)
    if stages:
        found["train"] = [{stage.name: stage.settings} for stage in stages]
    if compress:
        found["compress"] = [{compress.name: compress.settings}]
    found["evaluate"] = _evaluate(case, form, tasks)
    return found


def _corpus(case: Case) -> dict[str, Any]:
    """Return how the texts that may train are read: cleaned, compared with each other and with test items, split."""
    sources = []
    for one in case.texts:
        settings = {"path": one.name, **({} if one.receipt else {"waiver": case.needs.waiver})}
        sources.append({one.source: settings if len(settings) > 1 else one.name})
    tests = {"splits": {"test": 0.05, "validation": 0.05}, "shapes": SHAPES}
    return {"sources": sources, "clean": {}, "dedup": {}, "decontaminate": {}, **tests}


def _gather(case: Case, reads: bool, tasks: Sequence[Examined]) -> dict[str, Any]:
    found: dict[str, Any] = {"tasks": [case.taught.name]} if case.taught else {}
    found |= {"corpus": True} if reads else {}
    taught = case.taught.name if case.taught else ""
    learnable = {one.name for one in case.own if one.count} | set(TASKS)
    others = [one.name for one in tasks if one.name != taught and one.name in learnable]
    return found | ({"against": others} if others else {})


def _evaluate(case: Case, form: Form, tasks: Sequence[Examined]) -> dict[str, Any]:
    found: dict[str, Any] = {"tasks": [one.name for one in tasks]} if tasks else {}
    if form.name != "encoder":
        found |= {"limit": SHOWN_ITEMS, "generated": 0}
    return found | ({"processes": 1} if case.memory < ONE_PROCESS else {})


def text_of(recipe: Mapping[str, Any], command: str, what: str, reasons: Sequence[Reason]) -> str:
    """Return the recipe's file: what it does, the command that made it, why, and the sections."""
    lines = [f"{HEAD}: {what}", f"#   {command}", "#"]
    wrapper = textwrap.TextWrapper(112, initial_indent="# - ", subsequent_indent="#   ", break_long_words=False)
    lines += [line for reason in reasons for line in wrapper.wrap(str(reason))]
    looks: dict[str, Any] = {"sort_keys": False, "default_flow_style": None, "width": 100, "allow_unicode": True}
    body = yaml.dump(dict(recipe), Dumper=_Dumper, **looks)
    return "\n".join([*lines, "", body])


class _Dumper(yaml.SafeDumper):
    """YAML without anchors, and small numbers as people write them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _number(dumper: yaml.SafeDumper, value: float) -> yaml.Node:
    """Return a small number as 2e-4, which a recipe reads as a number, and any other as YAML has it."""
    if not 0 < value < 0.01:
        return dumper.represent_float(value)
    return dumper.represent_scalar("tag:yaml.org,2002:str", f"{value:.0e}".replace("e-0", "e-"))


_Dumper.add_representer(float, _number)
