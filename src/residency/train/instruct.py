"""Instruction tuning: the loss on the answer only, every answer weighing the same however long it is.

Of a dialogue the last answer is learned, or every turn of the assistant; where it is so wished, the prompt as well.

Where an example has given options, the model is also taught to find the right one likelier than the others, which is
what a question with options asks; writing an option's words alone teaches that only in its first token.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import torch

from residency.core.legal import AtLeast0, AtLeastOne, Clash, Keys, agree
from residency.core.settings import Flat, together
from residency.core.store import read_examples
from residency.core.types import Example
from residency.corpus.shape import FAMILIES
from residency.models.local import LocalModel
from residency.models.pack import Batch, Block
from residency.train import check
from residency.train.answers import FIGURE, Keep, answering
from residency.train.forward import scored
from residency.train.held_out import parted, watch_of
from residency.train.loop import train
from residency.train.objectives import choice, next_token, summed
from residency.train.order import Order, in_stages, step_by_step
from residency.train.schedule import Schedule
from residency.train.stage import Tokens, fitting, leave, open_model, pack_rows
from residency.train.tuning import LORA, Tuning, disagreements
from residency.train.turns import turned

DEFAULT = Schedule()
SKILLS = (*FAMILIES, *(f"{task}/{pattern}" for task, patterns in FAMILIES.items() for pattern in patterns))
Turns = Literal["last", "all"]
HELD = 100
"""Held-out examples that are measured on the way: a look must not cost what it saves."""


def _clashes(given: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield what does not go together: the order of a corpus and one's own, turns and all tokens, methods."""
    yield from disagreements(given)
    if given.get("order") == "corpus" and given.get("first"):
        yield ("first", "order"), "first names what is learned early, and order: corpus has an order; give one of them"
    if given.get("keep") == "answers" and not (given.get("schedule") or {}).get("evaluate"):
        text = "keep: answers needs measures on the way; say in schedule.evaluate after how many steps one is taken"
        yield ("keep", "schedule"), text
    if given.get("turns") == "all" and given.get("answer_only") is False:
        text = "answer_only: false learns every token, the assistant's turns among them; leave turns out"
        yield ("turns", "answer_only"), text


@together(_clashes)
def instruct(
    model: Path,
    examples: Path,
    *,
    out: Path,
    tokens: Tokens = 180_000,
    per_example: bool = True,
    contrast: AtLeast0 = 1.0,
    first: Annotated[dict[str, AtLeastOne], Keys(SKILLS)] | None = None,
    # Which answers of a dialogue are learned: its last one, or all turns of the assistant.
    turns: Turns = "last",
    # Whether the answer alone is learned, or every token of prompt and answer.
    answer_only: bool = True,
    # Which weights are left, where held-out examples are measured: those of the lowest loss on them, or those that
    # write the best answers to them (which takes the time of writing them).
    keep: Keep = "loss",
    # The order of learning: drawn from the seed, or that of the corpus's mixture, stage by stage.
    order: Order = "drawn",
    tuning: Flat[Tuning] = LORA,
    schedule: Schedule = DEFAULT,
) -> None:
    """Write an adapter tuned on the training examples, up to ``tokens`` tokens in an order drawn from the seed.

    ``contrast`` weighs a second loss on examples with given options: that the right one is the likeliest of them. The
    options share their prompt in the packed row, and without it (0) are not read. ``first`` names tasks (``nli``, or
    one pattern, ``nli/status``) of which so many examples are learned before all else is mixed: a skill that only
    shows after many examples is then found. Without ``answer_only`` options are not contrasted. With
    ``schedule.evaluate`` the loss on examples of the split dev, or on a share of the others, is measured on the way;
    with ``keep: answers`` what the model writes to them as well (`answers.grade`), and it decides which weights stay.
    """
    given = {"first": first, "order": order, "turns": turns, "answer_only": answer_only, "keep": keep}
    agree(_clashes({**given, "schedule": {"evaluate": schedule.evaluate}}))
    net, local = open_model(model, schedule=schedule, tuning=tuning)
    check.speakable(local, turns)
    items, held = held_apart(examples, schedule)
    check.answered(items)

    def block(example: Example) -> Block:
        return block_of(example, local, options=contrast > 0, turns=turns, answer_only=answer_only)

    if order == "corpus":
        groups = in_stages(examples, items, lambda e: e.id)
    else:
        random.Random(f"{schedule.seed}:instruct").shuffle(items)
        groups = list(in_phases(items, first or {}))
    parts, left = fitting([[block(e) for e in group] for group in groups], tokens, schedule.batch_tokens)
    check.within([b for part in parts for b in part], local.context)
    phases = [pack_rows(part, schedule, fill=local.end, shuffled=order == "drawn") for part in parts]
    rows = [row for phase in phases for row in phase]

    def loss(logprobs: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        return instruction_loss(logprobs, batch, per_example=per_example, contrast=contrast)

    sizes = [len(phase) for phase in phases]
    steps = step_by_step(sizes, schedule.accumulate) if order == "corpus" else sizes
    look = watch_of(net, local, [block(e) for e in held], scored(loss), schedule)
    if look and keep == "answers":
        look = look.decided_by(answering(local, held), FIGURE, lower=False)
    totals = train(net, rows, scored(loss), schedule, out=out, label="instruction tuning", phases=steps, held_out=look)
    leave(
        net,
        local,
        model,
        out,
        tuning,
        stage="instruct",
        examples=sum(map(len, parts)),
        left_out=left,
        totals=totals,
        phases=sizes,
        schedule=asdict(schedule),
        rank=tuning.rank,
        per_example=per_example,
        contrast=contrast,
        first=first or {},
        turns=turns,
        answer_only=answer_only,
        order=order,
        keep=keep,
    )


def held_apart(examples: Path, schedule: Schedule) -> tuple[list[Example], list[Example]]:
    """Return (what is learned, what is measured on the way): the split dev where there is one, else a share."""
    found = [
        e for e in read_examples(examples / "examples.jsonl") if e.meta.get("use") != "prefer" and e.split != "test"
    ]
    train, dev = ([e for e in found if e.split == split] for split in ("train", "dev"))
    if not dev:
        return parted(train, schedule)
    return train, random.Random(f"{schedule.seed}:held out").sample(dev, min(HELD, len(dev)))


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


def block_of(
    example: Example, model: LocalModel, *, options: bool, turns: Turns = "last", answer_only: bool = True
) -> Block:
    """Return the prompt as context, the wanted answer with its end token as a branch, then any other options.

    Options that are all one token get no branches of their own: to write one is already to choose among them. With
    ``turns`` "all" a dialogue is one branch, of which the assistant's turns are scored; without ``answer_only`` all
    tokens are, and options are left out.
    """
    if turns == "all" and any(m["role"] == "assistant" for m in example.prompt):
        answer = {"role": "assistant", "content": example.wanted[0]}
        return turned([*example.prompt, answer], model, id=example.id)
    context = model.encode_prompt(example.prompt)
    answers = [example.wanted[0], *(c for c in example.choices if options and c not in example.wanted)]
    branches = [[*model.encode(a), model.end] for a in answers]
    if not answer_only:
        return Block(context[:1], [[*context[1:], *branches[0]]], notes=[1.0], id=example.id)
    if max(map(len, branches)) <= 2:
        branches = branches[:1]
    notes = [1.0] + [0.0] * (len(branches) - 1)
    return Block(context, branches, notes=notes, id=example.id)
