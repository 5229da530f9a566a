"""An endpoint is an engine: bodies go on as they are, to one address, and its faults become the service's own."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from residency.core.errors import ResidencyError
from residency.serve.engine.remote import RemoteEngine
from residency.serve.types import Busy, Down, Refused

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "What is fever?"}], "model": "ours"}
DONE = "data: [DONE]\n\n"


def event(**fields: Any) -> str:
    return f"data: {json.dumps(fields)}\n\n"


def engine(answer: Any) -> tuple[RemoteEngine, list[httpx.Request]]:
    """An engine whose endpoint gives an answer, and the requests that reach it."""
    asked: list[httpx.Request] = []

    def give(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer(request) if callable(answer) else answer

    found = RemoteEngine("http://ward.test/v1#big", queue=2, at_once=2)
    found._client = httpx.AsyncClient(transport=httpx.MockTransport(give))
    return found, asked


async def told(engine: RemoteEngine, body: dict[str, Any]) -> list[dict[str, Any]]:
    return [chunk async for chunk in engine.chat_stream(body)]


def test_a_body_goes_on_under_the_endpoints_own_name_for_the_model():
    one, asked = engine(httpx.Response(200, json={"choices": [], "usage": {}}))
    asyncio.run(one.chat({**ASK, "top_k": 3}))
    assert str(asked[0].url) == "http://ward.test/v1/chat/completions"
    assert json.loads(asked[0].content) == {**ASK, "top_k": 3, "model": "big"}


def test_a_stream_ends_with_its_usage_also_where_that_comes_with_the_last_word():
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 1}}
    text = event(choices=[{"index": 0, "delta": {"content": "High."}}]) + event(**end) + DONE
    one, asked = engine(httpx.Response(200, text=text))
    chunks = asyncio.run(told(one, ASK))
    assert chunks[0]["choices"][0]["delta"] == {"content": "High."} and "usage" not in chunks[1]
    assert chunks[-1] == {"choices": [], "usage": {"completion_tokens": 1}}
    assert json.loads(asked[0].content)["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (401, ResidencyError), (429, Busy), (500, Down), (503, Down), (302, ResidencyError)],
)
def test_its_faults_are_told_in_our_words(status, kind):
    answer = httpx.Response(status, json={"error": {"message": "secret"}}, headers={"Retry-After": "7"})
    for ask in (RemoteEngine.chat, told):
        with pytest.raises(kind) as error:
            asyncio.run(ask(engine(answer)[0], ASK))
        assert "secret" not in str(error.value)
        assert not isinstance(error.value, Busy) or error.value.after == 7


def test_a_broken_line_garbage_and_half_a_stream_are_down():
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("secret")

    for answer in (broken, httpx.Response(200, text="<html>"), httpx.Response(200, json=[1])):
        one = engine(answer)[0]
        with pytest.raises(Down):
            asyncio.run(one.chat(ASK))
        assert not one.about()["alive"]
    half = httpx.Response(200, text=event(choices=[{"index": 0, "delta": {"content": "Hi"}}]))
    with pytest.raises(Down):
        asyncio.run(told(engine(half)[0], ASK))


def test_a_stream_that_is_left_leaves_the_endpoint():
    closed: list[bool] = []

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self):
            while True:
                yield event(choices=[{"index": 0, "delta": {"content": "x"}}]).encode()

        async def aclose(self) -> None:
            closed.append(True)

    one, _ = engine(httpx.Response(200, stream=Endless()))

    async def leave() -> None:
        async with aclosing(one.chat_stream(ASK)) as chunks:
            async for _ in chunks:
                return

    asyncio.run(leave())
    assert closed == [True] and one.turns.working == 0


def test_vectors_come_in_the_order_of_the_texts():
    rows = [{"index": 1, "embedding": [0.0, 1.0]}, {"index": 0, "embedding": [1.0, 0.0]}]
    one, _ = engine(httpx.Response(200, json={"data": rows, "usage": {"prompt_tokens": 4}}))
    assert asyncio.run(one.embed(["a", "b"])) == ([[1.0, 0.0], [0.0, 1.0]], 4)
