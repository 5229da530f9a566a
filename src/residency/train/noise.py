"""All chance of a training step: drawn from a name (seed, step and row), whatever ran before or runs beside it.

Rows may be computed side by side, in several processes, or again after a resume: each draws the same numbers. A
generator of its own is kept by thread, since torch's global one is shared by all.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from residency.models.chance import kept

_here = threading.local()


@contextmanager
def drawn_from(name: str, device: torch.device) -> Iterator[None]:
    """Inside, ``generator()`` is one whose numbers are decided by ``name``."""
    before = getattr(_here, "generator", None)
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")
    _here.generator = torch.Generator(device).manual_seed(number)
    try:
        yield
    finally:
        _here.generator = before


def generator() -> torch.Generator | None:
    """Return the generator of the row that is being computed in this thread; None outside of training."""
    return getattr(_here, "generator", None)


class Dropout(torch.nn.Module):
    """Dropout that draws from the row's own generator (Srivastava et al. 2014); off in eval mode, as torch's."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x with a share ``p`` of its numbers zero and the others scaled up."""
        if not self.training or not self.p:
            return x
        return x * kept(x.shape, self.p, x.device, generator()) * (1 / (1 - self.p))


def with_own_dropout(model: torch.nn.Module) -> torch.nn.Module:
    """Return the model with every torch Dropout replaced by one that draws from the row."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Dropout:
                setattr(module, name, Dropout(child.p))
    return model
