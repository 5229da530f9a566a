"""Work that waits, done in a few threads; so much may wait in line, and what comes after that is sent back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from residency.serve.types import Busy

T = TypeVar("T")
AFTER = 5
"""Seconds after which one that is sent back may come again."""


class Threads:
    """``workers`` threads, with a line of ``waiting``."""

    def __init__(self, workers: int, waiting: int) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="strategy")
        self._most, self._running = workers + waiting, 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what comes of some work; raises Busy where the line is full.

        Whoever stops waiting leaves the work to go on in its thread, and to hold its place until it is done.
        """
        if self._running >= self._most:
            raise Busy(AFTER)
        self._running += 1
        future = self._pool.submit(work)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._left) if not loop.is_closed() else None)
        return await asyncio.wrap_future(future)

    def _left(self) -> None:
        self._running -= 1

    def close(self) -> None:
        """Let go of what waits in line."""
        self._pool.shutdown(wait=False, cancel_futures=True)
