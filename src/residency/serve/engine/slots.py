"""Whose prompt each slot of the process holds: what was read for one user is never read on for another.

llama.cpp goes on from what a slot has read before where a new prompt begins the same. How soon the first token comes,
and the count of tokens from the cache, would tell a user what others have asked. So each request is given a slot here:
the one that has read most of it for the same user, else the one that was used longest ago, which begins anew.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

CHARACTERS, TOKENS = 256, 64
"""The pieces of a prompt, as text or as tokens, that are compared."""


@dataclass(slots=True)
class Slot:
    """One slot: the user whose prompt it holds, the marks of that prompt, and when it was last taken."""

    number: int
    user: str | None = None
    marks: tuple[int, ...] = ()
    taken: int = 0
    busy: bool = False


class Slots:
    """The slots of a process; ``share`` leaves the choice to llama.cpp, and what was read to everybody."""

    def __init__(self, count: int, *, share: bool = False) -> None:
        self.share = share
        self._slots = [Slot(number) for number in range(count)]
        self._lock = threading.Lock()
        self._times = self._loose = 0

    @contextmanager
    def place(self, user: str, prompt: str | Sequence[int]) -> Iterator[dict[str, Any]]:
        """Hold a slot, and give what a body says of it; there is one for each of those who are worked on at once."""
        if self.share:
            yield {"cache_prompt": True}
            return
        slot, known = self._take(user, marks_of(prompt))
        try:
            yield {"id_slot": slot.number, "cache_prompt": known}
        finally:
            slot.busy = False

    @contextmanager
    def several(self) -> Iterator[dict[str, Any]]:
        """Let llama.cpp take several slots for one body: what they hold afterwards is nobody's."""
        with self._lock:
            self._loose += not self.share
        try:
            yield {"cache_prompt": self.share}
        finally:
            with self._lock:
                self._loose -= not self.share
                for slot in self._slots:
                    slot.user = None

    def _take(self, user: str, marks: tuple[int, ...]) -> tuple[Slot, bool]:
        """Return a free slot, and whether it may go on from what it has read."""
        with self._lock:
            free = [slot for slot in self._slots if not slot.busy]
            own = [slot for slot in free if slot.user == user and _same(slot.marks, marks)]
            slot = max(own, key=lambda one: _same(one.marks, marks)) if own else min(free, key=lambda one: one.taken)
            known = slot.user == user and not self._loose
            self._times += 1
            slot.user, slot.marks, slot.taken, slot.busy = user, marks, self._times, True
            return slot, known


def marks_of(prompt: str | Sequence[int]) -> tuple[int, ...]:
    """Return a number for each further piece of a prompt, the same as far as prompts are: no text is kept here."""
    size = CHARACTERS if isinstance(prompt, str) else TOKENS
    found, last = [], 0
    for at in range(0, len(prompt), size):
        piece = prompt[at : at + size]
        last = hash((last, piece if isinstance(piece, str) else tuple(piece)))
        found.append(last)
    return tuple(found)


def _same(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
