"""Whether a reply only repeats itself: small models asked for a list often do, up to the last token they may write."""

from __future__ import annotations

from collections.abc import Sequence

LOOP, PERIOD = 96, 48
"""A reply loops when its last LOOP tokens are those that stood up to PERIOD places before them."""
EVERY = 16
"""Tokens between two looks."""


def loops(tokens: Sequence[int]) -> bool:
    """Return whether the last LOOP tokens repeat, with some period of at most PERIOD tokens."""
    tail = list(tokens[-LOOP:])
    before = (list(tokens[-LOOP - period : -period]) for period in range(1, PERIOD + 1))
    return len(tokens) >= LOOP + PERIOD and any(earlier == tail for earlier in before)
