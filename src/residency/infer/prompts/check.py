"""What is wrong with a prompt's file: every mistake at once, by line, with what is legal."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from residency.core.legal import nearest
from residency.infer.prompts.prompt import KINDS, PICKS, STYLES, Prompt, Shots
from residency.infer.prompts.words import OF_KIND, PLACES, WORDINGS

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._]*(?:-[A-Za-z0-9._]+)*")
MOST_WORDS = 4000
"""Characters of an instruction, at most: what is longer is no instruction, and may be someone's text."""
MOST_SHOTS = 64
NEEDED = ("id", "kind")
TYPES: dict[str, tuple[type, str]] = {
    "id": (str, "a text"),
    "kind": (str, "a text"),
    "version": (int, "a whole number"),
    "task": (str, "a text"),
    "language": (str, "a text"),
    "instruction": (str, "a text"),
    "style": (str, "a text"),
    "words": (dict, "a mapping"),
    "shots": (dict, "a mapping"),
    "schema": (bool, "true or false"),
    "about": (str, "a text"),
    "parent": (str, "a text"),
    "measured": (list, "a list"),
}
Lines = Mapping[str, int]


def mistakes(found: Any, lines: Lines) -> Iterator[str]:
    """Yield what is wrong with a prompt's mapping; ``lines`` are those of its fields."""
    if not isinstance(found, dict):
        yield "no mapping such as `id: NAME`, `kind: choice`"
        return
    yield from (f"{name} is missing" for name in NEEDED if name not in found)
    legal = [one.name for one in fields(Prompt)]
    sound: dict[str, Any] = {}
    for name, value in found.items():
        if name not in legal:
            yield f"{_at(lines, name)}{name} is no field of a prompt; {nearest(str(name), legal)}"
        elif not _is(value, TYPES[name][0]):
            yield f"{_at(lines, name)}{name} is {type(value).__name__}; expected {TYPES[name][1]}"
        else:
            sound[name] = value
    yield from (f"{_at(lines, name)}{why}" for name, why in _of_fields(sound))
    yield from (f"{_at(lines, 'words')}{why}" for why in _of_words(sound.get("kind", ""), sound.get("words", {})))
    yield from (f"{_at(lines, 'shots')}{why}" for why in _of_shots(sound.get("shots", {})))


def _at(lines: Lines, name: str) -> str:
    return f"line {lines[name]}: " if name in lines else ""


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _of_fields(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields whose value is none of the legal ones."""
    closed = {"kind": KINDS, "style": STYLES, "language": tuple(WORDINGS)}
    for name, legal in closed.items():
        if found.get(name) and found[name] not in legal:
            yield name, f"{name} is {found[name]!r}; {nearest(found[name], legal)}"
    if "id" in found and not NAME.fullmatch(found["id"]):
        yield "id", f"id is {found['id']!r}; a name is made of letters, digits, dots, dashes, underscores"
    if found.get("version", 1) < 1:
        yield "version", f"version is {found['version']}; expected 1 or more"
    if found.get("style") and found.get("kind") in KINDS and found["kind"] != "choice":
        yield "style", f"style is for prompts of kind choice, and not {found['kind']}"
    if len(found.get("instruction", "")) > MOST_WORDS:
        yield "instruction", f"instruction has {len(found['instruction'])} characters; legal are {MOST_WORDS}"


def _of_words(kind: str, words: Mapping[str, Any]) -> Iterator[str]:
    legal = OF_KIND.get(kind, ())
    for name, value in words.items():
        if name not in legal:
            yield f"words: {name} is no word of kind {kind or '(none)'}; {nearest(str(name), legal)}"
        elif name == "turned":
            if not isinstance(value, bool):
                yield "words: turned is true or false"
        elif name == "verdict":
            if not (isinstance(value, list) and len(value) == 2 and all(isinstance(v, str) and v for v in value)):
                yield "words: verdict is a list of two texts, such as ['yes', 'no']"
        elif not isinstance(value, str):
            yield f"words: {name} is {type(value).__name__}; expected a text"
        elif why := _fault(value, PLACES.get(name, 0)):
            yield f"words: {name}: {why}"


def _fault(words: str, places: int) -> str:
    """Return what is wrong with words that leave places free; "" where nothing is."""
    if not places:
        return ""
    try:
        names = [name for _, name, _, _ in string.Formatter().parse(words) if name is not None]
    except ValueError:
        return "its braces do not match; a brace itself is written twice"
    return "" if names == [""] * places else f"it must leave {places} free, written {{}}; a brace is written twice"


def _of_shots(shots: Mapping[str, Any]) -> Iterator[str]:
    legal = [one.name for one in fields(Shots)]
    yield from (f"shots: no such key as {name}; {nearest(str(name), legal)}" for name in shots if name not in legal)
    count, ids, pick = shots.get("count", 0), shots.get("ids", []), shots.get("pick", "fixed")
    if not _is(count, int) or not 0 <= count <= MOST_SHOTS:
        yield f"shots: count is {count!r}; expected a whole number from 0 to {MOST_SHOTS}"
    if pick not in PICKS:
        yield f"shots: pick is {pick!r}; {nearest(str(pick), PICKS)}"
    if not isinstance(ids, list) or not all(isinstance(key, str) for key in ids):
        yield "shots: ids is a list of the ids of solved examples"
    elif ids and (len(ids) != count or pick != "fixed"):
        yield f"shots: {len(ids)} ids are named and count is {count}, pick {pick}; ids go with as many, pick fixed"
