"""What a model copies from its prompt in place of a sentence: the name of a field, or words of the instruction."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from residency.serve.apps.case import Case
from residency.serve.apps.places import Json, mapped

_WORD = re.compile(r"[^\W_]+")
_AT = re.compile(r"\[\d+\]")


def without_echoes(case: Case, reply: Json) -> Json:
    """Return a reply without texts that say nothing: signs alone, names of fields, and words of the instruction that
    what was given does not hold. A choice of the schema stays.
    """
    names, asked = set(_names(case)), f" {_plain(case.application.prompts[case.language].instruction)} "
    given, chosen = f" {_plain(' '.join(one.text for one in case.sources))} ", set(_chosen(case.schema))

    def kept(place: str, text: str) -> str | None:
        plain = _plain(text)
        told = " " in plain and f" {plain} " in asked and f" {plain} " not in given
        return text if _AT.sub("[]", place) in chosen or (plain and plain not in names and not told) else None

    return dict(mapped(reply, kept))


def _names(case: Case) -> Iterator[str]:
    """Yield what the fields of the reply and of the form are called."""
    for one in case.application.inputs.values():
        yield _plain(one.name)
        yield from map(_plain, one.title.values())
    yield from map(_plain, case.application.schema["properties"])


def _chosen(schema: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of texts that are one of a closed list."""
    if "enum" in schema:
        yield path
    for name, one in (schema.get("properties") or {}).items():
        yield from _chosen(one, f"{path}.{name}" if path else name)
    if "items" in schema:
        yield from _chosen(schema["items"], f"{path}[]")


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.casefold()))
