"""Numbers, words and paths as YAML and the command line give them: ``60k`` and ``1e-3`` are numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_NUMBER = re.compile(r"([+-]?(?:\d[\d_]*)?(?:\.\d+|\.)?(?:[eE][+-]?\d+)?)\s*([kMG]?)")
_SIZES = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


def read_scalar(value: Any, kind: Any) -> Any:
    """Return the value as a ``kind`` (bool, int, float, str or Path); None where it is none."""
    return READERS[kind](value) if kind in READERS else None


def _as_bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_float(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        return float(match[1].replace("_", "")) * _SIZES[match[2]] if match else None
    except ValueError:
        return None


def _as_int(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _as_float(value)
    whole = None if number is None else round(number, 6)  # 1.1M is not whole in binary
    return int(whole) if whole is not None and whole == int(whole) else None


def _as_str(value: Any) -> str | None:
    return None if isinstance(value, bool | dict | list) or value is None else str(value)


READERS: dict[Any, Callable[[Any], Any]] = {
    bool: _as_bool,
    int: _as_int,
    float: _as_float,
    str: _as_str,
    Path: _as_str,
}
NAMES = {
    bool: "true or false",
    int: "a whole number (such as 200, 60k or 1.5M)",
    float: "a number (such as 0.1 or 1e-3)",
    str: "a word or text",
    Path: "a path",
    list: "a list",
    tuple: "a list",
    set: "a list",
    frozenset: "a list",
    Sequence: "a list",
    dict: "a mapping",
    Mapping: "a mapping",
    type(None): "null",
}
"""What each type is called in words."""
