"""Work that blocks, for the event loop: in a thread, which holds its caller's place until it has really ended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Any, TypeVar

from residency.core.errors import ResidencyError, Unsupported
from residency.serve.types import Refused

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Return what work gives. A caller that is cancelled waits for its end: a thread cannot be stopped."""
    future = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
    except Exception as error:
        raise _ours(error) from None


async def from_thread(stream: Callable[[], Iterable[T]]) -> AsyncGenerator[T, None]:
    """Yield what a stream does; closing this ends it at its next piece."""
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[tuple[bool, Any]] = asyncio.Queue()
    left = threading.Event()

    def run() -> None:
        end: Any = None
        try:
            for piece in stream():
                if left.is_set():
                    break
                loop.call_soon_threadsafe(pieces.put_nowait, (True, piece))
        except Exception as error:  # handed to who reads
            end = error
        loop.call_soon_threadsafe(pieces.put_nowait, (False, end))

    work = asyncio.ensure_future(asyncio.to_thread(run))
    try:
        while (found := await pieces.get())[0]:
            yield found[1]
    finally:
        left.set()
        await asyncio.wait([work])
    if found[1]:
        raise _ours(found[1]) from None


def _ours(error: Exception) -> Exception:
    """Return an error in the service's words: what a model cannot do is the request's fault."""
    if isinstance(error, Unsupported):
        return Refused("this model cannot do what is asked", code="unsupported")
    return error if isinstance(error, ResidencyError) else ResidencyError(f"the model failed ({type(error).__name__})")
