"""How facts are put into words: templates by relation, ours or the user's, from YAML and checked when they are read."""

from __future__ import annotations

import random
import string
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml

from residency.core.errors import SourceError
from residency.core.legal import file_of

OURS = Path(__file__).with_name("wordings.yaml")
LISTS = {
    "text": {"head", "tail"},
    "forward": {"head"},
    "backward": {"tail"},
    "yes_no": {"head", "tail"},
}
"""The lists of templates of a relation, with the names that must stand in each."""


WordingsFile = Annotated[Path, file_of("a YAML file of wordings by relation")]


@dataclass(frozen=True, slots=True)
class Wording:
    """The templates of one relation; an empty list: such a row is not made of it."""

    text: tuple[str, ...] = ()
    forward: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()
    yes_no: tuple[str, ...] = ()
    of: str = ""
    closed: bool = False
    denied_by: str = ""


@dataclass(frozen=True, slots=True)
class Wordings:
    """The wordings of all relations; one without an entry of its own has that of "other"."""

    table: dict[str, Wording] = field(default_factory=dict)

    def of(self, relation: str) -> Wording:
        """Return the wording of a relation."""
        return self.table.get(relation) or self.table["other"]

    def fill(self, relation: str, which: str, rng: random.Random, **names: str) -> str:
        """Return one of a relation's templates, drawn, with the names in their places."""
        return str(rng.choice(getattr(self.of(relation), which))).format(relation=relation, **names)


def read_wordings(path: Path | None = None) -> Wordings:
    """Return our wordings, with those of the user's file over them, relation by relation.

    Raises SourceError with all that is wrong in the file.
    """
    table = _read(OURS)
    return Wordings({**table, **_read(Path(path).expanduser())} if path else table)


def _read(path: Path) -> dict[str, Wording]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SourceError(f"{path} cannot be read as YAML ({type(error).__name__})") from None
    if not isinstance(found, dict):
        raise SourceError(f"{path}: no relations; legal is relation: {{text: [...], forward: [...], …}}")
    wrong = [f"{path}: {relation}: {why}" for relation, about in found.items() for why in _problems(about)]
    if wrong:
        raise SourceError("\n".join(wrong))
    return {str(name): _wording(about) for name, about in found.items()}


def _wording(about: dict[str, Any]) -> Wording:
    fields: dict[str, Any] = {key: tuple(value) if key in LISTS else value for key, value in about.items()}
    return Wording(**fields)


def _problems(about: Any) -> list[str]:
    if not isinstance(about, dict):
        return ["not a mapping"]
    legal = (*LISTS, "of", "closed", "denied_by")
    wrong = [f"no such key as {key}; legal: {', '.join(legal)}" for key in about if key not in legal]
    for key, needed in LISTS.items():
        lines = about.get(key, [])
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            wrong.append(f"{key} is no list of texts")
        else:
            wrong += [f"{key}, template {n}: {why}" for n, line in enumerate(lines, 1) if (why := _fault(line, needed))]
    if "of" in about and (why := _fault(about["of"], {"head"})):
        wrong.append(f"of: {why}")
    return wrong


def _fault(template: Any, needed: set[str]) -> str | None:
    """Return what is wrong with a template: it must hold the names needed, plain, and no others but {relation}."""
    try:
        parts = list(string.Formatter().parse(template))
    except (TypeError, ValueError):
        return "its braces do not match"
    names = {name for _, name, _, _ in parts if name is not None}
    if any(spec or conversion for _, name, spec, conversion in parts if name is not None) or not names >= needed:
        return f"it must hold {', '.join(f'{{{name}}}' for name in sorted(needed))}, plain"
    return None if names <= needed | {"relation"} else f"legal are {', '.join(sorted(needed | {'relation'}))}"
