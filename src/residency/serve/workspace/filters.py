"""How templates write numbers, times and shares: nan and None are a dash, never a zero."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

DASH = "–"


def number(value: Any, places: int = 2) -> str:
    """Return a number with so many decimals (thousands parted by a thin space); a dash where there is none."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return DASH
    return f"{value:,.{0 if isinstance(value, int) else places}f}".replace(",", "\u202f")


def interval(row: Any, places: int = 3) -> str:
    """Return a row's value with its interval, "0.412 (0.371 to 0.455)"; the value alone where there is no interval."""
    value, low, high = (row.get(name) for name in ("value", "low", "high"))
    bounds = [number(low, places), number(high, places)]
    return number(value, places) if DASH in bounds else f"{number(value, places)} ({bounds[0]} – {bounds[1]})"


def time(value: str | None) -> str:
    """Return an ISO 8601 time in UTC to the second, "2026-11-27 13:37:05"; a dash where there is none."""
    if not value:
        return DASH
    try:
        return datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        return str(value)


def short(value: str | None, length: int = 12) -> str:
    """Return the first characters of a hash or an id."""
    return (value or DASH)[:length]


FILTERS: dict[str, Callable[..., str]] = {"number": number, "interval": interval, "time": time, "short": short}
