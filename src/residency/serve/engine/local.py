"""Any ``Model`` of this machine as an engine: one request at a time, in a thread.

What such a model does not tell, a request for is refused by name: log-probabilities of tokens, penalties, bare text.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from residency.core.types import Message, Model, Reply
from residency.serve.engine.blocking import from_thread, in_thread
from residency.serve.engine.embed import Vectors
from residency.serve.engine.leaving import Leave
from residency.serve.engine.tools import in_words, read, wants_tools
from residency.serve.engine.turns import Turns
from residency.serve.types import Refused

Body = dict[str, Any]
Chunks = AsyncGenerator[Body, None]
UNTOLD = ("logprobs", "top_logprobs", "logit_bias", "frequency_penalty", "presence_penalty")
"""What a request may ask for, and a model here cannot do."""
ROOM = 512
"""Tokens of an answer whose length is not said."""


class LocalEngine:
    """What ``serve.types.Engine`` says, for a model in this process."""

    def __init__(self, model: Model, *, queue: int, name: str = "") -> None:
        self.model, self.name, self.hash = model, name or model.name, model.hash
        self.context = int(getattr(model, "context", 0)) or 2048
        self.turns, self.vectors = Turns(1, queue), Vectors(queue=queue)

    def of(self, user: str, leave: Leave | None = None) -> LocalEngine:
        """Return this: nothing of one request is kept for another."""
        return self

    async def chat(self, body: Body) -> Body:
        """Return a chat completion of ``n`` choices."""
        objects, body = _asked(body)
        settings = self._settings(body)
        async with self.turns.turn():
            replies = await in_thread(lambda: self.model.generate([body["messages"]], **settings, n=body.get("n") or 1))
        choices = [_choice(i, reply, objects) for i, reply in enumerate(replies)]
        usage = self._usage(body["messages"], sum(reply.tokens for reply in replies))
        return {**self._head("chat.completion"), "choices": choices, "usage": usage}

    async def chat_stream(self, body: Body) -> Chunks:
        """Yield the chunks of a chat completion of one choice, and one without choices with its usage."""
        objects, body = _asked(body)
        settings = self._settings(body)
        if (body.get("n") or 1) > 1:
            raise Refused(f"{self.name} streams one choice", param="n")
        head, texts = self._head("chat.completion.chunk"), list[str]()
        async with self.turns.turn():
            yield {**head, "choices": [_delta({"role": "assistant", "content": None})]}
            async with aclosing(from_thread(lambda: self.model.stream(body["messages"], **settings))) as pieces:
                async for piece in pieces:
                    texts.append(piece)
                    if not objects:
                        yield {**head, "choices": [_delta({"content": piece})]}
        written = self._count("".join(texts), len(texts))
        finish = "length" if written >= settings["max_tokens"] else "stop"
        if objects:
            message, finish = read("".join(texts), finish)
            calls = [{"index": i, **call} for i, call in enumerate(message.pop("tool_calls", ()))]
            delta = {"content": message["content"], **({"tool_calls": calls} if calls else {})}
            yield {**head, "choices": [_delta(delta)]}
        yield {**head, "choices": [_delta({}, finish)]}
        yield {**head, "choices": [], "usage": self._usage(body["messages"], written)}

    async def complete(self, body: Body) -> Body:
        """Raise Refused: a model here answers chats."""
        raise self._no_bare_text()

    async def complete_stream(self, body: Body) -> Chunks:
        """Raise Refused: a model here answers chats."""
        raise self._no_bare_text()
        yield {}

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """Return unit vectors by the packaged encoder, and the tokens read."""
        return await self.vectors.embed(texts)

    def as_model(self) -> Model:
        """Return the model, whose work stands in the same line."""
        return _InLine(self)

    def about(self) -> dict[str, Any]:
        """Return the numbers of the queue."""
        numbers = {"working": self.turns.working, "waiting": self.turns.waiting, "slots": 1, "restarts": 0}
        return {**numbers, "alive": True, "kind": "local", "context": self.context}

    def close(self) -> None:
        """Do nothing: the model goes with the process."""

    def _no_bare_text(self) -> Refused:
        return Refused(f"{self.name} answers chats: bare text is completed by a GGUF or an endpoint", param="model")

    def _settings(self, body: Body) -> dict[str, Any]:
        """Return what the model is asked with; Refused where it cannot do what a body wants."""
        for name in UNTOLD:
            if body.get(name):
                raise Refused(f"{self.name} cannot do {name}: a GGUF can", param=name, code="unsupported")
        tokens = self._count("\n".join(str(m.get("content")) for m in body["messages"]), 0)
        if tokens >= self.context:
            words = f"the prompt has about {tokens} tokens, and {self.context} fit, with the answer"
            raise Refused(words, code="context_length_exceeded", param="messages")
        most = body.get("max_completion_tokens") or body.get("max_tokens") or ROOM
        stop = body.get("stop") or ()
        temperature = body.get("temperature")
        return {
            "max_tokens": min(most, self.context - tokens),
            "temperature": 1.0 if temperature is None else temperature,
            "seed": body["seed"] if body.get("seed") is not None else int.from_bytes(uuid.uuid4().bytes[:4]),
            "stop": [stop] if isinstance(stop, str) else list(stop),
            "schema": _schema(body),
        }

    def _count(self, text: str, otherwise: int) -> int:
        encode = getattr(self.model, "encode", None)
        return len(encode(text)) if encode else otherwise

    def _usage(self, messages: list[Message], written: int) -> dict[str, int]:
        encode = getattr(self.model, "encode_prompt", None)
        read = len(encode(messages)) if encode else 0
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}

    def _head(self, kind: str) -> Body:
        return {
            "id": f"chatcmpl-{uuid.uuid4().hex}",
            "object": kind,
            "created": int(time.time()),
            "model": self.name,
            "system_fingerprint": self.hash[:12],
        }


class _InLine:
    """The model with a turn around each of its works; all else is its own."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine, self.name, self.hash = engine, engine.name, engine.hash

    def generate(self, prompts: Any, **settings: Any) -> list[Reply]:
        with self._engine.turns.turn_now(bounded=False):
            return self._engine.model.generate(prompts, **settings)

    def stream(self, prompt: Any, **settings: Any) -> Any:
        with self._engine.turns.turn_now(bounded=False):
            yield from self._engine.model.stream(prompt, **settings)

    def loglik(self, prompts: Any, answers: Any) -> Any:
        with self._engine.turns.turn_now(bounded=False):
            return self._engine.model.loglik(prompts, answers)

    def embed(self, texts: Sequence[str]) -> Any:
        return self._engine.vectors.now(texts)


def _asked(body: Body) -> tuple[bool, Body]:
    """Return whether the reply is an object that may be a call, and the body in plain messages."""
    objects = False
    if wants_tools(body):
        body, objects = in_words(body)
    return objects, {**body, "messages": [_plain(message) for message in body["messages"]]}


def _plain(message: Body) -> Message:
    """Return a message whose content is one text."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        if any(part.get("type") != "text" for part in content):
            raise Refused("this model reads text only", code="unsupported", param="messages")
        content = "".join(part["text"] for part in content)
    return {"role": message["role"], "content": content}


def _schema(body: Body) -> dict[str, Any] | None:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return dict(wanted["json_schema"].get("schema") or {"type": "object"})
    return {"type": "object"} if wanted.get("type") == "json_object" else None


def _choice(index: int, reply: Reply, objects: bool) -> Body:
    finish = "length" if reply.finish == "length" else "stop"
    message: Body = {"role": "assistant", "content": reply.text or ""}
    if objects:
        message, finish = read(reply.text or "", finish)
    return {"index": index, "message": message, "finish_reason": finish}


def _delta(delta: Body, finish: str | None = None) -> Body:
    return {"index": 0, "delta": delta, "finish_reason": finish}
