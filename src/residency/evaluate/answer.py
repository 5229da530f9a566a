"""How a task's items are put to a model and scored: from examples to one row an item."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from residency.core.errors import Unsupported
from residency.core.store import sha256_json
from residency.core.types import Example, Message, Model, Reply
from residency.evaluate import vocabulary
from residency.evaluate.bertscore import bertscore
from residency.evaluate.kinds import FILES
from residency.evaluate.protocol import Protocol, compares, own_prompt, reasoning, room
from residency.evaluate.schema import Schema, chosen_in, schema_of
from residency.evaluate.tasks import EITHER, Task
from residency.infer.likelihood import choose
from residency.infer.prompt import prefix_ids, shot_messages
from residency.measure import findings, questions, scorers, spans, writing
from residency.models.gguf import GgufModel
from residency.models.local import LocalModel
from residency.models.pack import Block
from residency.models.remote import RemoteModel

Row = dict[str, Any]
DEFAULT = Protocol()
TOO_LONG = "too long"
"""The finish of an item that does not fit into the model's context, which is not scored."""
TURN = 32
"""Tokens that a chat template may put around a turn, amply."""
LISTS = ("extract", "relate", "tag")
"""Kinds answered by a list: one that only repeats itself has no end and cannot be read, so it is not waited for."""


def answer(
    task: Task,
    model: Model,
    examples: Sequence[Example],
    shots: Sequence[Example] = (),
    protocol: Protocol = DEFAULT,
) -> list[Row]:
    """Return one scored row an example, in order; Unsupported where the model cannot do this kind of task."""
    began = time.perf_counter()
    if compares(task, protocol) and not isinstance(model, LocalModel | RemoteModel):
        raise Unsupported(
            f"{task.name} compares likelihoods, which {model.name} does not give fast enough; "
            "use the transformers form of the model (a folder, or runs/latest:aligned)"
        )
    writes = task.kind in EITHER and (protocol.method != "likelihood" or not isinstance(model, LocalModel))
    reply = room(task, examples, protocol) if writes or task.kind != "tag" else 0
    fits = [fitting(model, e, shots, reply) for e in examples]
    asked = [e for e, fit in zip(examples, fits, strict=True) if fit]
    way = _ASK[task.kind]
    if writes:
        way = _write if task.kind == "tag" and protocol.method != "reason" else _choose_in_words
    made = iter(way(task, model, asked, list(shots), protocol))
    seconds = (time.perf_counter() - began) / max(1, len(asked))
    return [
        next(made) | {"seconds": seconds} if fit else row_of(task, e, None, finish=TOO_LONG, seconds=0.0)
        for e, fit in zip(examples, fits, strict=True)
    ]


def fitting(model: Model, example: Example, shots: Sequence[Example], reply: int) -> bool:
    """Return whether an item with the shots before it and its reply fits into the model's context."""
    room = getattr(model, "context", None)
    if room is None:  # an endpoint, which says so itself
        return True
    turns = [*shot_messages(shots), *example.prompt]
    longest = max((len(c.encode()) for c in example.choices), default=0) + reply
    if sum(len(t["content"].encode()) + TURN for t in turns) + longest <= room:  # no token is shorter than a byte
        return True
    return len(model.encode_prompt(turns)) + longest <= room  # type: ignore[attr-defined]


def row_of(task: Task, example: Example, prediction: str | None, **more: Any) -> Row:
    """Return the scored row of one prediction, the same for a model and for a trivial rule."""
    row: Row = {
        "id": example.id,
        "group": example.group,
        "score": None,
        "prediction": prediction,
        "wanted": example.wanted,
        "logprob": None,
        "confidence": None,
        "hash": sha256_json([own_prompt(example), example.wanted]),
        "parsed": True,
        "counts": None,
        "tokens": 0,
        "pattern": str(example.meta.get("pattern", "")),
    }
    if example.meta.get("shots"):
        row["shots"] = example.meta["shots"]
    if task.kind == "choice":
        row |= _places(example, prediction)
    if prediction is not None:
        row |= _score(task, example, prediction)
    return row | more


def _places(example: Example, prediction: str | None) -> Row:
    """Return at which place the chosen and the right option stood (None: none was chosen), of how many, how turned."""
    places = {text.strip(): place for place, text in reversed(list(enumerate(example.choices)))}
    chosen = None if prediction is None else places.get(prediction.strip())
    right = places.get(example.wanted[0].strip())
    return {"place": chosen, "right": right, "places": len(example.choices), "turn": example.meta.get("turn", 0)}


def _score(task: Task, example: Example, prediction: str) -> Row:
    if task.kind in ("choice", "classify"):
        return {"score": scorers.choice_accuracy(prediction, example.wanted)}
    if task.kind in FILES:
        return FILES[task.kind].scored(example, prediction)
    if task.kind == "rubric":
        return {}  # scored by its judge
    if task.kind == "relate":
        return _relations(example, prediction)
    if task.kind == "extract" and (task.data or task.own):
        return _spans(task, example, prediction)
    if task.kind == "extract":
        found, parsed = scorers.parse_mentions(prediction)
        wanted, _ = scorers.parse_mentions(example.wanted[0])
        counts = scorers.mention_counts(found, wanted)
        return {"counts": counts, "parsed": parsed, "score": _f1(counts) if parsed else 0.0}
    if task.kind == "follow":
        said = prediction.lower()
        return {"score": float(any(w.lower() in said for w in example.wanted))}
    if task.data or task.own:
        return _written(task, example, prediction)
    return {"score": scorers.rouge_l(prediction, example.wanted)}


def _f1(counts: dict[str, int]) -> float:
    total = 2 * counts["tp"] + counts["fp"] + counts["fn"]
    return 2 * counts["tp"] / total if total else 1.0


def _spans(task: Task, example: Example, prediction: str) -> Row:
    """Return the counts of an extraction by place: exact, and relaxed to overlap."""
    pairs, parsed = spans.parse_labelled(prediction, example.meta["labels"])
    found, absent = spans.locate(pairs, example.meta["text"])
    counts = spans.span_counts(found, example.spans, absent)
    relaxed = spans.relaxed_counts(found, example.spans, absent)
    return {"counts": counts, "relaxed": relaxed, "parsed": parsed, "score": _f1(counts) if parsed else 0.0}


def _relations(example: Example, prediction: str) -> Row:
    """Return the counts of pairs of concepts."""
    found = scorers.parse_list(prediction)
    pairs = [p for p in found or () if isinstance(p, list) and all(isinstance(part, str) for part in p)]
    malformed = len(found or ()) - len(pairs)
    counts = spans.relation_counts(pairs, example.meta["relations"], example.meta["concepts"])
    counts["fp"] += malformed
    return {"counts": counts, "parsed": found is not None, "score": _f1(counts) if found is not None else 0.0}


def _written(task: Task, example: Example, prediction: str) -> Row:
    """Return what every metric of written text needs of one item; its score is ROUGE-L."""
    found: Row = {
        **writing.rouge(prediction, example.wanted),
        "chrf": writing.chrf(prediction, example.wanted),
        "bleu": writing.bleu_counts(prediction, example.wanted, task.ask.language),
        "gleu": writing.gleu_counts(prediction, example.wanted, task.ask.language),
    }
    if task.ask.language != "zh":  # words are what white space parts
        found |= {f"distinct_{n}": writing.distinct(prediction, n) for n in (1, 2)}
    if vocabulary.wanted_by(task):
        names = vocabulary.known()
        found["findings"] = None if names is None else findings.best_counts(prediction, example.wanted, names)
    if task.kind == "converse":
        found |= _asking(prediction, example.wanted[0])
    return {**found, "score": found["rouge_l"]}


def _asking(prediction: str, recorded: str) -> Row:
    """Return whether a turn and the recorded one ask a question, and how that agrees."""
    return {
        "questions": questions.question_counts(prediction, recorded),
        "question_share": float(questions.asks(prediction)),
        "question_share_recorded": float(questions.asks(recorded)),
    }


def _choose_in_words(
    task: Task, model: Model, examples: list[Example], shots: list[Example], protocol: Protocol
) -> list[Row]:
    """Return rows of choices that a model has written; what names none is unparsed and wrong (a number: not scored)."""
    turns, rows, reason = shot_messages(shots), [], protocol.method == "reason"
    asked = [reasoning(e) if reason else e for e in examples]
    schemas = [schema_of(task.kind, e) if protocol.constrained and not reason else None for e in examples]
    settings = {"max_tokens": room(task, examples, protocol), **protocol.sampling}
    replies = _replies(model, [[*turns, *e.prompt] for e in asked], schemas, settings)
    for example, reply, schema in zip(examples, replies, schemas, strict=True):
        chosen = (
            None if reply.text is None else chosen_in(task.kind, example, reply.text, reason=reason, held=bool(schema))
        )
        row = row_of(task, example, chosen, tokens=reply.tokens, finish=reply.finish)
        if reason:
            row["reasoning"] = reply.text
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
        top = max(choice.logprobs)
        odds = [math.exp(v - top) for v in choice.logprobs]
        rows.append(
            row_of(
                task,
                example,
                example.choices[choice.index],
                logprob=choice.logprobs[choice.index],
                confidence=odds[choice.index] / sum(odds),
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
        if text is not None and task.keep_stop and reply.finish == "stop" and "[" in text and "]" not in text:
            text += "]"
        text = None if text is None else text.strip()
        rows.append(row_of(task, example, text, tokens=reply.tokens, logprob=reply.logprob, finish=reply.finish))
    if task.kind in ("generate", "converse"):
        values = bertscore([r["prediction"] or "" for r in rows], [e.wanted for e in examples])
        for row, value in zip(rows, values, strict=True):
            row["bertscore"] = None if math.isnan(value) else value
    return rows


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
    "similar": _ask,
    "extract": _write,
    "relate": _write,
    "generate": _write,
    "converse": _write,
    "follow": _write,
    "rubric": _judge,
    "read": _read,
}
