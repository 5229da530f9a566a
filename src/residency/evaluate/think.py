"""Choices that are reached by a way of thinking (``infer/reason``): how it is set, its rows, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from residency.core.types import Example, Message, Model
from residency.evaluate.schema import chosen_in
from residency.evaluate.score import Row, row_of
from residency.infer.prompts.shots import shot_messages
from residency.infer.reason import STRATEGIES, together, usual
from residency.infer.reason.conclude import THINK, Read
from residency.measure.scorers import concluded, parse_list

if TYPE_CHECKING:
    from residency.evaluate.protocol import Protocol
    from residency.evaluate.tasks import Task

WORDS = {
    "cot": "after a chain of thought",
    "vote": "by the vote of {votes} drawn chains of thought",
    "refine": "by the vote of {refined} answers drawn with {drafts} drawn chains of thought in view",
    "decompose": "after up to {parts} simpler questions",
    "diagnose": "after problems, differential, evidence for and against, and the next test",
}
"""How an answer is reached, by the name of the strategy; what stands in brackets is its setting."""
TOLD = ("votes", "margin", "chains", "asked_again", "drafts", "questions", "problems", "differential", "next_test")
"""What a row keeps of a strategy's way, beside the reasoning itself."""


def settings_of(task: Task, protocol: Protocol) -> dict[str, Any]:
    """Return how a task's items go through the protocol's strategy."""
    drawn = {"seed": protocol.seed + protocol.repeat, **protocol.sampling}
    return {"tokens": protocol.tokens or usual(protocol.method), "read": reader(task.kind), **drawn}


def reader(kind: str) -> Read:
    """Return what reads the conclusion of an item of a kind; of a set of labels it must be a list."""

    def read(example: Example, text: str) -> str | None:
        if kind == "tag":
            found = concluded(text)
            return found if parse_list(found) is not None else None
        return chosen_in(kind, example, text, reason=True, held=False)

    return read


def thought(task: Task, model: Model, examples: list[Example], shots: list[Example], protocol: Protocol) -> list[Row]:
    """Return rows of choices that were reached by thinking; what concludes none is unparsed and wrong (a number: not
    scored).

    The share of the chains that a vote won by is the confidence of the answer.
    """
    turns = shot_messages(shots)
    asked = [replace(e, prompt=[*turns, *e.prompt]) for e in examples]
    replies = together(STRATEGIES[protocol.method], asked, model, **settings_of(task, protocol))
    rows = []
    for example, reply in zip(examples, replies, strict=True):
        chosen = reply.text if reply.about.get("concluded") or task.kind == "tag" else None
        row = row_of(task, example, chosen, tokens=reply.tokens, finish=reply.finish)
        row |= {"reasoning": reply.about.get("rationale"), **{k: v for k, v in reply.about.items() if k in TOLD}}
        if reply.about.get("chains", 1) > 1:
            row["confidence"] = reply.about["share"]
        if reply.text is not None and chosen is None:
            row |= {"score": None if task.kind == "similar" else 0.0, "parsed": False, "prediction": ""}
        rows.append(row)
    return rows


def first_asked(task: Task, example: Example, protocol: Protocol) -> list[Message]:
    """Return the first chat that the strategy puts to a model for an example."""
    steps = partial(STRATEGIES[protocol.method], **settings_of(task, protocol))(example)
    first: list[Message] = next(steps)[0].prompt
    return first


def said(protocol: Protocol, answer: str) -> str:
    """Return how an answer is reached, in words."""
    names = [name for name in ("votes", "drafts", "refined", "parts") if f"{{{name}}}" in WORDS[protocol.method]]
    how = WORDS[protocol.method].format(**{name: usual(protocol.method, name) for name in names})
    drawn = protocol.sampling or ({"temperature": usual(protocol.method, "temperature"), "seed": protocol.seed})
    draw = "at temperature {temperature}, seed {seed}".format(**drawn) if drawn["temperature"] else "greedily"
    most = protocol.tokens or usual(protocol.method)
    return f'generation of {answer} {how}, {draw}, at most {most} tokens an item in all: "{THINK}"'
