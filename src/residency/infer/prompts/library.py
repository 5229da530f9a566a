"""Which prompts there are: those that come with us, and the user's own beside them; no version is ever written over.

A file is called after its id and version: ``pubmedqa-1.yaml``. The user's lie in ``$RESIDENCY_PROMPTS``, or else in
``~/.local/share/residency/prompts``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from residency.core.errors import UserError
from residency.core.legal import nearest
from residency.infer.prompts.check import mistakes
from residency.infer.prompts.prompt import Prompt, mapping_of, read_prompt, write_prompt

OURS = Path(__file__).with_name("library")


def user_folder() -> Path:
    """Return where the user's prompts lie."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "residency" / "prompts"
    return Path(os.environ.get("RESIDENCY_PROMPTS") or home).expanduser()


def every_file() -> Iterator[Path]:
    """Yield the files of all prompts, ours first, each folder by name."""
    for folder in (OURS, user_folder()):
        yield from sorted(folder.glob("*.yaml"))


def every_prompt() -> list[tuple[Path, Prompt]]:
    """Return all prompts with their files; RecipeError tells what is wrong with any."""
    return [(path, read_prompt(path)) for path in every_file()]


def find_prompt(name: str) -> Prompt:
    """Return the prompt of a file (NAME.yaml), of an id (its latest version), or of an id and version (pubmedqa-1)."""
    if Path(name).suffix in (".yaml", ".yml"):
        return read_prompt(Path(name).expanduser())
    files = list(every_file())
    if exact := [path for path in files if path.stem == name]:
        return read_prompt(exact[-1])
    if versions := [path for path in files if _id_of(path) == name]:
        return read_prompt(max(versions, key=_version_of))
    known = dict.fromkeys([*map(_id_of, files)])
    raise UserError(f"no prompt is called {name}; {nearest(name, known)}; or a file (NAME.yaml)")


def find_prompts(names: str) -> tuple[Prompt, ...]:
    """Return the prompts of a comma-separated list; UserError where two would be for the same tasks."""
    found = [find_prompt(name.strip()) for name in names.split(",") if name.strip()]
    if not found:
        raise UserError(f"no prompt is named in {names!r}; legal are ids (residency prompt list) and files (NAME.yaml)")
    for number, one in enumerate(found):
        if twice := next((two for two in found[:number] if (two.task, two.kind) == (one.task, one.kind)), None):
            whose = one.task or f"every task of kind {one.kind}"
            raise UserError(f"{twice.name} and {one.name} are both for {whose}; name one of them")
    return tuple(found)


def fitting(prompts: Sequence[Prompt], task: str, kind: str) -> Prompt | None:
    """Return the prompt that is for a task: one of its name before one of its kind; None where none is.

    Raises UserError where one of its name is of another kind.
    """
    if wrong := next((p for p in prompts if p.task == task and p.kind != kind), None):
        raise UserError(f"the prompt {wrong.name} is of kind {wrong.kind}, and {task} is of kind {kind}")
    found = [prompt for prompt in prompts if prompt.is_for(task, kind)]
    return max(found, key=lambda prompt: bool(prompt.task), default=None)


@lru_cache
def ours(name: str) -> Prompt:
    """Return a prompt that comes with us, by its name, which says the version too: a task's words never change."""
    return read_prompt(OURS / f"{name}.yaml")


def add(prompt: Prompt, folder: Path | None = None) -> Path:
    """Write a prompt to the user's folder as the next version of its id, and return the file."""
    folder = folder or user_folder()
    files = [*OURS.glob("*.yaml"), *folder.glob("*.yaml")]
    taken = [_version_of(path) for path in files if _id_of(path) == prompt.id]
    prompt = replace(prompt, version=max(taken, default=0) + 1)
    if wrong := list(mistakes(mapping_of(prompt), {})):
        raise UserError("\n".join(wrong))
    return write_prompt(prompt, folder / f"{prompt.name}.yaml")


def _id_of(path: Path) -> str:
    return path.stem.rpartition("-")[0] if path.stem.rpartition("-")[2].isdigit() else path.stem


def _version_of(path: Path) -> int:
    last = path.stem.rpartition("-")[2]
    return int(last) if last.isdigit() else 0
