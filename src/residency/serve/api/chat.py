"""/v1/chat/completions and /v1/completions: the body checked, the flow asked, the reply or its chunks sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from fastapi import Request, Response

from residency.serve.api.bodies import Chat, Completion, sent
from residency.serve.api.reply import as_json, caller_of, nobody, router, service_of, while_wanted
from residency.serve.api.schemas import ChatReply, TextReply
from residency.serve.api.stream import events
from residency.serve.engine.flow import How
from residency.serve.engine.forms import CHAT, TEXT, Form
from residency.serve.types import Refused

routes = router()
STREAMED = {"text/event-stream": {"schema": {"type": "string", "description": "data: {a chunk} …, data: [DONE]"}}}
REPLIES: dict[str, dict[int | str, dict[str, Any]]] = {
    "chat": {200: {"model": ChatReply, "content": STREAMED, "description": "A completion, or its chunks as events."}},
    "text": {200: {"model": TextReply, "content": STREAMED, "description": "A completion, or its chunks as events."}},
}


@routes.post("/v1/chat/completions", responses=REPLIES["chat"], response_model=None)
async def chat(request: Request, body: Chat) -> Response:
    """Return a chat completion, whole or as a stream of events."""
    return await _answered(request, body, CHAT)


@routes.post("/v1/completions", responses=REPLIES["text"], response_model=None)
async def complete(request: Request, body: Completion) -> Response:
    """Return a text completion, whole or as a stream of events."""
    return await _answered(request, body, TEXT)


async def _answered(request: Request, body: Chat | Completion, form: Form) -> Response:
    asked = sent(body)
    flow, who = service_of(request).flow, caller_of(request)
    how: How = {"kind": body.residency.kind if body.residency else "chat", "form": form}
    if body.stream:
        if (body.n or 1) > 1 or isinstance(asked.get("prompt"), list):
            raise Refused("a stream has one choice of one prompt", code="unsupported_parameter", param="n")
        if body.stream_options and body.stream_options.include_usage:
            asked["stream_options"] = {"include_usage": True}
        chunks = flow.stream(who, asked, **how)
        return await events(chunks if form.chat else _legacy(chunks))
    if body.stream_options:
        raise Refused("stream_options goes with stream: true", param="stream_options")
    told = await while_wanted(request, flow.ask(who, asked, **how))
    if told is None:
        return nobody()
    if not form.chat:
        told.reply["choices"] = [legacy(choice) for choice in told.reply["choices"]]
    return as_json(told.reply)


async def _legacy(chunks: AsyncIterator[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    """Yield the chunks of a text completion with the scores of tokens as OpenAI has them there."""
    try:
        async for chunk in chunks:
            yield {**chunk, "choices": [legacy(choice) for choice in chunk["choices"]]}
    finally:
        await chunks.aclose()  # type: ignore[attr-defined]


def legacy(choice: dict[str, Any]) -> dict[str, Any]:
    """Return a choice of a text completion whose scores stand as OpenAI has them: in four lists, by token."""
    scores = choice.get("logprobs")
    if not isinstance(scores, Mapping) or not isinstance(scores.get("content"), list):
        return choice
    rows = scores["content"]
    offsets, at = list[int](), 0
    for row in rows:
        offsets.append(at)
        at += len(row["token"])
    lists = {
        "tokens": [row["token"] for row in rows],
        "token_logprobs": [row["logprob"] for row in rows],
        "top_logprobs": [{top["token"]: top["logprob"] for top in row.get("top_logprobs") or ()} for row in rows],
        "text_offset": offsets,
    }
    return {**choice, "logprobs": lists}
