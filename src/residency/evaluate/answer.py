"""How a task's items are put to a model: from examples to one scored row an item (``score``)."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from residency.core.errors import Unsupported
from residency.core.types import Example, Message, Model, Reply
from residency.evaluate.bertscore import bertscore
from residency.evaluate.evidence import behind, grounded, search_of
from residency.evaluate.kinds import FILES
from residency.evaluate.protocol import Protocol, compares, room
from residency.evaluate.readers import is_reader, read
from residency.evaluate.schema import Schema, chosen_in, schema_of
from residency.evaluate.score import Row, row_of
from residency.evaluate.tasks import EITHER, Task
from residency.evaluate.think import thought
from residency.infer.graph.decide import decided
from residency.infer.likelihood import choose
from residency.infer.prompts.shots import prefix_ids, shot_messages
from residency.infer.reason.ask import TOO_LONG
from residency.infer.reason.ask import fits as fits_in
from residency.models.gguf import GgufModel
from residency.models.local import LocalModel
from residency.models.pack import Block
from residency.models.remote import RemoteModel

DEFAULT = Protocol()
LEFT = 256
"""Tokens that evidence leaves for a reply of a way of thinking, which itself says what is too long to be asked."""
LISTS = ("extract", "relate", "tag")
"""Kinds answered by a list: one that only repeats itself has no end, so it is not waited for, and read so far."""


def answer(
    task: Task,
    model: Model,
    examples: Sequence[Example],
    shots: Sequence[Example] = (),
    protocol: Protocol = DEFAULT,
) -> list[Row]:
    """Return one scored row an example, in order; Unsupported where the model cannot do this kind of task."""
    began = time.perf_counter()
    if is_reader(model):
        return read(task, model, examples)
    if compares(task, protocol) and not isinstance(model, LocalModel | RemoteModel) and task.kind != "prefer":
        raise Unsupported(
            f"{task.name} compares likelihoods, which {model.name} does not give fast enough; "
            "use the transformers form of the model (a folder, or runs/latest:aligned)"
        )
    writes = task.kind in EITHER and (protocol.method != "likelihood" or not isinstance(model, LocalModel))
    reply = room(task, examples, protocol) if writes or task.kind != "tag" else 0
    thinks = writes and protocol.thinks
    if protocol.evidence:
        examples = _with_grounds(task, model, examples, shots, protocol, min(reply, LEFT) if thinks else reply)
    fits = [thinks or fitting(model, e, shots, reply) for e in examples]
    asked = [e for e, fit in zip(examples, fits, strict=True) if fit]
    way = _ASK[task.kind]
    if writes:
        way = thought if thinks else _write if task.kind == "tag" else _choose_in_words
    made = iter(way(task, model, asked, list(shots), protocol))
    seconds = (time.perf_counter() - began) / max(1, len(asked))
    return [
        next(made) | {"seconds": seconds} if fit else row_of(task, e, None, finish=TOO_LONG, seconds=0.0)
        for e, fit in zip(examples, fits, strict=True)
    ]


def _with_grounds(
    task: Task, model: Model, examples: Sequence[Example], shots: Sequence[Example], protocol: Protocol, left: int
) -> list[Example]:
    """Return the items with what an index and a graph hold on them, as much of it as leaves room for the reply."""
    grounds = protocol.evidence
    decides = grounds.decides(task.kind, protocol.method) and isinstance(model, LocalModel)
    if grounds.sources or not decides:
        search = search_of(grounds, facts=not decides)
        examples = list(grounded(task, examples, search, lambda e: fitting(model, e, shots, left)))
    return list(behind(task, examples, grounds) if decides else examples)


def fitting(model: Model, example: Example, shots: Sequence[Example], reply: int) -> bool:
    """Return whether an item with the shots before it and its reply fits into the model's context."""
    longest = max((len(choice.encode()) for choice in example.choices), default=0)
    return fits_in(model, [*shot_messages(shots), *example.prompt], longest + reply)


def _choose_in_words(
    task: Task, model: Model, examples: list[Example], shots: list[Example], protocol: Protocol
) -> list[Row]:
    """Return rows of choices that a model has written; what names none is unparsed and wrong (a number: not scored)."""
    turns, rows = shot_messages(shots), []
    schemas = [schema_of(task.kind, e) if protocol.constrained else None for e in examples]
    settings = {"max_tokens": room(task, examples, protocol), **protocol.sampling}
    replies = _replies(model, [[*turns, *e.prompt] for e in examples], schemas, settings)
    for example, reply, schema in zip(examples, replies, schemas, strict=True):
        text, held = reply.text, bool(schema)
        chosen = None if text is None else chosen_in(task.kind, example, text, reason=False, held=held)
        row = row_of(task, example, chosen, tokens=reply.tokens, finish=reply.finish)
        if reply.text is not None and chosen is None:
            row |= {"score": None if task.kind == "similar" else 0.0, "parsed": False, "prediction": ""}
        rows.append(row)
    return rows


def _replies(
    model: Model, prompts: Sequence[list[Message]], schemas: Sequence[Schema | None], settings: dict[str, Any]
) -> list[Reply]:
    """Return the replies in order; prompts with the same schema are written together, and end by it, not by a stop."""
    groups: dict[str, list[int]] = {}
    for place, schema in enumerate(schemas):
        groups.setdefault(json.dumps(schema), []).append(place)
    replies: dict[int, Reply] = {}
    for places in groups.values():
        schema = schemas[places[0]]
        held = {"schema": schema, "stop": ()} if schema else {}
        replies |= zip(places, model.generate([prompts[p] for p in places], **{**settings, **held}), strict=True)
    return [replies[place] for place in range(len(prompts))]


def _choose(task: Task, model: Any, examples: list[Example], shots: list[Example], protocol: Protocol) -> list[Row]:
    rows = []
    for example, choice in zip(examples, choose(model, examples, prefix=prefix_ids(model, shots)), strict=True):
        nodes = example.meta.get("behind") or [None] * len(example.choices)
        index = decided(nodes, choice) if any(nodes) else choice.index
        among = [v for v, node in zip(choice.logprobs, nodes, strict=True) if node] or choice.logprobs
        rows.append(
            row_of(
                task,
                example,
                example.choices[index],
                logprob=choice.logprobs[index],
                confidence=1 / sum(math.exp(v - choice.logprobs[index]) for v in among),
                choice_logprobs=choice.logprobs,
            )
        )
    return rows


def _ask(task: Task, model: Any, examples: list[Example], shots: list[Example], protocol: Protocol) -> list[Row]:
    said = FILES[task.kind].by_likelihood(model, examples, prefix_ids(model, shots))
    return [row_of(task, e, text, **more) for e, (text, more) in zip(examples, said, strict=True)]


def _write(task: Task, model: Model, examples: list[Example], shots: list[Example], protocol: Protocol) -> list[Row]:
    replies = _generate(task, model, examples, shots, protocol)
    rows = []
    for example, reply in zip(examples, replies, strict=True):
        text = reply.text
        if text is not None and task.keep_stop and "[" in text and "]" not in text:
            text = f"{text}]" if reply.finish == "stop" else closed(text) if reply.finish == "loop" else text
        text = None if text is None else text.strip()
        rows.append(row_of(task, example, text, tokens=reply.tokens, logprob=reply.logprob, finish=reply.finish))
    if task.kind in ("generate", "converse"):
        values = bertscore([r["prediction"] or "" for r in rows], [e.wanted for e in examples])
        for row, value in zip(rows, values, strict=True):
            row["bertscore"] = None if math.isnan(value) else value
    return rows


def closed(text: str) -> str:
    """Return a list that only repeats itself, closed behind its last whole entry: the rest it has said already."""
    last = text.rfind("},") if "{" in text else text.rfind('",')
    return text if last < 0 else f"{text[: last + 1]}]"


def _generate(
    task: Task, model: Model, examples: list[Example], shots: list[Example], protocol: Protocol
) -> list[Reply]:
    plain = isinstance(model, LocalModel) and model.plain
    stop = (*task.stop, "\n\n") if plain else task.stop  # what only continues goes on to the next question
    settings: dict[str, Any] = {"max_tokens": task.max_tokens, "stop": stop, **protocol.sampling}
    schemas = [schema_of(task.kind, e) if protocol.constrained else None for e in examples]
    if isinstance(model, LocalModel | GgufModel):
        settings["end_loops"] = task.kind in LISTS
    if isinstance(model, LocalModel):
        settings["prefix"] = prefix_ids(model, shots)
        return _replies(model, [e.prompt for e in examples], schemas, settings)
    turns = shot_messages(shots)
    return _replies(model, [[*turns, *e.prompt] for e in examples], schemas, settings)


def _judge(task: Task, model: Model, examples: list[Example], shots: list[Example], protocol: Protocol) -> list[Row]:
    from residency.evaluate.judges.rubric import judge_of, judged

    judge = judge_of(task.judge)  # refuses before anything is asked
    return judged(judge, examples, _write(task, model, examples, shots, protocol))


def _read(task: Task, model: Any, examples: list[Example], shots: list[Example], protocol: Protocol) -> list[Row]:
    if not isinstance(model, LocalModel):
        raise Unsupported(f"{task.name} reads likelihoods, which {model.name} does not give")
    blocks = [Block([model.end, *model.encode(e.meta["text"])], [], [i]) for i, e in enumerate(examples)]
    scores = model.score(blocks)
    rows = []
    for i, example in enumerate(examples):
        count = len(scores[i].logprobs)
        rows.append(row_of(task, example, None, score=-scores[i].total / count, tokens=count))
    return rows


_ASK: dict[str, Callable[[Task, Any, list[Example], list[Example], Protocol], list[Row]]] = {
    "choice": _choose,
    "classify": _choose,
    "tag": _ask,
    "prefer": _ask,
    "similar": _ask,
    "extract": _write,
    "relate": _write,
    "generate": _write,
    "converse": _write,
    "follow": _write,
    "rubric": _judge,
    "read": _read,
}
