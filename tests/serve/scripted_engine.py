"""An engine that says what it was told to say, in llama.cpp's wire format: the double of all tests of the service.

``script`` is a text, or a function of the request's body that returns a text, a message (``{"content": None,
"tool_calls": [...]}``), or an error to raise. Everything it does can be looked at afterwards: ``asked`` holds the
bodies, ``stopped`` counts streams that were closed early.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from residency.core.types import Message, Model, Reply
from residency.models.scripted import ScriptedModel
from residency.serve.types import Busy, Down, Refused

Said = str | dict[str, Any] | Exception
CREATED = 1_700_000_000


class ScriptedEngine:
    """Answers by a script. A text of five words is five tokens; so is a prompt.

    ``delay`` is the pause before each token, in seconds. ``at_once`` requests are worked on and ``queue`` wait; the
    next raises Busy. ``breaks_after`` tokens of a stream it is Down, as when the process dies. ``alive = False``: Down.
    """

    def __init__(
        self,
        script: str | Callable[[dict[str, Any]], Said] = "Drink water and rest.",
        *,
        name: str = "scripted",
        context: int = 4096,
        delay: float = 0.0,
        at_once: int = 1000,
        queue: int = 1000,
        breaks_after: int | None = None,
    ) -> None:
        self.script: Callable[[dict[str, Any]], Said] = script if callable(script) else lambda body: script
        self.name, self.hash, self.context = name, hashlib.sha256(name.encode()).hexdigest(), context
        self.delay, self.breaks_after, self.alive = delay, breaks_after, True
        self.asked: list[dict[str, Any]] = []
        self.users: list[str] = []
        self.stopped = self.restarts = self.waiting = self.working = 0
        self._most, self._slots = at_once + queue, asyncio.Semaphore(at_once)

    def of(self, user: str, leave: Any = None) -> ScriptedEngine:
        """Return this, and remember for whom."""
        self.users.append(user)
        return self

    async def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the scripted completion, ``n`` choices of it."""
        return await self._whole(body, "chat.completion", _choice)

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the scripted text completion."""
        return await self._whole(body, "text_completion", _text_choice)

    def chat_stream(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield the role, a chunk a token, the finish, and the usage."""
        return self._pieces(body, "chat.completion.chunk", _chunks)

    def complete_stream(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Yield a chunk a token, the finish, and the usage."""
        return self._pieces(body, "text_completion", _text_chunks)

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """Return unit vectors of letter counts, and the words of all texts."""
        if not self.alive:
            raise Down
        return ScriptedModel({}).embed(texts).tolist(), sum(len(_tokens(text)) for text in texts)

    def as_model(self) -> Model:
        """Return a model on the same script: what it is asked is put to the script as the body of a chat."""
        return _Scripted(self)

    def about(self) -> dict[str, Any]:
        """Return the numbers that a real engine gives."""
        numbers = {"working": self.working, "waiting": self.waiting, "slots": 4, "restarts": self.restarts}
        return {**numbers, "alive": self.alive, "kind": "scripted"}

    def say(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the message that the script has for a body; raises the error that it has."""
        self.asked.append(body)
        if not self.alive:
            raise Down
        size = len(_tokens(_prompt(body)))
        if size > self.context:
            raise Refused(
                f"the prompt has {size} tokens, and {self.context} fit",
                code="context_length_exceeded",
                param="messages",
            )
        said = self.script(body)
        if isinstance(said, Exception):
            raise said
        return {"role": "assistant", "content": said} if isinstance(said, str) else {"role": "assistant", **said}

    async def _whole(self, body: dict[str, Any], kind: str, choice: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        async with self._turn():
            texts = [_cut(self.say(body), body) for _ in range(body.get("n") or 1)]
            for message, _ in texts:
                await self._pause(len(_tokens(message["content"] or "")))
        choices = [choice(i, *each, body) for i, each in enumerate(texts)]
        usage = _usage(body, sum(len(_tokens(message["content"] or "")) for message, _ in texts))
        return {**self._head(kind), "choices": choices, "usage": usage}

    async def _pieces(
        self, body: dict[str, Any], kind: str, chunks: Callable[..., list[dict[str, Any]]]
    ) -> AsyncGenerator[dict[str, Any], None]:
        async with self._turn():
            done = False
            try:
                message, finish = _cut(self.say(body), body)
                for number, choice in enumerate(chunks(message, finish, body)):
                    await self._pause(1)
                    if self.breaks_after is not None and number >= self.breaks_after:
                        done = True
                        raise Down
                    yield {**self._head(kind), "choices": [choice]}
                done = True
                yield {**self._head(kind), "choices": [], "usage": _usage(body, len(_tokens(message["content"] or "")))}
            finally:
                self.stopped += not done

    def _turn(self) -> _Turn:
        if self.waiting + self.working >= self._most:
            raise Busy(2)
        return _Turn(self, self._slots)

    async def _pause(self, tokens: int) -> None:
        await asyncio.sleep(self.delay * tokens)

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{len(self.asked)}", "object": kind, "created": CREATED, "model": self.name}


class _Turn:
    """A place among those worked on at once."""

    def __init__(self, engine: ScriptedEngine, slots: asyncio.Semaphore) -> None:
        self.engine, self.slots = engine, slots

    async def __aenter__(self) -> None:
        self.engine.waiting += 1
        try:
            await self.slots.acquire()
        finally:
            self.engine.waiting -= 1
        self.engine.working += 1

    async def __aexit__(self, *_: object) -> None:
        self.engine.working -= 1
        self.slots.release()


class _Scripted(ScriptedModel):
    """The script as a ``Model``."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__({}, name=engine.name)
        self.engine, self.hash = engine, engine.hash

    def generate(self, prompts: Sequence[list[Message]], *, n: int = 1, **settings: Any) -> list[Reply]:  # type: ignore[override]
        """Return the scripted replies, ``n`` a prompt."""
        said = [_cut(self.engine.say(_body(p, settings)), settings) for p in prompts for _ in range(n)]
        texts = [(message["content"] or "", finish) for message, finish in said]
        return [Reply(text, len(_tokens(text)), finish, -0.1 * len(_tokens(text))) for text, finish in texts]

    def stream(self, prompt: list[Message], **settings: Any) -> Any:
        """Yield the scripted reply token by token."""
        yield from _tokens(self.generate([prompt], **settings)[0].text or "")


def _body(messages: list[Message], settings: dict[str, Any]) -> dict[str, Any]:
    schema = settings.get("schema")
    body = {"messages": messages, **{k: v for k, v in settings.items() if k != "schema"}}
    if schema is not None:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return body


def _tokens(text: str) -> list[str]:
    """Return the words of a text, each with the blanks before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def _prompt(body: dict[str, Any]) -> str:
    asked = body.get("prompt") or ""
    words = [asked] if isinstance(asked, str) else [str(part) for part in asked]
    for message in body.get("messages") or ():
        content = message.get("content") or ""
        words += [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    return " ".join(words)


def _cut(message: dict[str, Any], body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a message as far as the stop and the length let it go, and why it ends."""
    text = message.get("content")
    if message.get("tool_calls"):
        return {"content": text, **message}, "tool_calls"
    stops = body.get("stop") or ()
    places = [text.find(s) for s in ([stops] if isinstance(stops, str) else stops) if s in text]
    text = text[: min(places)] if places else text
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 10**9
    words = _tokens(text)
    return {**message, "content": "".join(words[:most])}, "length" if len(words) > most else "stop"


def _usage(body: dict[str, Any], written: int) -> dict[str, int]:
    read = len(_tokens(_prompt(body)))
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _logprobs(tokens: list[str], most: int) -> dict[str, Any]:
    rows = [{"id": 7, "token": token, "bytes": list(token.encode()), "logprob": -0.1} for token in tokens]
    return {"content": [{**row, "top_logprobs": [row][:most]} for row in rows]}


def _wanted(body: dict[str, Any], tokens: list[str]) -> dict[str, Any]:
    """Return the log-probabilities of tokens (each -0.1 nats), where they were asked for."""
    asked = body.get("logprobs")
    most = body.get("top_logprobs") or 0 if isinstance(asked, bool) else asked
    return {"logprobs": _logprobs(tokens, most)} if asked else {}


def _choice(index: int, message: dict[str, Any], finish: str, body: dict[str, Any]) -> dict[str, Any]:
    wanted = _wanted(body, _tokens(message["content"] or ""))
    return {"index": index, "message": message, "finish_reason": finish, **wanted}


def _text_choice(index: int, message: dict[str, Any], finish: str, body: dict[str, Any]) -> dict[str, Any]:
    text = message["content"]
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish, **_wanted(body, _tokens(text))}


def _chunks(message: dict[str, Any], finish: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": None}}]
    deltas += [{"delta": {"content": t}, **_wanted(body, [t])} for t in _tokens(message["content"] or "")]
    deltas += [{"delta": {"tool_calls": [{"index": i, **c}]}} for i, c in enumerate(message.get("tool_calls") or ())]
    return [*({"index": 0, "finish_reason": None, **d} for d in deltas), _end({"delta": {}}, finish)]


def _text_chunks(message: dict[str, Any], finish: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    plain = {"index": 0, "logprobs": None, "finish_reason": None}
    return [
        *({**plain, "text": t, **_wanted(body, [t])} for t in _tokens(message["content"])),
        _end({"text": "", "logprobs": None}, finish),
    ]


def _end(choice: dict[str, Any], finish: str) -> dict[str, Any]:
    return {"index": 0, **choice, "finish_reason": finish}
