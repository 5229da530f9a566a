"""Sizes of models as people write them: 347M, 1.5B, 8x7B."""

from __future__ import annotations

import re

from residency.core.errors import UserError

LEGAL = "a number of parameters such as 347M, 1.5B or 8x7B"
_SIZE = re.compile(r"(?:(\d+)x)?(\d+(?:\.\d+)?)([MB])")
_UNITS = {"M": 1e6, "B": 1e9}


def parameters(size: str) -> float:
    """Return how many parameters a size stands for, those of all experts together (8x7B: 56e9); UserError else."""
    match = _SIZE.fullmatch(size)
    if not match:
        raise UserError(f"{size!r} is no size; legal: {LEGAL}")
    return round(int(match[1] or 1) * float(match[2]) * _UNITS[match[3]])


def sizes_sound(size: object) -> bool:
    """Return whether a value is a size."""
    return isinstance(size, str) and _SIZE.fullmatch(size) is not None
