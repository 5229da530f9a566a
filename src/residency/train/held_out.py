"""What a generator is measured by while it learns: the loss of examples that were held out, and of general text.

The second is what it forgets: passages that have nothing to do with what is taught, whose loss should not rise.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch

from residency.corpus.general import general_text
from residency.models.local import LocalModel
from residency.models.pack import Block
from residency.train.forward import forward
from residency.train.loop import Loss
from residency.train.schedule import Schedule
from residency.train.stage import pack_rows
from residency.train.watch import Watch

Item = TypeVar("Item")
SHARE = 0.05
"""The share of a stage's examples that is held out where they have no part of their own for it."""


def parted(items: Sequence[Item], schedule: Schedule) -> tuple[list[Item], list[Item]]:
    """Return (what is learned, what is held out): all of it and nothing, unless the schedule measures on the way."""
    if not schedule.evaluate or len(items) < 2:
        return list(items), []
    order = random.Random(f"{schedule.seed}:held out").sample(range(len(items)), max(1, round(SHARE * len(items))))
    held = set(order)
    return [item for i, item in enumerate(items) if i not in held], [items[i] for i in sorted(held)]


def watch_of(
    net: torch.nn.Module, local: LocalModel, blocks: Sequence[Block], loss: Loss, schedule: Schedule
) -> Watch | None:
    """Return what measures ``held_out_loss`` (the stage's own, nats) and ``general_loss`` (nats a token); None where
    nothing is held out."""
    if not schedule.evaluate or not blocks:
        return None
    fitting = [block for block in blocks if block.read <= schedule.batch_tokens]
    rows = pack_rows(fitting, schedule, fill=local.end)
    general = _general(local, schedule)

    def measure() -> dict[str, float]:
        return {"held_out_loss": _mean(net, rows, loss), "general_loss": _mean(net, general, _text_loss)}

    return Watch(measure)


def _mean(net: torch.nn.Module, rows: Sequence[Callable[[], Any]], loss: Loss) -> float:
    device = next(net.parameters()).device
    values = [float(loss(net, row().to(device))[0]) for row in rows]
    return sum(values) / len(values) if values else float("nan")


def _text_loss(net: torch.nn.Module, batch: Any) -> tuple[torch.Tensor, dict[str, float]]:
    return -forward(net, batch).mean(), {}


def _general(local: LocalModel, schedule: Schedule) -> list[Callable[[], Any]]:
    """Return the general passages as rows; what is longer than a row is cut there."""
    ids = [[local.end, *local.encode(row.meta["text"])][: schedule.batch_tokens] for row in general_text()]
    return list(pack_rows([Block(each, []) for each in ids], schedule, fill=local.end))
