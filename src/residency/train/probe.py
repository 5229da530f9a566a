"""A training's first steps, for real, and no more: what an estimate is made of.

Inside ``first_steps`` the loop ends a stage after so many steps and says what they took. The stage, its rows and its
loss are the real ones; only its length is not. A last step, which is not timed, takes the rows that need most memory. A
stage that trains by the loop needs nothing for this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch

from residency.core.memory import forget_peak, peak_memory

LOOKED_AT = 256
"""Rows that are made to count what they hold."""
_wanted: list[Seen] = []


@dataclass(slots=True)
class Seen:
    """What the first steps showed. Seconds: ``before`` the loop, of each step (``took``), of one held-out ``look``.

    ``plan`` are the steps there would have been, ``rows`` the rows, ``useful`` the tokens of each that was looked at
    (``ids`` are their examples), ``weights`` the bytes that learn; ``start_mb`` and ``peak_mb`` the largest memory
    until the loop began, and in it, ``bare_mb`` that before the first step with what the optimizer will add (MB, 1e6
    bytes; on a GPU that of its tensors).
    """

    limit: int
    began: float = field(default_factory=time.perf_counter)
    plan: int = 0
    rows: int = 0
    useful: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    weights: int = 0
    before: float = 0.0
    seconds: list[float] = field(default_factory=list)
    look: float = 0.0
    taken: int = 0
    start_mb: float = 0.0
    bare_mb: float = 0.0
    peak_mb: float = 0.0
    cuda: bool = False

    def took(self, seconds: float) -> None:
        """Count a step; the one behind those that were wanted ends the training."""
        if not self.seconds:
            self.look = max(0.0, time.perf_counter() - self.began - self.before - seconds)
        self.taken += 1
        if self.taken <= min(self.limit, self.plan):
            self.seconds.append(seconds)
        else:
            raise _Enough


class _Enough(Exception):
    """The steps that were wanted are done."""


@contextmanager
def first_steps(count: int) -> Iterator[Seen]:
    """Yield what the loop fills in when a stage inside comes to it: the stage ends after ``count`` steps."""
    seen = Seen(count)
    _reset_peak()
    _wanted.append(seen)
    try:
        with suppress(_Enough):
            yield seen
    finally:
        _wanted.pop()
        seen.peak_mb = _peak_mb(seen.cuda)
        seen.before = seen.before or time.perf_counter() - seen.began


def begun(
    plan: list[list[int]], rows: Sequence[Callable[[], Any]], weights: Sequence[torch.nn.Parameter]
) -> tuple[list[list[int]], Seen | None]:
    """Return the plan of a training that begins now, and None where all of it is wanted.

    Else the first steps of it, with the heaviest rows behind them, and where to count them.
    """
    if not _wanted:
        return plan, None
    seen = _wanted[-1]
    seen.plan, seen.rows, seen.cuda = len(plan), len(rows), weights[0].is_cuda
    seen.weights = sum(weight.numel() * weight.element_size() for weight in weights)
    heavy: dict[int, int] = {}
    for number, row in enumerate(rows[:LOOKED_AT]):
        batch = row()
        seen.useful.append(batch.useful)
        seen.ids += getattr(row, "ids", ())
        heavy[number] = _weight(batch)
    seen.before = time.perf_counter() - seen.began
    seen.start_mb = _peak_mb(seen.cuda)
    heaviest = sorted(heavy, key=lambda number: -heavy[number])[: max(map(len, plan))]
    plan = [*plan[: seen.limit], heaviest]
    _reset_peak()
    seen.bare_mb = _peak_mb(seen.cuda) + 3 * seen.weights / 1e6  # a gradient and two moments of each weight
    return plan, seen


def _weight(batch: Any) -> int:
    """Return what the memory of a batch grows with: of a packed row the squares of its texts, for attention."""
    layout = getattr(batch, "layout", None)
    return sum(len(text) ** 2 for text in layout.marks) if layout else int(batch.useful)


def _peak_mb(cuda: bool) -> float:
    """Return the largest memory since the last reset, of this process or, on a GPU, of its tensors."""
    return (torch.cuda.max_memory_reserved() if cuda else peak_memory()) / 1e6


def _reset_peak() -> None:
    forget_peak()
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
