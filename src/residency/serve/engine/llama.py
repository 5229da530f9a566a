"""A GGUF as an engine: llama.cpp's server in a process of its own, many requests in one batch, prompts read once."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from residency.core.types import Model
from residency.serve.engine.client import ask, ask_now, chunks
from residency.serve.engine.embed import Vectors
from residency.serve.engine.leaving import Leave
from residency.serve.engine.model import LlamaModel
from residency.serve.engine.process import Load
from residency.serve.engine.pulse import HUNG_S
from residency.serve.engine.slots import Slots
from residency.serve.engine.supervise import Kept
from residency.serve.engine.tools import in_words, read, wants_tools
from residency.serve.engine.turns import Turns
from residency.serve.engine.wire import joined, outgoing, singles, used
from residency.serve.types import Refused

Body = dict[str, Any]
Chunks = AsyncGenerator[Body, None]
CHAT, COMPLETE = "/v1/chat/completions", "/v1/completions"


class LlamaEngine:
    """What ``serve.types.Engine`` says, for a GGUF; ModelError where it cannot be loaded.

    Every stream ends with a chunk without choices that holds its usage. ``close`` ends the process.
    """

    def __init__(self, load: Load, *, hash: str, queue: int, hung: float = HUNG_S) -> None:
        self.load, self.name, self.hash = load, load.name, hash
        self.user, self.leave = "", Leave()
        self.kept = Kept(load, hung=hung)
        self.turns, self.vectors = Turns(load.parallel, queue), Vectors(queue=queue)
        self.slots = Slots(load.parallel, share=load.share)
        about = ask_now(self.kept.socket, "/props")
        self.context = int(about["default_generation_settings"]["n_ctx"])
        self._knows_tools = bool((about.get("chat_template_caps") or {}).get("supports_tools"))

    def of(self, user: str, leave: Leave | None = None) -> LlamaEngine:
        """Return the same engine as one user has it; ``leave`` tells its model when nobody waits any more."""
        mine = copy.copy(self)
        mine.user, mine.leave = user, leave or Leave()
        return mine

    async def chat(self, body: Body) -> Body:
        """Return a chat completion; with ``n``, as many choices, written side by side."""
        self._must_write()
        in_tools, body = self._told(body)
        found = await self._all(CHAT, body)
        return {**found, "choices": [_as_call(choice) for choice in found["choices"]]} if in_tools else found

    async def complete(self, body: Body) -> Body:
        """Return a text completion; with a list of prompts or ``n``, a choice for each."""
        self._must_write()
        return await self._all(COMPLETE, body)

    def chat_stream(self, body: Body) -> Chunks:
        """Yield the chunks of a chat completion, of as many choices as there are slots at most.

        What may be a call of a tool comes in one piece where the model's template knows no tools.
        """
        in_tools, body = self._told(body)
        return self._call_stream(body) if in_tools else self._stream(CHAT, body)

    def complete_stream(self, body: Body) -> Chunks:
        """Yield the chunks of a text completion of one prompt."""
        return self._stream(COMPLETE, body)

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """Return unit vectors and the tokens read: by the GGUF where it is an encoder, else by the packaged one."""
        if not self.load.embedding:
            return await self.vectors.embed(texts)
        async with self._turn() as socket:
            found = await ask(socket, "/v1/embeddings", {"input": list(texts)})
        rows = sorted(found["data"], key=lambda row: row["index"])
        return [row["embedding"] for row in rows], int(found["usage"]["prompt_tokens"])

    def as_model(self) -> Model:
        """Return the same model for a thread that may wait."""
        self._must_write()
        return LlamaModel(self)

    def about(self) -> dict[str, Any]:
        """Return the numbers of the process and of its queue."""
        numbers = {"working": self.turns.working, "waiting": self.turns.waiting, "slots": self.load.parallel}
        kept = {name: getattr(self.kept, name) for name in ("restarts", "hangs", "alive", "pid")}
        return {**numbers, **kept, "kind": "llama.cpp", "context": self.context}

    def close(self) -> None:
        """End the process."""
        self.kept.stop()

    def _must_write(self) -> None:
        if self.load.embedding:
            raise Refused(f"{self.name} is an encoder: it gives embeddings and writes nothing", param="model")

    def _told(self, body: Body) -> tuple[bool, Body]:
        """Return whether a reply is a call or an answer in one object, and the body that asks for it."""
        if self._knows_tools or not wants_tools(body):
            return False, body
        body, objects = in_words(body)
        return objects, body

    async def _all(self, path: str, body: Body) -> Body:
        each = singles(outgoing(body, stream=False))
        if len(each) == 1:
            return await self._one(path, each[0])
        tasks = [asyncio.create_task(self._one(path, one)) for one in each]
        try:
            return joined(await asyncio.gather(*tasks), count=body.get("n") or 1)
        finally:
            for task in tasks:  # where one failed, the others are for nobody
                task.cancel()

    async def _one(self, path: str, body: Body) -> Body:
        async with self._turn() as socket:
            with self.slots.place(self.user, prompt_of(body)) as where:
                return await ask(socket, path, {**body, **where})

    async def _stream(self, path: str, body: Body) -> Chunks:
        self._must_write()
        usages: list[Body] = []
        last: Body = {}
        place = self.slots.place(self.user, prompt_of(body)) if (body.get("n") or 1) == 1 else self.slots.several()
        async with self._turn() as socket:
            with place as where:
                async with aclosing(chunks(socket, path, outgoing(body, stream=True) | where)) as pieces:
                    async for piece in pieces:
                        if "usage" in piece:
                            usages.append(piece.pop("usage"))
                            last = piece
                        if piece["choices"]:
                            yield piece
        yield {**last, "choices": [], "usage": used(usages)}

    async def _call_stream(self, body: Body) -> Chunks:
        """Yield a reply that is an object once it is whole."""
        text, finish, last = "", "stop", dict[str, Any]()
        async with aclosing(self._stream(CHAT, {**body, "n": 1})) as pieces:
            async for piece in pieces:
                last = piece
                for choice in piece["choices"]:
                    text += choice["delta"].get("content") or ""
                    finish = choice["finish_reason"] or finish
        message, finish = read(text, finish)
        calls = [{"index": i, **call} for i, call in enumerate(message.pop("tool_calls", ()))]
        delta = {**message, **({"tool_calls": calls} if calls else {})}
        head = {key: value for key, value in last.items() if key not in ("usage", "timings")}
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}
        yield last

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[str]:
        """Hold a turn and the socket of the process."""
        _ = self.kept.socket  # Down at once, not after a wait
        async with self.turns.turn():
            yield self.kept.socket


def prompt_of(body: Body) -> str:
    """Return what a body asks, as one text: the same as far as what the model reads is."""
    return body["prompt"] if isinstance(body.get("prompt"), str) else json.dumps(body.get("messages"))


def _as_call(choice: Body) -> Body:
    message, finish = read(choice["message"]["content"] or "", choice["finish_reason"])
    return {**choice, "message": message, "finish_reason": finish}
