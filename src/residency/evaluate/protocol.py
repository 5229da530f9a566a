"""How a model is asked: the settings that stand behind a number, apart from the task and the model."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from residency.core.types import Example, Message
from residency.evaluate.tasks import BY_LIKELIHOOD, EITHER, Task
from residency.infer.prompt import nearest_shots, pick_shots, shot_messages

Method = Literal["likelihood", "generate", "reason"]
Pick = Literal["fixed", "random", "nearest"]
REASON = "Think step by step in a few sentences. Then end with a line `Answer: ` and your choice."
REASONING_TOKENS = 256
SHORT_REPLY = 16
"""Tokens that a choice may take in words, where it is not longer itself."""
TEMPERATURE = 0.7
"""Of replies that are asked for again."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """The settings of asking.

    ``method`` of choices, labels and numbers: "likelihood", "generate" (they are written) or "reason" (after a chain of
    thought: Wei et al. 2022, Chain-of-Thought Prompting). ``pick`` of solved examples: the same "fixed" ones for all,
    "random" ones for each question, or those "nearest" to it. ``style`` of options as in ``Ask``; "" is the task's
    own. ``constrained`` replies are held to a JSON schema where their kind has one.

    One of three makes a variant of the asking: ``wording`` and ``turn`` as in ``Ask``, or ``repeat``, the number of a
    reply that is sampled (0: greedy).
    """

    method: Method = "likelihood"
    pick: Pick = "fixed"
    style: str = ""
    template: bool = True
    seed: int = 0
    constrained: bool = False
    wording: int = 0
    turn: int = 0
    repeat: int = 0

    def task(self, task: Task) -> Task:
        """Return the task as this protocol asks it."""
        if not (task.data or task.own):
            return task
        style = self.style if self.style and task.kind == "choice" else task.ask.style
        return replace(task, ask=replace(task.ask, style=style, wording=self.wording, turn=self.turn))

    @property
    def variant(self) -> str:
        """Return what is varied and which of its ways this is, "order-2"; "" where nothing is."""
        ways = {"wording": self.wording, "order": self.turn, "repeat": self.repeat}
        return next((f"{way}-{number}" for way, number in ways.items() if number), "")

    @property
    def sampling(self) -> dict[str, Any]:
        """Return how replies are drawn, as settings of ``generate``; none are greedy ones."""
        return {"temperature": TEMPERATURE, "seed": self.seed + self.repeat} if self.repeat else {}


def with_shots(
    examples: Sequence[Example],
    pool: Sequence[Example],
    count: int,
    protocol: Protocol,
    shown: Callable[[Example], Example] = lambda solved: solved,
) -> tuple[list[Example], list[Example]]:
    """Return (the examples, the examples shown before all of them).

    Where each question has its own, they become turns of its prompt and none is shown before all; ``meta`` then holds
    their ids ("shots") and how many messages they are ("turns"). ``shown`` is how a solved one is put.
    """
    if not count or protocol.pick == "fixed":
        return list(examples), [shown(solved) for solved in pick_shots(list(pool), count)]
    near = nearest_shots(pool) if protocol.pick == "nearest" else None
    made = []
    for example in examples:
        if near is None:
            drawn = random.Random(f"{protocol.seed}:shots:{example.id}").sample(list(pool), min(count, len(pool)))
        else:
            drawn = near(example, count)
        turns = shot_messages([shown(solved) for solved in drawn])
        meta = {**example.meta, "shots": [s.id for s in drawn], "turns": len(turns)}
        made.append(replace(example, prompt=[*turns, *example.prompt], meta=meta))
    return made, []


def own_prompt(example: Example) -> list[Message]:
    """Return the question itself, without the solved examples that were drawn for it."""
    return example.prompt[example.meta.get("turns", 0) :]


def reasoning(example: Example) -> Example:
    """Return the example with the wish to think first."""
    last = example.prompt[-1]
    return replace(example, prompt=[*example.prompt[:-1], {**last, "content": f"{last['content']}\n\n{REASON}"}])


def compares(task: Task, protocol: Protocol) -> bool:
    """Return whether a task's answers are compared by likelihood, and nothing need be written."""
    return task.kind in BY_LIKELIHOOD and (task.kind not in EITHER or protocol.method == "likelihood")


def room(task: Task, examples: Sequence[Example], protocol: Protocol) -> int:
    """Return how many tokens a reply may take; a token of a choice holds a byte of it or more."""
    if task.kind in EITHER and protocol.method == "reason":
        return REASONING_TOKENS
    if task.kind not in EITHER or task.kind == "tag":
        return task.max_tokens
    return max(SHORT_REPLY, 4 + max((len(c.encode()) for e in examples for c in e.choices), default=0))
