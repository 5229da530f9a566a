"""Server-sent events that never wait longer for a client than they must: one chunk is made, sent, and then the next.

Nothing is buffered here: a client that reads slowly slows its own generation down, and one that reads nothing for
``PATIENCE`` seconds, or leaves, ends it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Response
from starlette.types import Receive, Scope, Send

from residency.core.errors import ResidencyError
from residency.serve.api.errors import told

LOG = logging.getLogger("residency.serve")

PATIENCE = 60.0
"""Seconds that a client may leave its connection full."""
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
DONE = b"data: [DONE]\n\n"


class Events(Response):
    """A response that streams chunks; it is begun with the first one, so that what fails before has a status."""

    media_type = "text/event-stream"

    def __init__(self, first: dict[str, Any], rest: AsyncIterator[dict[str, Any]], patience: float = PATIENCE) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self.first, self.rest, self.patience = first, rest, patience
        self._since: float | None = None
        """Since when the client has been waited for, by the loop's clock."""
        self._timer: asyncio.TimerHandle | None = None
        self._clock = asyncio.get_running_loop().time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the chunks until they end or the client has gone; then the generation is stopped."""
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_gone(receive))
        self._watch(sending)
        try:
            await asyncio.wait((sending, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._timer:
                self._timer.cancel()
            for task in (sending, leaving):
                task.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            await self.rest.aclose()  # type: ignore[attr-defined]
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            await self._put(send, event(self.first))
            async for chunk in self.rest:
                await self._put(send, event(chunk))
            last = DONE
        except Exception as fault:  # the answer has begun: its end is told as an event, and no [DONE] follows
            last = event(told(fault))
            if not isinstance(fault, ResidencyError):
                LOG.error("%s in a stream at %s", type(fault).__name__, _where(fault))
        await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _put(self, send: Send, data: bytes) -> None:
        self._since = self._clock()
        await send({"type": "http.response.body", "body": data, "more_body": True})
        self._since = None

    def _watch(self, sending: asyncio.Task[None]) -> None:
        """End the sending where the client has been waited for too long; else look again when that could be.

        One clock for a whole stream: one for each chunk costs more than sending it.
        """
        now = self._clock()
        until = (now if self._since is None else self._since) + self.patience
        if until <= now:
            sending.cancel()
        else:
            self._timer = asyncio.get_running_loop().call_at(until, self._watch, sending)


def _where(fault: BaseException) -> str:
    """Return the place in our code where a fault arose, and nothing that it says."""
    frames = traceback.extract_tb(fault.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"


async def events(chunks: AsyncIterator[dict[str, Any]]) -> Events:
    """Return a response for chunks, once there is a first; raises what is raised before it."""
    return Events(await anext(chunks), chunks, PATIENCE)


def event(chunk: dict[str, Any]) -> bytes:
    """Return a chunk as an event."""
    return b"data: " + _JSON.encode(chunk).encode("utf-8", "replace") + b"\n\n"


async def _gone(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
