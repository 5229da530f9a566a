"""A prompt as a file: what a kind of task is asked with, in words that a person reads, and known by a hash.

    id: pubmedqa
    version: 2
    kind: choice
    task: pubmedqa
    instruction: Answer the question from the abstract.
    style: options
    words: {options: "Your answer must be one of: {}.", turned: true}
    shots: {count: 3, pick: balanced}
    schema: true

``words`` change those of the language (``languages/``); without ``task`` it is for every task of its kind. A run's own
tasks come with their prompts: there the instruction stands before these. ``shots.ids`` name fixed solved examples: a
file holds no text of them. ``schema`` holds written answers to the schema of the kind. ``measured`` says where its
value was measured, ``parent`` from which prompt it was made; neither is part of the hash.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import RecipeError
from residency.core.store import atomic_path, sha256_json
from residency.infer.prompts.words import OF_KIND, SAFE, Words, words_of

INSTRUCTED = ("rubric", "converse", "prefer")
"""Kinds that are asked with an instruction alone."""
KINDS = (*OF_KIND, *INSTRUCTED)
PICKS = ("fixed", "random", "nearest", "similar", "balanced")
"""Ways to pick solved examples: the same for all, drawn, or like the question (by words; by vectors; every answer)."""
STYLES = ("letters", "options")
Said = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Shots:
    """The solved examples before a question: how many, and which (``ids``: these, in this order)."""

    count: int = 0
    pick: str = "fixed"
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt and its version; ``words`` are pairs of a name of ``Words`` and what stands in its place."""

    id: str
    kind: str
    version: int = 1
    task: str = ""
    language: str = "en"
    instruction: str = ""
    style: str = ""
    words: Said = ()
    shots: Shots = Shots()
    schema: bool = False
    about: str = ""
    parent: str = ""
    measured: tuple[dict[str, Any], ...] = field(default=(), compare=False)

    @property
    def name(self) -> str:
        """Return its name, which is that of its file: the id and the version."""
        return f"{self.id}-{self.version}"

    @property
    def worded(self) -> Words:
        """Return the words that it asks with."""
        return replace(words_of(self.language), **dict(self.words))

    @property
    def said(self) -> Said:
        """Return all words that its kind is asked with, changed or not: what stands in place of a task's own."""
        return tuple((name, getattr(self.worded, name)) for name in OF_KIND.get(self.kind, ()))

    @property
    def hash(self) -> str:
        """Return a SHA-256 of all that decides what a model is asked."""
        return sha256_json([self.kind, self.instruction, self.style, self.said, asdict(self.shots), self.schema])

    def is_for(self, task: str, kind: str) -> bool:
        """Return whether it is for a task of this name and kind."""
        return self.kind == kind and self.task in ("", task)

    def told(self) -> dict[str, Any]:
        """Return what a protocol says of it."""
        return {"id": self.id, "version": self.version, "hash": self.hash}


def read_prompt(path: Path) -> Prompt:
    """Return the prompt of a file; RecipeError holds every mistake with its line."""
    from residency.infer.prompts.check import mistakes

    try:
        text = path.read_text(encoding="utf-8")
        found: Any = yaml.load(text, SAFE)
        root: Any = yaml.compose(text, SAFE)
        lines = {str(key.value): key.start_mark.line + 1 for key, _ in root.value}
    except FileNotFoundError:
        raise RecipeError(f"there is no prompt file {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        at = f"line {where.line + 1}: " if where else ""
        raise RecipeError(
            f"{path.name}: {at}no YAML mapping such as `id: NAME`, `kind: choice`, `instruction: …` "
            f"({type(error).__name__})"
        ) from None
    if wrong := [f"{path.name}: {problem}" for problem in mistakes(found, lines)]:
        raise RecipeError("\n".join(wrong))
    return prompt_of(found)


def prompt_of(found: dict[str, Any]) -> Prompt:
    """Return the prompt of a checked mapping."""
    shots = found.get("shots", {})
    words = {name: tuple(value) if isinstance(value, list) else value for name, value in found.get("words", {}).items()}
    made = {
        "shots": Shots(**{**shots, "ids": tuple(shots.get("ids", ()))}),
        "words": tuple(sorted(words.items())),
        "measured": tuple(found.get("measured", ())),
    }
    return Prompt(**{**found, **made})


def mapping_of(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as its file has it: what is as usual is left out."""
    usual = Prompt(prompt.id, prompt.kind)
    found = {"id": prompt.id, "version": prompt.version, "kind": prompt.kind}
    for name in (one.name for one in fields(Prompt) if one.name not in found):
        value = getattr(prompt, name)
        if value != getattr(usual, name):
            found[name] = value
    if prompt.words:
        found["words"] = {name: list(v) if isinstance(v, tuple) else v for name, v in prompt.words}
    if prompt.shots != usual.shots:
        found["shots"] = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(prompt.shots).items() if v}
    if prompt.measured:
        found["measured"] = list(prompt.measured)
    return found


def text_of(prompt: Prompt) -> str:
    """Return a prompt as the text of its file."""
    return str(yaml.safe_dump(mapping_of(prompt), sort_keys=False, allow_unicode=True, width=110))


def write_prompt(prompt: Prompt, path: Path) -> Path:
    """Write a prompt's file, whole or not at all, and return where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as part:
        part.write_text(text_of(prompt), encoding="utf-8")
    return path
