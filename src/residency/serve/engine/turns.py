"""A bounded queue: so many are worked on at once, so many wait in the order they came, and the next is told when.

Those who wait are tasks of the event loop and plain threads, in one line.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

from residency.serve.types import Busy

USUAL = 5.0
"""Seconds that a request is taken to need, before any was measured."""


class Turns:
    """``at_once`` are worked on, ``queue`` wait; numbers are ``working`` and ``waiting``."""

    def __init__(self, at_once: int, queue: int) -> None:
        self.at_once, self.queue = at_once, queue
        self.working = 0
        self.took = USUAL
        self._line: deque[Callable[[], object]] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Return how many wait."""
        return len(self._line)

    @property
    def after(self) -> int:
        """Return in how many seconds one who comes now should be served, by what the last ones took."""
        return max(1, round(self.took * (1 + self.waiting / self.at_once)))

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Hold a place among those worked on; raises Busy where too many wait already."""
        loop = asyncio.get_running_loop()
        place = loop.create_future()
        wake = partial(loop.call_soon_threadsafe, _give, place, self)
        if not self._enter(wake, bounded=True):
            try:
                await place
            except asyncio.CancelledError:
                self._left(wake, had=place.done() and not place.cancelled())
                raise
        began = time.monotonic()
        try:
            yield
        finally:
            self._leave(began)

    @contextmanager
    def turn_now(self, *, bounded: bool = True) -> Iterator[None]:
        """Hold a place, for a thread that may wait; unless ``bounded`` it waits however many do."""
        place = threading.Event()
        if not self._enter(place.set, bounded=bounded):
            place.wait()
        began = time.monotonic()
        try:
            yield
        finally:
            self._leave(began)

    def _enter(self, wake: Callable[[], object], *, bounded: bool) -> bool:
        """Return whether there is a place at once; else ``wake`` is called when there is."""
        with self._lock:
            if self.working < self.at_once:
                self.working += 1
                return True
            if bounded and len(self._line) >= self.queue:
                raise Busy(self.after)
            self._line.append(wake)
            return False

    def _left(self, wake: Callable[[], object], *, had: bool) -> None:
        """Forget one who was cancelled while it waited, or give its place on where it had just been given one."""
        with self._lock:
            if wake in self._line:
                self._line.remove(wake)
                return
        if had:
            self._next()

    def _leave(self, began: float) -> None:
        self.took += 0.2 * (time.monotonic() - began - self.took)
        self._next()

    def _next(self) -> None:
        with self._lock:
            wake = self._line.popleft() if self._line else None
            self.working -= wake is None
        if wake:
            wake()


def _give(place: asyncio.Future[None], turns: Turns) -> None:
    """Wake one who waits; a place that nobody wants any more goes to the next."""
    if place.cancelled():
        turns._next()
    elif not place.done():
        place.set_result(None)
