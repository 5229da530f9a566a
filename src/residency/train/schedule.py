"""The settings every training stage shares, in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from residency.core.errors import UserError
from residency.core.legal import Above0, AtLeastOne, Range, Seed, Share
from residency.models.device import Precision
from residency.train.track import Tracker

Decay = Literal["linear", "cosine", "constant"]
DECAYS = get_args(Decay)


@dataclass(frozen=True, slots=True)
class Schedule:
    """How fast and how long to learn.

    ``batch_tokens`` is the length of a packed row, ``accumulate`` how many rows make a step; ``warmup`` is a share
    of the steps; ``clip`` the largest gradient norm; a checkpoint is written every ``checkpoint`` steps; ``precision``
    is "auto" (bf16 where the hardware multiplies it), "fp32" or "bf16". Every ``evaluate`` steps what was held out is
    measured and the best weights are kept, and after ``patience`` measures that are no better training ends.
    ``track`` names trackers that get every step's figures.
    """

    learning_rate: Annotated[float, Range(above=0, most=1)] = 1e-3
    batch_tokens: Annotated[int, Range(least=16)] = 1024
    accumulate: AtLeastOne = 1
    epochs: AtLeastOne = 1
    warmup: Share = 0.06
    decay: Decay = "linear"
    weight_decay: Share = 0.0
    clip: Above0 = 1.0
    checkpoint: AtLeastOne = 25
    evaluate: Annotated[int, Range(least=0, zero="never")] = 0
    patience: Annotated[int, Range(least=0, zero="no early end")] = 0
    track: tuple[Tracker, ...] = ()
    precision: Precision = "auto"
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming what can."""
        if self.decay not in DECAYS:
            raise UserError(f"decay {self.decay!r} is not known; legal are {', '.join(DECAYS)}")
        for name in ("learning_rate", "batch_tokens", "accumulate", "epochs", "checkpoint"):
            if getattr(self, name) <= 0:
                raise UserError(f"{name} is {getattr(self, name)}; it must be above 0")

    def rate(self, step: int, steps: int) -> float:
        """Return the learning rate of a step (0 … steps-1): linear warm-up, then the decay towards 0."""
        warm = max(1, math.ceil(self.warmup * steps)) if self.warmup > 0 else 0
        if step < warm:
            return self.learning_rate * (step + 1) / warm
        left = (steps - step) / max(1, steps - warm)
        share = {"linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left), "constant": 1.0}[self.decay]
        return self.learning_rate * share

    def within(self, tokens: int, lanes: int) -> tuple[int, int]:
        """Return (batch_tokens, accumulate) that hold at most ``tokens`` of a step in memory at once.

        ``lanes`` rows are computed side by side where a step has so many. Only where all are in use can more rows make
        up for shorter ones: else they would lie side by side too, and a step has fewer tokens.
        """
        row = min(self.batch_tokens, max(16, tokens // self.beside(lanes) // 16 * 16))
        if self.accumulate < lanes:
            return row, self.accumulate
        return row, math.ceil(self.batch_tokens * self.accumulate / row)

    def beside(self, lanes: int) -> int:
        """Return how many rows of a step are in memory at once, where ``lanes`` can be."""
        return min(lanes, self.accumulate)
