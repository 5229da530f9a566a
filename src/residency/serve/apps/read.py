"""Which applications there are: those that come with us, and a hospital's own beside them, each read and checked whole.

A file is called after its id and version: ``triage-1.yaml``. The latest version of an id is the one that is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import RecipeError
from residency.infer.prompts.prompt import Prompt
from residency.infer.prompts.words import SAFE
from residency.serve.apps.application import Application, Check, Field, Urgency
from residency.serve.apps.check import Lines, mistakes

OURS = Path(__file__).with_name("library")
LARGEST = 100_000
"""Bytes of a file, at most."""


def load(folder: Path | None = None) -> dict[str, Application]:
    """Return the applications by id, with those of ``folder`` beside ours; RecipeError holds every mistake of all.

    A file that was changed is read again.
    """
    paths = [*sorted(OURS.glob("*.yaml")), *(sorted(folder.glob("*.yaml")) if folder else ())]
    return dict(_loaded(tuple((path, path.stat().st_mtime_ns) for path in paths)))


@lru_cache(maxsize=16)
def _loaded(files: tuple[tuple[Path, int], ...]) -> Mapping[str, Application]:
    found: dict[str, Application] = {}
    names: set[str] = set()
    wrong: list[str] = []
    for path, _ in files:
        try:
            one = read_application(path)
        except RecipeError as error:
            wrong.append(str(error))
            continue
        if path.stem != one.name:
            wrong.append(f"{path.name}: it holds {one.name}, and is to be called {one.name}.yaml")
        elif one.name in names:
            wrong.append(f"{path.name}: {one.name} is taken; give it a higher version, or another id")
        elif one.id not in found or found[one.id].version < one.version:
            found[one.id] = one
        names.add(one.name)
    if wrong:
        raise RecipeError("\n".join(wrong))
    return found


def read_application(path: Path) -> Application:
    """Return the application of a file; RecipeError holds every mistake with its line."""
    try:
        if path.stat().st_size > LARGEST:
            raise RecipeError(f"{path.name} has {path.stat().st_size} bytes; legal are {LARGEST}")
        text = path.read_text(encoding="utf-8")
        found: Any = yaml.load(text, SAFE)
        lines = lines_of(yaml.compose(text, SAFE))
    except FileNotFoundError:
        raise RecipeError(f"there is no application file {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        at = f"line {where.line + 1}: " if where else ""
        raise RecipeError(f"{path.name}: {at}no YAML that can be read ({type(error).__name__})") from None
    if wrong := [f"{path.name}: {problem}" for problem in mistakes(found, lines)]:
        raise RecipeError("\n".join(wrong))
    return application_of(found)


def lines_of(node: Any, path: str = "") -> Lines:
    """Return the line of every key of a YAML node by its path (``inputs.age.low``), from 1."""
    found: dict[str, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = f"{path}.{key.value}" if path else str(key.value)
            found[place] = key.start_mark.line + 1
            found |= lines_of(value, place)
    return found


def application_of(found: Mapping[str, Any]) -> Application:
    """Return the application of a checked mapping."""
    name, version = found["id"], found.get("version", 1)
    prompts = {
        language: Prompt(name, "generate", version, language=language, instruction=words.strip(), schema=True)
        for language, words in found["prompt"].items()
    }
    return Application(
        id=name,
        version=version,
        title=found["title"],
        about=found["about"],
        whom=found["for"],
        output=found["output"],
        guard=found["guard"],
        inputs={key: Field(key, **one) for key, one in found["inputs"].items()},
        prompts=prompts,
        schema=found["schema"],
        tokens=found["tokens"],
        urgency=Urgency(**found["urgency"]),
        task=found["measured"]["task"],
        fit=found["measured"]["says"],
        checks=tuple(_check(key, one) for key, one in found.get("checks", {}).items()),
        grounded=found.get("grounded", False),
    )


def _check(name: str, found: Mapping[str, Any] | None) -> Check:
    found = found or {}
    at = found.get("at", ())
    return Check(name, **{**found, "at": (at,) if isinstance(at, str) else tuple(at)})
