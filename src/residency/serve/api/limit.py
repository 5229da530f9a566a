"""The largest body: what is announced as larger is refused unread, and what turns out larger is cut off while it comes.

So is one that comes too slowly: a connection that sends a byte now and then would hold a place for ever.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from residency.serve.types import Refused

SECONDS = 60.0
"""Time for a whole body to come in."""


class Limited:
    """The middleware that measures bodies."""

    def __init__(self, app: ASGIApp, most: int, seconds: float = SECONDS) -> None:
        self.app, self.most, self.seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a body that cannot grow beyond what is taken."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        lengths = [value for name, value in scope["headers"] if name == b"content-length"]
        if any(not value.isdigit() or int(value[:20]) > self.most for value in lengths):
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"content-length"]}
            await self.app(scope, self._too_large, send)
            return
        seen, whole, ends = 0, False, asyncio.get_running_loop().time() + self.seconds

        async def measured() -> Message:
            nonlocal seen, whole
            if whole:
                return await receive()
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                raise Refused("the body did not come in time", status=408, code="timeout") from None
            seen += len(message.get("body", b""))
            whole = message["type"] != "http.request" or not message.get("more_body", False)
            if seen > self.most:
                raise self._refused()
            return message

        await self.app(scope, measured, send)

    async def _too_large(self) -> Message:
        raise self._refused()

    def _refused(self) -> Refused:
        said = f"the body is larger than this service takes; legal are {self.most} bytes at most"
        return Refused(said, status=413, code="request_too_large")
