"""The end of a service while requests are being answered: each of them is told so at once, and is on record.

Work that is waited for goes through ``Ending``. Where the service stops, the work is stopped too, or left to a thread
that cannot be stopped, and who waited gets Stopping.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from residency.serve.types import Down

T = TypeVar("T")
PATIENCE = 1.0
"""Seconds that stopped work has to end, before it is left behind."""


class Stopping(Down):
    """The service is being stopped: nothing is answered any more."""

    def __init__(self) -> None:
        super().__init__(30)
        self.args = ("the service is stopping: ask again when it is back",)


class Ending:
    """Whether the service stops, and what is to be stopped then."""

    def __init__(self) -> None:
        self.stopped = False
        self._ends: set[Callable[[], object]] = set()

    def stop(self) -> None:
        """Stop all work that is waited for here, and let none begin; called in the event loop."""
        if self.stopped:
            return
        self.stopped = True
        for end in tuple(self._ends):
            end()

    async def whole(self, work: Awaitable[T]) -> T:
        """Return what comes of some work; raises Stopping where the service stops before."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(_seen)
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.stopped:
            gate.cancel()
        end = gate.cancel
        self._ends.add(end)
        try:
            await asyncio.wait((task, gate), return_when=asyncio.FIRST_COMPLETED)
            if not gate.done():
                return task.result()
            task.cancel()
            await asyncio.wait((task,), timeout=PATIENCE)
            raise Stopping
        except asyncio.CancelledError:  # who asked has gone
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        finally:
            self._ends.discard(end)
            gate.cancel()

    async def pieces(self, stream: AsyncIterator[T]) -> AsyncIterator[T]:
        """Yield what a stream does; raises Stopping where the service stops before its end."""
        while True:
            if self.stopped:
                raise Stopping
            task = asyncio.current_task()
            assert task
            self._ends.add(task.cancel)
            try:
                piece = await anext(stream)
            except StopAsyncIteration:
                return
            except asyncio.CancelledError:
                if self.stopped and not task.uncancel():  # it was this that cancelled, and not who asked
                    raise Stopping from None
                raise
            finally:
                self._ends.discard(task.cancel)
            yield piece


def _seen(task: asyncio.Future[Any]) -> None:
    """Take note of how work ended that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
