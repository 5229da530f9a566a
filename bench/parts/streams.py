"""Streams of chat completions over HTTP, made and counted with little work of their own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

Body = dict[str, Any]


@dataclass(slots=True)
class Stream:
    """One answer as it came: seconds to its first chunk and first words, the tokens it says it has, what went wrong."""

    status: int = 0
    first: float = 0.0
    words: float = 0.0
    took: float = 0.0
    tokens: int = 0
    read: int = 0
    text: str = ""
    request: str = ""
    error: str = ""
    left: bool = False
    rules: list[str] = field(default_factory=list)


async def stream(url: str, key: str, body: Body, *, leave_after: int = 0) -> Stream:
    """Return one streamed answer; a connection for each, as clients behind a proxy have it.

    With ``leave_after`` the client is gone after so many chunks.
    """
    place, found, began = urlsplit(url), Stream(), time.monotonic()
    data = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nConnection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    try:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(head.encode() + data)
        found.status = int((await reader.readline()).split()[1])
        ended, chunks = False, 0
        while line := await reader.readline():
            if line.startswith(b"data: [DONE]"):
                ended = True
            elif line.startswith(b"data: "):
                chunks += 1
                _take(found, json.loads(line[6:]), time.monotonic() - began)
                if chunks == leave_after:
                    ended = found.left = True
                    break
        writer.close()
        if not ended:
            found.error = found.error or f"status {found.status}, no end"
    except (OSError, ValueError, IndexError) as error:
        found.error = type(error).__name__
    found.took = time.monotonic() - began
    return found


def _take(found: Stream, chunk: Body, at: float) -> None:
    found.first = found.first or at
    if "error" in chunk:
        found.error = str(chunk["error"].get("code") or chunk["error"].get("type"))
    for choice in chunk.get("choices") or ():
        if text := choice["delta"].get("content"):
            found.words = found.words or at
            found.text += text
    if about := chunk.get("residency"):
        found.request, found.rules = about["request"], about["rules"]
    if usage := chunk.get("usage"):
        found.tokens, found.read = usage["completion_tokens"], usage["prompt_tokens"]


async def side_by_side(url: str, key: str, bodies: Sequence[Body], streams: int) -> list[Stream]:
    """Return the answers to all bodies; so many streams, each of which takes the next body when it is done."""
    left = iter(bodies)
    found: list[Stream] = []

    async def one() -> None:
        for body in left:
            found.append(await stream(url, key, body))

    await asyncio.gather(*(one() for _ in range(streams)))
    return found
