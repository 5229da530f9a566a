"""Instruction tuning: the loss on the answer only, every answer weighing the same however long it is.

Where an example has given options, the model is also taught to find the right one likelier than the others, which is
what a question with options asks; writing an option's words alone teaches that only in its first token.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch

from residency.core.legal import AtLeast0, AtLeastOne, Keys
from residency.core.settings import Flat, together
from residency.core.store import read_examples
from residency.core.types import Example
from residency.corpus.shape import FAMILIES
from residency.models.local import LocalModel
from residency.models.pack import Batch, Block
from residency.train.forward import scored
from residency.train.loop import train
from residency.train.objectives import choice, next_token, summed
from residency.train.schedule import Schedule
from residency.train.stage import Tokens, cut_to_tokens, leave, open_model, pack_rows
from residency.train.tuning import LORA, Tuning, disagreements

DEFAULT = Schedule()
SKILLS = (*FAMILIES, *(f"{task}/{pattern}" for task, patterns in FAMILIES.items() for pattern in patterns))


@together(disagreements)
def instruct(
    model: Path,
    examples: Path,
    *,
    out: Path,
    tokens: Tokens = 180_000,
    per_example: bool = True,
    contrast: AtLeast0 = 1.0,
    first: Annotated[dict[str, AtLeastOne], Keys(SKILLS)] | None = None,
    tuning: Flat[Tuning] = LORA,
    schedule: Schedule = DEFAULT,
) -> None:
    """Write an adapter tuned on the training examples, up to ``tokens`` tokens in an order drawn from the seed.

    ``contrast`` weighs a second loss on examples with given options: that the right one is the likeliest of them. The
    options share their prompt in the packed row, and without it (0) are not read. ``first`` names tasks (``nli``, or
    one pattern, ``nli/status``) of which so many examples are learned before all else is mixed: a skill that only
    shows after many examples is then found.
    """
    net, local = open_model(model, schedule=schedule, tuning=tuning)
    items = [e for e in read_examples(examples / "examples.jsonl", split="train") if e.meta.get("use") != "prefer"]
    random.Random(f"{schedule.seed}:instruct").shuffle(items)
    early, mixed = in_phases(items, first or {})
    made = [block_of(e, local, options=contrast > 0) for e in (*early, *mixed)]
    ahead = {id(block) for block in made[: len(early)]}
    blocks, left = cut_to_tokens(made, tokens, schedule.batch_tokens)
    parts = [[b for b in blocks if (id(b) in ahead) is wanted] for wanted in (True, False)]
    phases = [pack_rows(part, schedule, fill=local.end) for part in parts if part]
    rows = [row for phase in phases for row in phase]

    def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return instruction_loss(logprobs, batch, per_example=per_example, contrast=contrast)

    sizes = [len(phase) for phase in phases]
    totals = train(net, rows, scored(loss), schedule, out=out, label="instruction tuning", phases=sizes)
    leave(
        net,
        local,
        model,
        out,
        tuning,
        stage="instruct",
        examples=len(blocks),
        left_out=left,
        totals=totals,
        phases=sizes,
        schedule=asdict(schedule),
        rank=tuning.rank,
        per_example=per_example,
        contrast=contrast,
        first=first or {},
    )


def in_phases(items: Sequence[Example], first: dict[str, int]) -> tuple[list[Example], list[Example]]:
    """Return (the first so many of each task or task/pattern that ``first`` names, all others), in the given order."""
    left = dict(first)
    early: list[Example] = []
    mixed: list[Example] = []
    for item in items:
        task, pattern = (str(item.meta.get(key, "")) for key in ("task", "pattern"))
        name = next((n for n in (f"{task}/{pattern}", task) if left.get(n, 0) > 0), None)
        if name:
            left[name] -= 1
        (early if name else mixed).append(item)
    return early, mixed


def instruction_loss(
    logprobs: torch.Tensor, batch: Batch, *, per_example: bool, contrast: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """Return the loss of a packed row whose notes mark the wanted answers with 1 and other options with 0."""
    right = batch.notes > 0
    mine = right[batch.owners]
    value = next_token(logprobs[mine], batch.owners[mine], len(right), per_example=per_example)
    figures = {"answers": int(right.sum()), "answer_loss": float(value.detach())}
    if contrast and not bool(right.all()):
        groups = right.long().cumsum(0) - 1  # the wanted answer stands first among its options
        chosen = choice(summed(logprobs, batch.owners, len(right)), groups, right)
        figures["choice_loss"] = float(chosen.detach())
        value = value + contrast * chosen
    return value, figures


def block_of(example: Example, model: LocalModel, *, options: bool) -> Block:
    """Return the prompt as context, the wanted answer with its end token as a branch, then any other options.

    Options that are all one token get no branches of their own: to write one is already to choose among them.
    """
    answers = [example.wanted[0], *(c for c in example.choices if options and c not in example.wanted)]
    branches = [[*model.encode(a), model.end] for a in answers]
    if max(map(len, branches)) <= 2:
        branches = branches[:1]
    notes = [1.0] + [0.0] * (len(branches) - 1)
    return Block(model.encode_prompt(example.prompt), branches, notes=notes, id=example.id)
