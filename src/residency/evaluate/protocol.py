"""How a model is asked: the settings that stand behind a number, apart from the task and the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

from residency.core.types import Example, Message
from residency.evaluate.evidence import NONE, Grounds
from residency.evaluate.selection import drawn
from residency.evaluate.tasks import BY_LIKELIHOOD, EITHER, Task
from residency.infer.prompts.library import fitting
from residency.infer.prompts.nearest import Embed, Find, nearest_shots, remembering, similar_shots
from residency.infer.prompts.prompt import Prompt
from residency.infer.prompts.shots import drawn_shots, named_shots, pick_shots, shot_messages
from residency.infer.reason import usual

Method = Literal["likelihood", "generate", "cot", "vote", "refine", "decompose", "diagnose"]
THINKING = ("cot", "vote", "refine", "decompose", "diagnose")
"""Methods that are ways of thinking (``infer/reason``)."""
Pick = Literal["fixed", "random", "nearest", "similar", "balanced"]
POOL = 5000
"""Solved examples that are embedded, at most: of more, as many drawn by a hash of their ids."""
SHORT_REPLY = 16
"""Tokens that a choice may take in words, where it is not longer itself."""
TEMPERATURE = 0.7
"""Of replies that are asked for again."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """The settings of asking.

    ``method`` of choices, labels and numbers: "likelihood", "generate" (they are written) or a way of thinking ("cot"
    and the others of ``THINKING``), in at most ``tokens`` an item (0: its own). ``evidence`` is what is laid before a
    question. ``pick`` of solved examples: the same "fixed" ones for all,
    "random" ones for each question, those "nearest" to it by their words or "similar" by the vectors of ``embedder``,
    or of these the nearest of every answer in turn ("balanced"). ``prompts`` are files that tasks are asked by, each
    those it is for. ``style`` of options as in ``Ask``; "" is the task's
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
    prompts: tuple[Prompt, ...] = ()
    embedder: str = "minilm"
    tokens: int = 0
    evidence: Grounds = NONE

    def of(self, task: Task) -> Protocol:
        """Return the protocol of one task: with what its prompt says of solved examples and schema, and no other."""
        prompt = self.prompt(task)
        if prompt is None:
            return replace(self, prompts=()) if self.prompts else self
        pick: Any = prompt.shots.pick if prompt.shots.count and self.pick == "fixed" else self.pick
        return replace(self, prompts=(prompt,), pick=pick, constrained=self.constrained or prompt.schema)

    def prompt(self, task: Task) -> Prompt | None:
        """Return the prompt that a task is asked by, None where it is asked in its own words."""
        return fitting(self.prompts, task.name, task.kind)

    def shots(self, task: Task, wanted: int = 0) -> int:
        """Return how many solved examples a task is shown: as many as wanted, or else as its prompt says."""
        prompt = self.prompt(task)
        return wanted or (prompt.shots.count if prompt else 0)

    def task(self, task: Task) -> Task:
        """Return the task as this protocol asks it."""
        if prompt := self.prompt(task):
            task = replace(task, ask=task.ask.by(prompt))
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
    def thinks(self) -> bool:
        """Return whether answers are reached by a way of thinking."""
        return self.method in THINKING

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
    find: Find | None = None,
) -> tuple[list[Example], list[Example]]:
    """Return (the examples, the examples shown before all of them).

    Where each question has its own, they become turns of its prompt and none is shown before all; ``meta`` then holds
    their ids ("shots") and how many messages they are ("turns"). ``shown`` is how a solved one is put. ``find`` is what
    ``finder`` returns, for those who show them part by part.
    """
    if not count or protocol.pick == "fixed":
        return list(examples), [shown(solved) for solved in fixed(pool, count, protocol)]
    find, made = find or finder(pool, protocol), []
    for example in examples:
        solved = find(example, count)
        turns = shot_messages([shown(one) for one in solved])
        meta = {**example.meta, "shots": [s.id for s in solved], "turns": len(turns)}
        made.append(replace(example, prompt=[*turns, *example.prompt], meta=meta))
    return made, []


def fixed(pool: Sequence[Example], count: int, protocol: Protocol) -> list[Example]:
    """Return the solved examples that all questions are shown: those that the prompt names, or as different as can be.

    Raises UserError where a named one is not there.
    """
    ids = protocol.prompts[0].shots.ids if len(protocol.prompts) == 1 else ()
    return named_shots(pool, ids) if count and len(ids) == count else pick_shots(list(pool), count)


def finder(pool: Sequence[Example], protocol: Protocol) -> Find:
    """Return what finds the solved examples of one question; what is embedded is so once."""
    if protocol.pick == "random":
        return drawn_shots(pool, protocol.seed)
    if protocol.pick == "nearest":
        return nearest_shots(pool)
    return similar_shots(drawn(pool, POOL), embedding(protocol.embedder), balanced=protocol.pick == "balanced")


@lru_cache(maxsize=1)
def embedding(name: str) -> Embed:
    """Return the embedding of a model, which stays open and remembers the texts it has read."""
    from residency.models.load import load

    return remembering(load(name, type="fp32").embed)


def own_prompt(example: Example) -> list[Message]:
    """Return the question itself, without the solved examples and the evidence that were found for it."""
    return list(example.meta.get("unaided", example.prompt))[example.meta.get("turns", 0) :]


def compares(task: Task, protocol: Protocol) -> bool:
    """Return whether a task's answers are compared by likelihood, and nothing need be written."""
    return task.kind in BY_LIKELIHOOD and (task.kind not in EITHER or protocol.method == "likelihood")


def room(task: Task, examples: Sequence[Example], protocol: Protocol) -> int:
    """Return how many tokens a reply may take; a token of a choice holds a byte of it or more."""
    if task.kind in EITHER and protocol.thinks:
        return protocol.tokens or int(usual(protocol.method))
    if task.kind not in EITHER or task.kind == "tag":
        return task.max_tokens
    return max(SHORT_REPLY, 4 + max((len(c.encode()) for e in examples for c in e.choices), default=0))
