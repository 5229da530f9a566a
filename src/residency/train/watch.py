"""What is measured while a model learns: held-out figures every so many steps, the best weights kept, and an early end.

The rows in ``measured.jsonl`` are all that decides, so a resumed run decides as one that was never stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from residency.core.store import append_jsonl, read_jsonl, write_jsonl
from residency.train.schedule import Schedule

MEASURED = "measured.jsonl"


@dataclass(frozen=True, slots=True)
class Watch:
    """``measure`` returns figures of the model as it is; ``figure`` decides: ``lower`` is better, or else higher."""

    measure: Callable[[], dict[str, float]]
    figure: str = "held_out_loss"
    lower: bool = True

    def decided_by(self, more: Callable[[], dict[str, float]], figure: str, *, lower: bool) -> Watch:
        """Return a watch that measures more, and is decided by a figure of that."""
        first = self.measure
        return Watch(lambda: first() | more(), figure, lower)


def cut(out: Path, done: int) -> None:
    """Drop what was measured beyond the checkpoint."""
    if (out / MEASURED).exists():
        write_jsonl(out / MEASURED, [row for row in read_jsonl(out / MEASURED) if row["step"] <= done])


class Looks:
    """The measures of one training, those before a resume among them."""

    def __init__(
        self, watch: Watch, schedule: Schedule, out: Path, weights: Sequence[torch.nn.Parameter], main: bool
    ) -> None:
        self.watch, self.patience, self.out, self.weights, self.main = watch, schedule.patience, out, weights, main
        self.rows: list[dict[str, Any]] = list(read_jsonl(out / MEASURED)) if (out / MEASURED).exists() else []

    def at(self, model: torch.nn.Module, step: int) -> dict[str, float]:
        """Return what is measured after a step; where it is the best so far, the weights are kept."""
        model.eval()
        with torch.no_grad():
            figures = self.watch.measure()
        model.train()
        value = figures[self.watch.figure]
        best = math.isfinite(value) and all(self._better(value, row[self.watch.figure]) for row in self.rows)
        self.rows.append({"step": step, **figures, "best": best})
        if self.main:
            append_jsonl(self.out / MEASURED, self.rows[-1])
            if best:
                self._save()
        return figures

    def _better(self, value: float, other: float) -> bool:
        return not math.isfinite(other) or (value < other if self.watch.lower else value > other)

    def _save(self) -> None:
        (self.out / "best").mkdir(parents=True, exist_ok=True)
        tensors = {f"w{i}": w.detach().cpu().contiguous() for i, w in enumerate(self.weights)}
        save_file(tensors, self.out / "best" / "new.safetensors")
        (self.out / "best" / "new.safetensors").replace(self.out / "best" / "weights.safetensors")

    @property
    def ended(self) -> bool:
        """Return whether so many measures in a row were no better that training ends early."""
        last = next((i for i, row in enumerate(reversed(self.rows)) if row["best"]), 0)
        return bool(self.patience) and last >= self.patience

    def keep_best(self) -> None:
        """Give the weights the values that they had at the best measure."""
        kept = self.out / "best" / "weights.safetensors"
        if any(row["best"] for row in self.rows) and kept.exists():
            tensors = load_file(kept)
            with torch.no_grad():
                for i, weight in enumerate(self.weights):
                    weight.copy_(tensors[f"w{i}"])
