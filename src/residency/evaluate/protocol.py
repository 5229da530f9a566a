"""How a model is asked: the settings that stand behind a number, apart from the task and the model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from residency.core.types import Example
from residency.evaluate.tasks import Task
from residency.infer.prompt import nearest_shots, pick_shots, shot_messages

Method = Literal["likelihood", "generate", "reason"]
Pick = Literal["fixed", "random", "nearest"]
REASON = "Think step by step in a few sentences. Then end with a line `Answer: ` and your choice."
REASONING_TOKENS = 256


@dataclass(frozen=True, slots=True)
class Protocol:
    """The settings of asking.

    ``method`` of choices: "likelihood", "generate" (the choice is written) or "reason" (after a chain of thought: Wei
    et al. 2022, Chain-of-Thought Prompting). ``pick`` of solved examples: the same "fixed" ones for all, "random" ones
    for each question, or those "nearest" to it. ``style`` of options as in ``Ask``; "" is the task's own.
    """

    method: Method = "likelihood"
    pick: Pick = "fixed"
    style: str = ""
    template: bool = True
    seed: int = 0

    def task(self, task: Task) -> Task:
        """Return the task as this protocol asks it."""
        if not self.style or task.kind != "choice" or not (task.data or task.own):
            return task
        return replace(task, ask=replace(task.ask, style=self.style))


def with_shots(
    examples: Sequence[Example], pool: Sequence[Example], count: int, protocol: Protocol
) -> tuple[list[Example], list[Example]]:
    """Return (the examples, the examples shown before all of them).

    Where each question has its own, they become turns of its prompt and none is shown before all.
    """
    if not count or protocol.pick == "fixed":
        return list(examples), pick_shots(list(pool), count)
    near = nearest_shots(pool) if protocol.pick == "nearest" else None
    made = []
    for example in examples:
        if near is None:
            drawn = random.Random(f"{protocol.seed}:shots:{example.id}").sample(list(pool), min(count, len(pool)))
        else:
            drawn = near(example, count)
        made.append(replace(example, prompt=[*shot_messages(drawn), *example.prompt]))
    return made, []


def reasoning(example: Example) -> Example:
    """Return the example with the wish to think first."""
    last = example.prompt[-1]
    return replace(example, prompt=[*example.prompt[:-1], {**last, "content": f"{last['content']}\n\n{REASON}"}])
