"""HTTP to llama.cpp's server over its socket file, with little work for each token.

A connection is made for each request and closed with it: closing early is how a generation is stopped. A stream's
first piece is read at once, and then the socket is left alone until the next tick of a clock that all streams share,
some times a second: a guard lets whole sentences out, so nobody sees the difference, and most of a token's cost is in
being woken for it. What arrives faster than it is taken waits in the socket, not in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from functools import partial
from socket import SHUT_RDWR
from typing import Any

import httptools

from residency.models.llama import SocketConnection
from residency.serve.engine.leaving import Leave
from residency.serve.engine.wire import refusal
from residency.serve.types import Down

MOST_WAITING = 256
"""Pieces that may wait to be read before the socket is left alone."""
TOGETHER_S = 0.15
"""Seconds between two readings of a stream, behind its first piece."""
DATA, DONE, ERROR = b"data: ", b"data: [DONE]", b"error: "


class Answer(asyncio.Protocol):
    """One response as it comes in: its status, and the pieces of its body; of a ``stream`` by the clock's ticks."""

    def __init__(self, *, stream: bool = False) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._pieces: deque[bytes] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._paused = self._ended = self._whole = False
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self._stream = stream
        self.status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Take what came, and wake who waits for it."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._ended = True
        if self._stream and self._pieces and not self._ended:
            self._pause()
            self._later = self._loop.call_at(_tick(self._loop.time()), self._go_on)
        elif len(self._pieces) > MOST_WAITING:
            self._pause()
        self._wake()

    def on_headers_complete(self) -> None:
        """Note the status (called by the parser)."""
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """Keep a piece (called by the parser)."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Note that nothing is missing (called by the parser)."""
        self._whole = self._ended = True

    def connection_lost(self, error: Exception | None) -> None:
        """Note that nothing more comes."""
        self._ended = True
        self._wake()

    def close(self) -> None:
        """Leave: what is still being generated is stopped."""
        if self._later:
            self._later.cancel()
        if self._transport:
            self._transport.close()

    async def head(self) -> int:
        """Return the status, once it is there; Down where the connection ends before."""
        while not self.status:
            await self._more()
        return self.status

    async def next(self) -> bytes:
        """Return what has come since the last call, b"" after the last; Down where the connection broke."""
        while not self._pieces:
            if self._whole:
                return b""
            await self._more()
        found = b"".join(self._pieces)
        self._pieces.clear()
        if not self._later:
            self._read_on()
        return found

    async def all(self) -> bytes:
        """Return the whole body."""
        parts = []
        while part := await self.next():
            parts.append(part)
        return b"".join(parts)

    async def _more(self) -> None:
        if self._ended:
            raise Down
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _pause(self) -> None:
        if self._transport and not self._paused:
            self._transport.pause_reading()
            self._paused = True

    def _go_on(self) -> None:
        """Read again at a tick, if what was read has been taken; else that is done when it is."""
        self._later = None
        if not self._pieces:
            self._read_on()

    def _read_on(self) -> None:
        if self._paused and self._transport and not self._ended:
            self._transport.resume_reading()
            self._paused = False

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)


def _tick(now: float) -> float:
    """Return the next time at which streams are read."""
    return (now // TOGETHER_S + 1) * TOGETHER_S


async def ask(socket: str, path: str, body: Any) -> dict[str, Any]:
    """Return the JSON that a request is answered with; raises Refused or Down."""
    async with _asked(socket, path, body) as answer:
        status, found = await answer.head(), json.loads(await answer.all())
    if status != 200:
        raise refusal(found)
    return dict(found)


async def chunks(socket: str, path: str, body: Any) -> AsyncGenerator[dict[str, Any], None]:
    """Yield the JSON of each event of a stream; closing it stops the generation. Raises Refused or Down."""
    async with _asked(socket, path, body, stream=True) as answer:
        if await answer.head() != 200:
            raise refusal(json.loads(await answer.all()))
        rest = b""
        while piece := await answer.next():
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                if event == DONE:
                    return
                if event.startswith(DATA):
                    yield _read(event[len(DATA) :])
                elif event.startswith(ERROR):
                    raise refusal({"error": json.loads(event[len(ERROR) :])})
    raise Down


def ask_now(socket: str, path: str, body: Any = None, *, leave: Leave | None = None) -> dict[str, Any]:
    """Return what ``ask`` does, in a thread that may wait; without a body it is a GET. Left once nobody waits."""
    with _asked_now(socket, path, body, leave or Leave()) as (status, response):
        found = json.loads(response.read())
    if status != 200:
        raise refusal(found)
    return dict(found)


def chunks_now(
    socket: str, path: str, body: Any, *, leave: Leave | None = None
) -> Generator[dict[str, Any], None, None]:
    """Yield what ``chunks`` does, in a thread that may wait; Left once nobody waits."""
    with _asked_now(socket, path, body, leave or Leave()) as (status, response):
        if status != 200:
            raise refusal(json.loads(response.read()))
        while line := response.readline():
            if line.startswith(DONE):
                return
            if line.startswith(DATA):
                yield _read(line[len(DATA) :])
            elif line.startswith(ERROR):
                raise refusal({"error": json.loads(line[len(ERROR) :])})
    raise Down


def _read(event: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(event)
    if "error" in found:
        raise refusal(found)
    return found


@contextlib.asynccontextmanager
async def _asked(socket: str, path: str, body: Any, *, stream: bool = False) -> AsyncIterator[Answer]:
    data = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Type: application/json\r\n"
    try:
        made = partial(Answer, stream=stream)
        transport, answer = await asyncio.get_running_loop().create_unix_connection(made, socket)
    except OSError:  # it has just died
        raise Down from None
    try:
        transport.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        yield answer
    finally:
        answer.close()


@contextlib.contextmanager
def _asked_now(socket: str, path: str, body: Any, leave: Leave) -> Iterator[tuple[int, Any]]:
    import http.client

    connection = SocketConnection(socket)
    method, data = ("GET", None) if body is None else ("POST", json.dumps(body))
    try:
        connection.connect()
        with leave.ending(partial(_shut, connection.sock)):
            connection.request(method, path, data, {"Content-Type": "application/json", "Connection": "close"})
            response = connection.getresponse()
            yield response.status, response
    except (OSError, http.client.HTTPException):
        raise Down from None
    finally:
        connection.close()


def _shut(held: Any) -> None:
    """End a connection from another thread: whoever waits for its answer finds that there is none."""
    with contextlib.suppress(OSError):
        held.shutdown(SHUT_RDWR)
