"""An OpenAI-compatible endpoint as an engine: bodies go on as they are, to the one address that was configured."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import httpx

from residency.core.errors import ResidencyError
from residency.core.types import Model
from residency.models.remote import KEY, RemoteModel, open_remote
from residency.serve.engine.leaving import Leave
from residency.serve.engine.turns import Turns
from residency.serve.types import Busy, Down, Refused

Body = dict[str, Any]
Chunks = AsyncGenerator[Body, None]
SILENCE = 300.0
"""Seconds without a byte after which an endpoint counts as down."""


class RemoteEngine:
    """What ``serve.types.Engine`` says, for ``http(s)://HOST/v1#NAME``; the key of ``$RESIDENCY_API_KEY`` goes along.

    Its weights are not to be seen: it is known by its address and name. ``context`` is 0 where it does not tell.
    """

    def __init__(self, address: str, *, queue: int, at_once: int, timeout: float = SILENCE) -> None:
        """Look up the model's name where the address has none; ModelError where it lists several, or none."""
        found = open_remote(address)
        self.url, self.name, self.context = found.url, found.model, 0
        self.hash = hashlib.sha256(f"{self.url} {self.name}".encode()).hexdigest()
        self.turns, self.alive = Turns(at_once, queue), True
        key = os.environ.get(KEY)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(timeout, connect=10.0),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            follow_redirects=False,
            trust_env=False,  # a proxy of the environment is no configured address
            limits=httpx.Limits(max_connections=None),
        )

    def of(self, user: str, leave: Leave | None = None) -> RemoteEngine:
        """Return this: what the endpoint keeps of one request for another is its own matter."""
        return self

    async def chat(self, body: Body) -> Body:
        """Return a chat completion."""
        return await self._ask("chat/completions", body)

    async def complete(self, body: Body) -> Body:
        """Return a text completion."""
        return await self._ask("completions", body)

    def chat_stream(self, body: Body) -> Chunks:
        """Yield the chunks of a chat completion; the last has no choices, and the usage where the endpoint tells it."""
        return self._stream("chat/completions", body)

    def complete_stream(self, body: Body) -> Chunks:
        """Yield the chunks of a text completion, ended likewise."""
        return self._stream("completions", body)

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """Return the endpoint's vectors and the tokens it read."""
        found = await self._ask("embeddings", {"input": list(texts)})
        rows = sorted(found["data"], key=lambda row: row["index"])
        return [row["embedding"] for row in rows], int((found.get("usage") or {}).get("prompt_tokens") or 0)

    def as_model(self) -> Model:
        """Return the same endpoint for a thread that may wait."""
        return RemoteModel(f"{self.url}#{self.name}", self.url, self.name, hash=self.hash)

    def about(self) -> dict[str, Any]:
        """Return the numbers of the queue; ``alive`` is how the last request went."""
        numbers = {"working": self.turns.working, "waiting": self.turns.waiting, "slots": self.turns.at_once}
        return {**numbers, "restarts": 0, "alive": self.alive, "kind": "endpoint", "context": self.context}

    def close(self) -> None:
        """Do nothing: connections go with the process."""

    async def _ask(self, path: str, body: Body) -> Body:
        async with self.turns.turn():
            try:
                answer = await self._client.post(f"{self.url}/{path}", json={**body, "model": self.name})
            except httpx.HTTPError:
                raise self._down() from None
            self._check(answer.status_code, answer.headers)
            return self._read(answer.content)

    async def _stream(self, path: str, body: Body) -> Chunks:
        asked = {**body, "model": self.name, "stream": True, "stream_options": {"include_usage": True}}
        last: Body = {"choices": []}
        async with self.turns.turn(), aclosing(self._events(path, asked)) as events:
            async for event in events:
                usage = event.get("usage")
                last = {**event, "choices": [], **({"usage": usage or last.get("usage")})}
                if event.get("choices"):
                    yield {key: value for key, value in event.items() if key != "usage"}
        yield {key: value for key, value in last.items() if value is not None}

    async def _events(self, path: str, body: Body) -> Chunks:
        try:
            async with self._client.stream("POST", f"{self.url}/{path}", json=body) as answer:
                self._check(answer.status_code, answer.headers)
                async for line in answer.aiter_lines():
                    if line == "data: [DONE]":
                        return
                    if line.startswith("data:"):
                        yield self._read(line[5:])
        except httpx.HTTPError:
            raise self._down() from None
        raise self._down()

    def _read(self, data: str | bytes) -> Body:
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            raise self._down() from None
        if not isinstance(found, dict) or "error" in found:
            raise self._down()
        return found

    def _check(self, status: int, headers: httpx.Headers) -> None:
        """Raise where a status is no success; the endpoint's own words may quote the prompt and are not passed on."""
        self.alive = status < 500
        if status < 300:
            return
        if status == 429:
            after = headers.get("retry-after", "")
            raise Busy(int(after) if after.isdecimal() else self.turns.after)
        if status in (400, 413, 422):
            raise Refused(f"the endpoint of {self.name} refuses this request (HTTP {status})")
        if status >= 500:
            raise self._down()
        raise ResidencyError(f"the endpoint of {self.name} answers {status}: look at its address, name and key")

    def _down(self) -> Down:
        self.alive = False
        return Down(10)
