"""A training's first steps, for real, and no more: what an estimate is made of.

Inside ``first_steps`` the loop ends a stage after so many steps and says what they took. The stage, its rows and its
loss are the real ones; only its length is not. A stage that trains by the loop needs nothing for this.
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
    start_mb: float = 0.0
    bare_mb: float = 0.0
    peak_mb: float = 0.0
    cuda: bool = False

    def took(self, seconds: float) -> None:
        """Count a step; the last one ends the training."""
        if not self.seconds:
            self.look = max(0.0, time.perf_counter() - self.began - self.before - seconds)
        self.seconds.append(seconds)
        if len(self.seconds) == min(self.limit, self.plan):
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


def begun(plan: Sequence[Any], rows: Sequence[Callable[[], Any]], weights: Sequence[torch.nn.Parameter]) -> Seen | None:
    """Return where to count the steps of a training that begins now; None where all of them are wanted."""
    if not _wanted:
        return None
    seen = _wanted[-1]
    seen.plan, seen.rows, seen.cuda = len(plan), len(rows), weights[0].is_cuda
    seen.weights = sum(weight.numel() * weight.element_size() for weight in weights)
    for row in rows[:LOOKED_AT]:
        seen.useful.append(row().useful)
        seen.ids += getattr(row, "ids", ())
    seen.before = time.perf_counter() - seen.began
    seen.start_mb = _peak_mb(seen.cuda)
    _reset_peak()
    seen.bare_mb = _peak_mb(seen.cuda) + 3 * seen.weights / 1e6  # a gradient and two moments of each weight
    return seen


def _peak_mb(cuda: bool) -> float:
    """Return the largest memory since the last reset, of this process or, on a GPU, of its tensors."""
    return (torch.cuda.max_memory_reserved() if cuda else peak_memory()) / 1e6


def _reset_peak() -> None:
    forget_peak()
    if torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
