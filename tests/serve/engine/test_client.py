"""The client of llama.cpp's server: the first piece at once, what follows together by the ticks of a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from residency.models.llama import socket_folder
from residency.serve.engine import client
from residency.serve.types import Down

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
Says = Callable[[asyncio.StreamWriter], Awaitable[None]]


def event(text: bytes) -> bytes:
    data = b"data: " + text + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def read(says: Says) -> tuple[list[tuple[float, int]], float]:
    """Return when each event was read and its number, and when the stream was over, in seconds from its beginning."""
    folder: Path = socket_folder()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(HEAD)
        await says(writer)
        writer.close()

    async def go() -> tuple[list[tuple[float, int]], float]:
        async with await asyncio.start_unix_server(handle, str(folder / "s")):
            began, found = time.monotonic(), list[tuple[float, int]]()
            async for chunk in client.chunks(str(folder / "s"), "/", {}):
                found.append((time.monotonic() - began, chunk["n"]))
            return found, time.monotonic() - began

    return asyncio.run(go())


async def ten(writer: asyncio.StreamWriter) -> None:
    for number in range(10):
        writer.write(event(b'{"n": %d}' % number))
        await asyncio.sleep(0.02)


async def end(writer: asyncio.StreamWriter) -> None:
    writer.write(event(b"[DONE]") + b"0\r\n\r\n")


def test_the_first_piece_is_read_at_once_and_what_follows_soon_is_read_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "TOGETHER_S", 0.12)

    async def says(writer: asyncio.StreamWriter) -> None:
        await ten(writer)
        await end(writer)

    found, _ = read(says)
    assert [number for _, number in found] == list(range(10))
    readings = 1 + sum(later - earlier > 0.01 for (earlier, _), (later, _) in zip(found, found[1:], strict=False))
    assert readings <= 4


def test_the_end_comes_with_the_next_tick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "TOGETHER_S", 0.5)

    async def says(writer: asyncio.StreamWriter) -> None:
        await ten(writer)
        await end(writer)

    found, over = read(says)
    assert len(found) == 10 and over < 10


def test_streams_are_read_at_the_same_ticks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "TOGETHER_S", 0.1)
    ticks = {client._tick(now) for now in (7.01, 7.05, 7.0999)}
    assert len(ticks) == 1 and 7.0999 < ticks.pop() < 7.2


def test_a_connection_that_breaks_is_told_also_after_words():
    began: Any = time.monotonic()
    with pytest.raises(Down):
        read(ten)
    assert time.monotonic() - began < 10
