"""uvicorn's server, which tells the service that it stops before it waits for the requests in flight."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

import uvicorn

SECONDS = 8
"""Time that connections have to close; what is still open then is cut off."""


class Server(uvicorn.Server):
    """A server that calls ``stop`` in its event loop as soon as it has been asked to end."""

    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self.stop = stop
        logging.getLogger("uvicorn.error").addFilter(no_cut_off)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is being answered, then close the connections."""
        self.stop()
        await super().shutdown(sockets)


def no_cut_off(record: logging.LogRecord) -> bool:
    """Return whether a line belongs into the log: not the trace of a request that was cut off at the end."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
