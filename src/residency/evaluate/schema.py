"""The JSON schema that a written answer can be held to, by the kind of its task; and what such an answer says."""

from __future__ import annotations

import json
from collections.abc import Sequence

from residency.core.types import Example
from residency.evaluate.kinds import similar
from residency.infer.prompts import extraction
from residency.infer.prompts.extraction import PHRASE, Schema, list_of, one_of
from residency.measure.scorers import concluded, parse_choice, parse_conclusion


def schema_of(kind: str, example: Example) -> Schema | None:
    """Return the schema of an item's answer: a choice, a number, a list of labels, phrases, labelled ones or pairs.

    None where the answer is free text.
    """
    if kind in ("choice", "classify"):
        return one_of(example.choices)
    if kind == "similar":
        return {"type": "integer", "enum": [int(number) for number in example.choices]}
    if kind == "tag":
        labels = example.meta["labels"]
        return {**list_of(one_of(labels)), "maxItems": len(labels)}
    if kind == "relate":
        return list_of({"type": "array", "items": PHRASE, "minItems": 2, "maxItems": 2})
    if kind == "extract":
        return extraction.schema(example.meta.get("labels", ()))
    return None


def choice_in(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a reply held to a schema names: its JSON, else what can be read of it, else None.

    An endpoint may not know schemas, and answer as it would without.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, str) and found in choices else parse_choice(text, choices)


def chosen_in(kind: str, example: Example, text: str, *, reason: bool, held: bool) -> str | None:
    """Return what a reply chooses, None where that cannot be read; of a set of labels what is to be read as one.

    ``reason``: it is a chain of thought; ``held``: it was held to a schema.
    """
    if kind == "tag":
        return concluded(text)
    if kind == "similar":
        return similar.number_in(text, example, thought=reason)
    read = choice_in if held else parse_conclusion if reason else parse_choice
    return read(text, example.choices)
