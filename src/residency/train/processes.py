"""Several processes of one training, as ``torchrun`` and ``accelerate launch`` start them: who is who, and agreeing.

All walk the same recipe. The main one decides, writes and speaks; the others come along where something is trained.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, TypeVar

Value = TypeVar("Value")
PATIENCE = timedelta(days=2)
"""How long processes wait for one that reads, cleans or examines alone."""


def count() -> int:
    """Return how many processes there are, as the launcher says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Return whether this is the process that writes."""
    return int(os.environ.get("RANK", "0")) == 0


def agreed(value: Value) -> Value:
    """Return the main process's value in every process; each waits here for the others."""
    if count() == 1:
        return value
    import torch.distributed

    _joined()
    held: list[Any] = [value]
    torch.distributed.broadcast_object_list(held, src=0)
    torch.distributed.barrier()
    return held[0]


def accelerator() -> Any:
    """Return accelerate's own view of the device and the processes, after joining these."""
    from accelerate import Accelerator

    _joined()
    return Accelerator(mixed_precision="no")


def _joined() -> None:
    """Join the other processes (harmless when repeated); on a GPU each takes the device of its number.

    That there is no GPU has to be said: accelerate takes several processes on a CPU for single ones otherwise.
    """
    import torch
    from accelerate import PartialState

    PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE)
