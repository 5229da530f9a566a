"""What is legal at a place of a body, in words: read from the body's own schema, so that the two cannot differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

Schema = Mapping[str, Any]
NAMES = {"string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
         "array": "a list", "object": "an object", "null": "null"}  # fmt: skip
SIZES = (("string", "Length", "characters"), ("array", "Items", "entries"))
VALUES = 40
"""So many legal values are listed at most."""


def legal(body: type[BaseModel], place: Sequence[Any]) -> str:
    """Return what may stand at a place of a body; "" where nothing can be said of it."""
    whole = _schema(body)
    here: list[Schema] = [whole]
    for part in place:
        here = [found for one in here for found in _step(one, part, whole)] or here  # a name of a choice is no step
    said = [words for one in here for words in _said(one, whole) if words != NAMES["null"]]
    return " or ".join(dict.fromkeys(said))


@lru_cache(maxsize=64)
def _schema(body: type[BaseModel]) -> Schema:
    return body.model_json_schema()


def _each(schema: Schema, whole: Schema) -> Iterator[Schema]:
    """Yield the schemas of which one holds, references followed."""
    if "$ref" in schema:
        yield from _each(whole["$defs"][schema["$ref"].rpartition("/")[2]], whole)
        return
    choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())]
    for one in choices:
        yield from _each(one, whole)
    if not choices:
        yield schema


def _step(schema: Schema, part: Any, whole: Schema) -> Iterator[Schema]:
    for one in _each(schema, whole):
        if isinstance(part, int):
            if "items" in one:
                yield one["items"]
        elif part in one.get("properties", {}):
            yield one["properties"][part]
        else:
            yield from one.get("patternProperties", {}).values()
            if isinstance(one.get("additionalProperties"), dict):
                yield one["additionalProperties"]


def _said(schema: Schema, whole: Schema) -> Iterator[str]:
    """Yield what each choice of a schema takes."""
    for one in _each(schema, whole):
        values = [one["const"]] if "const" in one else one.get("enum")
        if values is not None:
            told = [value if isinstance(value, str) else json.dumps(value) for value in values[:VALUES]]
            yield f"one of: {', '.join(told)}" if len(told) > 1 else told[0]
        elif name := NAMES.get(one.get("type", "")):
            yield f"{name}{_bounds(one)}"


def _bounds(one: Schema) -> str:
    """Return how large a number, or how long a text or a list may be, and its form."""
    low, high, unit = one.get("minimum"), one.get("maximum"), ""
    for kind, what, counted in SIZES:
        if one.get("type") == kind:
            low, high, unit = one.get(f"min{what}"), one.get(f"max{what}"), f" {counted}"
    said = ""
    if low is not None and high is not None:
        said = f" {'of' if unit else 'from'} {low:,} to {high:,}{unit}".replace(",", " ")
    elif low is not None or high is not None:
        end, word = (low, "at least") if high is None else (high, "at most")
        said = f" of {word} {end:,}{unit}".replace(",", " ")
    return f"{said} of the form {one['pattern']}" if "pattern" in one else said
