"""What every maker yields: rows in the three shapes of the field, and refusals, each with what it stands on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated, Any, TypeVar

from residency.core.legal import Range
from residency.core.types import Document, Message, Model, Reply
from residency.corpus.records import Left

Job = TypeVar("Job")
Batch = Annotated[int, Range(least=1, most=10_000)]
Room = Annotated[int, Range(least=8, most=32_768)]
Heat = Annotated[float, Range(least=0, most=2)]
Few = Annotated[int, Range(least=1, most=20)]


@dataclass(frozen=True, slots=True)
class Refused(Left):
    """A row that was asked for and is not kept; ``row`` is what came, where something readable did, to be kept aside.

    The reason is one of a few fixed words, so that it can be counted; it never quotes.
    """

    row: Document | None = field(default=None, compare=False)


Outcome = Document | Refused


@dataclass(slots=True)
class Tally:
    """How many rows were asked for and made, and how many were refused for which reason."""

    asked: int = 0
    made: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def kept(outcomes: Iterable[Outcome], tally: Tally) -> Iterator[Document]:
    """Yield the rows that were made, and count all outcomes into ``tally``."""
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            tally.asked += outcome.count
            tally.refused[outcome.reason] += outcome.count
        else:
            tally.asked += 1
            tally.made += 1
            yield outcome


def refusals(left: Counter[str]) -> Iterator[Refused]:
    """Yield what was left out on the way, counted by reason."""
    yield from (Refused(reason, count=number) for reason, number in left.items())


# --- rows ------------------------------------------------------------------------------------------------------------


def turn(role: str, content: str) -> Message:
    """Return a chat turn."""
    return {"role": role, "content": content}


def plain(messages: Sequence[Message]) -> str:
    """Return a chat as plain text: the turns one under the other, without marks that a reader would have to know."""
    return "\n\n".join(message["content"] for message in messages)


def instruction(maker: str, key: str, bases: Sequence[Document], prompt: str, answer: str, **meta: Any) -> Document:
    """Return a row of one question or task and its answer."""
    return chat(maker, key, bases, [turn("user", prompt), turn("assistant", answer)], kind="instruction", **meta)


def chat(
    maker: str, key: str, bases: Sequence[Document], messages: list[Message], *, kind: str = "dialogue", **meta: Any
) -> Document:
    """Return a row of several turns; ``bases`` are the documents that it stands on."""
    return standing_on(bases, key, plain(messages), maker, {"kind": kind, "messages": messages, **meta})


def preference(
    maker: str, key: str, bases: Sequence[Document], prompt: list[Message], chosen: str, rejected: str, **meta: Any
) -> Document:
    """Return a preference row: a prompt, the better and the worse answer, as message lists."""
    better, worse = [turn("assistant", chosen)], [turn("assistant", rejected)]
    fields = {"kind": "preference", "prompt": prompt, "chosen": better, "rejected": worse, **meta}
    return standing_on(bases, key, plain([*prompt, *better]), maker, fields)


def standing_on(bases: Sequence[Document], key: str, text: str, maker: str, meta: dict[str, Any]) -> Document:
    """Return a row with the origin of the documents that it stands on.

    Its licence names all of theirs, its date is the latest. Raises ValueError where they are of two patients: such a
    row could not be kept with either.
    """
    patients = {base.patient for base in bases if base.patient is not None}
    if len(patients) > 1:
        raise ValueError("a row may not stand on the documents of two patients")
    origin = [base.id for base in bases]
    meta = {**meta, "from": meta.get("from", origin), "from_source": sorted({base.source for base in bases})}
    return Document(
        key,
        text,
        maker,
        "; ".join(dict.fromkeys(base.licence for base in bases)),
        language=bases[0].language,
        patient=next(iter(patients), None),
        date=max((base.date for base in bases if base.date), default=None),
        meta=meta,
    )


# --- asking a model --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asking:
    """How a model is asked."""

    # The room for a reply, in tokens.
    max_tokens: Room = 600
    # How freely a reply is drawn; 0: the likeliest.
    temperature: Heat = 0.0
    # How many prompts the model is given at a time.
    batch: Batch = 16


def replies(
    model: Model,
    jobs: Iterable[Job],
    prompt: Callable[[Job], list[Message]],
    asking: Asking,
    *,
    seed: int,
    schema: dict[str, Any] | None = None,
) -> Iterator[tuple[Job, Reply]]:
    """Yield each job with the model's reply to its prompt, in order; see ``drafts``."""
    yield from ((job, reply) for job, [reply] in drafts(model, jobs, prompt, asking, seed=seed, schema=schema))


def drafts(
    model: Model,
    jobs: Iterable[Job],
    prompt: Callable[[Job], list[Message]],
    asking: Asking,
    *,
    seed: int,
    schema: dict[str, Any] | None = None,
    n: int = 1,
) -> Iterator[tuple[Job, list[Reply]]]:
    """Yield each job with ``n`` replies to its prompt, in order; ``asking.batch`` jobs are in memory at a time.

    Each batch is drawn by a seed of its own, so where ``temperature`` is above 0 the batch size is part of the seed.
    """
    waiting, number = iter(jobs), 0
    how: dict[str, Any] = {"max_tokens": asking.max_tokens, "temperature": asking.temperature, "schema": schema, "n": n}
    while part := list(islice(waiting, asking.batch)):
        found = model.generate([prompt(job) for job in part], seed=(seed + number) % 2**32, **how)
        yield from ((job, found[at * n : (at + 1) * n]) for at, job in enumerate(part))
        number += 1


def parsed(reply: Reply, schema: dict[str, Any]) -> dict[str, Any] | str:
    """Return a reply's JSON object, or why it is none: it must be that object alone, of the schema's form."""
    if reply.text is None:
        return "the model abstained"
    try:
        found = json.loads(reply.text)
    except (ValueError, RecursionError):
        return "the reply was cut short" if reply.finish in ("length", "loop") else "the reply is not JSON"
    return found if _fits(found, schema) else "the reply is not of the form asked for"


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    """Return whether a value has the schema's form; of JSON schema what the prompts here use."""
    kind = schema["type"]
    if kind == "object":
        inner = schema["properties"]
        return (
            isinstance(value, dict) and value.keys() == inner.keys() and all(_fits(value[k], inner[k]) for k in inner)
        )
    if kind == "array":
        few, most = schema.get("minItems", 0), schema.get("maxItems", len(value) if isinstance(value, list) else 0)
        return isinstance(value, list) and few <= len(value) <= most and all(_fits(v, schema["items"]) for v in value)
    return isinstance(value, {"string": str, "boolean": bool}[kind])


def object_of(**properties: Any) -> dict[str, Any]:
    """Return the JSON schema of an object that has exactly these properties."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def list_of(items: dict[str, Any], least: int, most: int) -> dict[str, Any]:
    """Return the JSON schema of a list."""
    return {"type": "array", "items": items, "minItems": least, "maxItems": most}


STRING: dict[str, Any] = {"type": "string"}
YES_NO: dict[str, Any] = {"type": "boolean"}
