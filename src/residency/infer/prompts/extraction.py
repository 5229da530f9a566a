"""One form for every extraction: how phrases of a text are asked for, the JSON that answers, its schema, its reading.

Of one label the answer is a list of phrases, of several a list of objects with phrase and label. A phrase counts where
it stands in the text, at every whole-word occurrence: what is not there was not extracted.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from residency.core.types import Message, Model, Span
from residency.infer.prompts.prompt import Prompt
from residency.infer.prompts.words import Words
from residency.measure.spans import locate, parse_labelled

Schema = dict[str, Any]
PHRASE: Schema = {"type": "string"}


@dataclass(frozen=True, slots=True)
class Extracted:
    """The spans of a text that a reply names; ``absent`` phrases stand nowhere in it. ``parsed``: it was a list."""

    spans: list[Span]
    absent: int = 0
    parsed: bool = True


def extract(
    model: Model, texts: Sequence[str], labels: Sequence[str], prompt: Prompt, *, max_tokens: int = 256
) -> list[Extracted]:
    """Return what a model finds in each text, its replies held to the schema; an abstention is not parsed."""
    asked = [messages(prompt, text, labels) for text in texts]
    replies = model.generate(asked, max_tokens=max_tokens, schema=schema(labels))
    return [read(reply.text or "", text, labels) for reply, text in zip(replies, texts, strict=True)]


def messages(prompt: Prompt, text: str, labels: Sequence[str]) -> list[Message]:
    """Return the prompt that asks for the phrases of a text."""
    return [{"role": "user", "content": put(prompt.worded, prompt.instruction, wish(prompt.worded, labels), text)}]


def wish(words: Words, labels: Sequence[str]) -> str:
    """Return what asks for the form of the answer."""
    return words.listed if len(labels) == 1 else words.labelled.format(", ".join(labels))


def put(words: Words, instruction: str, form: str, text: str) -> str:
    """Return the instruction with its answer's form, then the text as it is; a turned wording has the text first."""
    if words.turned:
        return text + "\n\n" + joined(instruction, form)
    return joined(words.opening, instruction, form) + "\n\n" + text


def joined(*parts: str) -> str:
    """Return parts of a prompt with an empty line between them, those that say nothing left out."""
    return "\n\n".join(part.strip() for part in parts if part and part.strip())


def answer_of(spans: Sequence[Span], text: str, labels: Sequence[str]) -> str:
    """Return the JSON list that names these spans of a text, each phrase once, in the order of the text."""
    if len(labels) == 1:
        return json.dumps(list(dict.fromkeys(text[s.start : s.end] for s in spans)), ensure_ascii=False)
    pairs = dict.fromkeys((text[s.start : s.end], s.label) for s in spans)
    return json.dumps([{"text": words, "label": label} for words, label in pairs], ensure_ascii=False)


def read(reply: str, text: str, labels: Sequence[str]) -> Extracted:
    """Return the spans that a reply names."""
    pairs, parsed = parse_labelled(reply, labels)
    found, absent = locate(pairs, text)
    return Extracted(list(found), absent, parsed)


def schema(labels: Sequence[str]) -> Schema:
    """Return the JSON schema of an answer."""
    return list_of(_labelled(labels) if len(labels) > 1 else PHRASE)


def list_of(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def one_of(texts: Sequence[str]) -> Schema:
    """Return the schema of one of a closed set of texts."""
    return {"type": "string", "enum": list(texts)}


def _labelled(labels: Sequence[str]) -> Schema:
    properties = {"text": PHRASE, "label": one_of(labels)}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
