"""What is wrong with an application's file: every mistake at once, by line, with what is legal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from residency.core.legal import nearest
from residency.evaluate.tasks import TASKS
from residency.infer.prompts.check import MOST_WORDS
from residency.serve.apps.application import (
    CHECKS,
    GUARDS,
    KINDS,
    LANGUAGES,
    OUTPUTS,
    WHOM,
    Check,
    Field,
    Urgency,
)
from residency.serve.apps.places import paths_of
from residency.serve.types import URGENCIES

Lines = Mapping[str, int]
Problem = tuple[str, str]
"""Where (``inputs.age.low``), and what is wrong there."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
NEEDED = tuple("id title about for output guard inputs prompt schema tokens urgency measured".split())
LEGAL = (*NEEDED, "version", "checks", "grounded")
CLOSED = {"for": WHOM, "output": OUTPUTS, "guard": GUARDS}
MOST_TOKENS = 4096


def mistakes(found: Any, lines: Lines) -> Iterator[str]:
    """Yield what is wrong with an application's mapping; ``lines`` are those of its keys, by their paths."""
    if not isinstance(found, dict):
        yield "no mapping such as `id: NAME`, `title: {en: …, es: …}`"
        return
    for place, why in _all(found):
        yield f"{_line(place, lines)}{place}{':' if place else ''} {why}".strip()


def _line(place: str, lines: Lines) -> str:
    """Return the line of a place, or of the nearest one around it that was written."""
    while place and place not in lines:
        place = place.rpartition(".")[0]
    return f"line {lines[place]}: " if place else ""


def _all(found: dict[str, Any]) -> Iterator[Problem]:
    yield from ((name, "is missing") for name in NEEDED if name not in found)
    yield from ((str(name), f"is no key; {nearest(str(name), LEGAL)}") for name in found if name not in LEGAL)
    parts: dict[str, Callable[[Any], Iterable[Problem]]] = {
        "id": _of_id,
        "version": lambda value: _whole("version", value, 1, 10_000),
        "title": lambda value: _words("title", value, 80),
        "about": lambda value: _words("about", value, 400),
        "prompt": lambda value: _words("prompt", value, MOST_WORDS),
        "tokens": lambda value: _whole("tokens", value, 1, MOST_TOKENS),
        "grounded": lambda value: () if isinstance(value, bool) else [("grounded", "is true or false")],
        "inputs": _of_inputs,
        "schema": _of_schema,
        "urgency": lambda value: _of_urgency(value, found.get("schema")),
        "measured": _of_measured,
        "checks": lambda value: _of_checks(value, found.get("schema")),
    }
    for name, value in found.items():
        if name in CLOSED:
            yield from _one_of(name, value, CLOSED[name])
        elif name in parts:
            yield from parts[name](value)


# --- plain values ----------------------------------------------------------------------------------------------------


def _of_id(value: Any) -> Iterator[Problem]:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        yield "id", "is a name of small letters, digits and underscores"


def _one_of(place: str, value: Any, legal: Iterable[str]) -> Iterator[Problem]:
    if value not in (known := tuple(legal)):
        yield place, f"is {value!r}; {nearest(str(value), known)}"


def _whole(place: str, value: Any, low: int, high: int) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        yield place, f"is {value!r}; expected a whole number from {low} to {high}"


def _words(place: str, value: Any, most: int) -> Iterator[Problem]:
    """Yield what is wrong with words that have to be there in every language."""
    if not isinstance(value, dict):
        yield place, f"is {type(value).__name__}; expected words by language: {', '.join(LANGUAGES)}"
        return
    for language in dict.fromkeys([*LANGUAGES, *map(str, value)]):
        said = value.get(language)
        if language not in LANGUAGES:
            yield f"{place}.{language}", f"is no language of ours; legal are {', '.join(LANGUAGES)}"
        elif not isinstance(said, str) or not said.strip():
            yield f"{place}.{language}", "is missing"
        elif len(said) > most:
            yield f"{place}.{language}", f"has {len(said)} characters; legal are {most}"


def _keys(place: str, value: Any, legal: Iterable[str], needed: Iterable[str] = ()) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield place, f"is {type(value).__name__}; expected a mapping"
        return
    known = tuple(legal)
    yield from ((f"{place}.{key}", f"is no key; {nearest(str(key), known)}") for key in value if key not in known)
    yield from ((f"{place}.{key}", "is missing") for key in needed if key not in value)


# --- inputs ----------------------------------------------------------------------------------------------------------


def _of_inputs(value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict) or not value:
        yield "inputs", "holds no field such as `note: {title: {en: …, es: …}, kind: text}`"
        return
    for name, one in value.items():
        place = f"inputs.{name}"
        if not NAME.fullmatch(str(name)):
            yield place, "is a name of small letters, digits and underscores"
        yield from _keys(place, one, (f.name for f in fields(Field) if f.name != "name"), ("title",))
        if isinstance(one, dict):
            yield from _of_field(place, one)


def _of_field(place: str, one: dict[str, Any]) -> Iterator[Problem]:
    if "title" in one:
        yield from _words(f"{place}.title", one["title"], 120)
    if "kind" in one:
        yield from _one_of(f"{place}.kind", one["kind"], KINDS)
    if "most" in one:
        yield from _whole(f"{place}.most", one["most"], 1, 200_000)
    for end in ("low", "high"):
        if end in one and (isinstance(one[end], bool) or not isinstance(one[end], (int, float))):
            yield f"{place}.{end}", f"is {one[end]!r}; expected a number"
    for name in ("optional", "shown"):
        if not isinstance(one.get(name, True), bool):
            yield f"{place}.{name}", "is true or false"
    if one.get("kind") == "choice" or "choices" in one:
        yield from _of_choices(place, one.get("kind"), one.get("choices"))


def _of_choices(place: str, kind: Any, choices: Any) -> Iterator[Problem]:
    """Yield what is wrong with the answers of a field: those of a whole number are its points."""
    if not isinstance(choices, dict) or not choices:
        yield place, "is a choice without `choices: {NAME: {en: …, es: …}}`"
        return
    if kind not in ("choice", "whole"):
        yield f"{place}.choices", "are of a field of kind choice or whole"
    for name, words in choices.items():
        if kind == "whole" and not (isinstance(name, str) and name.isascii() and name.isdigit()):
            yield f"{place}.choices.{name}", 'is no number of points, such as "0"'
        yield from _words(f"{place}.choices.{name}", words, 80)


# --- the reply -------------------------------------------------------------------------------------------------------


def _of_schema(value: Any) -> Iterator[Problem]:
    import jsonschema

    if not isinstance(value, dict) or value.get("type") != "object":
        yield "schema", "is a JSON schema of type object"
        return
    try:
        jsonschema.Draft202012Validator.check_schema(value)
    except jsonschema.SchemaError as error:
        yield ".".join(["schema", *map(str, error.absolute_path)]), "is no JSON schema (draft 2020-12)"
        return
    yield from _bounded("schema", value)


def _bounded(place: str, value: dict[str, Any]) -> Iterator[Problem]:
    """Yield the parts of a schema that let a reply grow without end: what is cut off cannot be read."""
    kind = value.get("type")
    if kind == "object":
        properties = value.get("properties") or {}
        if value.get("additionalProperties") is not False or set(value.get("required", ())) != set(properties):
            yield place, "is an object that requires all of its properties, with additionalProperties: false"
        for name, one in properties.items():
            yield from _bounded(f"{place}.properties.{name}", one)
    elif kind == "array":
        if "maxItems" not in value:
            yield place, "is an array without maxItems"
        yield from _bounded(f"{place}.items", value.get("items") or {})
    elif kind == "string" and not {"maxLength", "enum"} & value.keys():
        yield place, "is a string without maxLength or enum"


def _of_urgency(value: Any, schema: Any) -> Iterator[Problem]:
    yield from _keys("urgency", value, (f.name for f in fields(Urgency)))
    for name, said in value.items() if isinstance(value, dict) else ():
        if name in ("least", "unanswered"):
            yield from _one_of(f"urgency.{name}", said, URGENCIES)
        elif name == "says":
            yield from _path("urgency.says", said, schema)
            enum = ((schema or {}).get("properties", {}).get(said) or {}).get("enum") if isinstance(said, str) else None
            if enum is not None and not set(enum) <= set(URGENCIES):
                yield "urgency.says", f"is a field with other words than {', '.join(URGENCIES)}"


def _path(place: str, said: Any, schema: Any) -> Iterator[Problem]:
    known = list(paths_of(schema)) if isinstance(schema, dict) else []
    if said not in known:
        yield place, f"is {said!r}, which is no text of the schema; {nearest(str(said), known)}"


def _of_measured(value: Any) -> Iterator[Problem]:
    yield from _keys("measured", value, ("task", "says"), ("task", "says"))
    if isinstance(value, dict) and "task" in value:
        yield from _one_of("measured.task", value["task"], ("none", *TASKS))
    if isinstance(value, dict) and "says" in value:
        yield from _words("measured.says", value["says"], 400)


def _of_checks(value: Any, schema: Any) -> Iterator[Problem]:
    yield from _keys("checks", value, CHECKS)
    for name, one in value.items() if isinstance(value, dict) else ():
        if one is None:
            continue
        yield from _keys(f"checks.{name}", one, (f.name for f in fields(Check) if f.name != "name"))
        at = one.get("at", ()) if isinstance(one, dict) else ()
        for path in [at] if isinstance(at, str) else at:
            yield from _path(f"checks.{name}.at", path, schema)
