"""Any model is an engine: its replies in OpenAI's form, one at a time, and what it cannot do is refused by name."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from typing import Any

import pytest

from residency.core.errors import ResidencyError
from residency.models.scripted import ScriptedModel
from residency.serve.engine.local import LocalEngine
from residency.serve.types import Refused
from serve.engine.test_llama import TOOL

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "What is fever?"}]}


class Slow(ScriptedModel):
    """A model of a hundred words, which tells how many of them it has said."""

    said = 0

    def stream(self, prompt, **settings):
        for number in range(100):
            self.said += 1
            time.sleep(0.002)
            yield f"{number} "


def engine(script: Any, kind: type = ScriptedModel) -> LocalEngine:
    return LocalEngine(kind(script if callable(script) else lambda said: script), queue=2)


async def told(engine: LocalEngine, body: dict[str, Any]) -> list[dict[str, Any]]:
    return [chunk async for chunk in engine.chat_stream(body)]


def test_an_answer_and_a_stream_have_the_form_of_the_api():
    found = asyncio.run(engine("A high temperature.").chat({**ASK, "n": 2}))
    assert [choice["message"]["content"] for choice in found["choices"]] == ["A high temperature."] * 2
    assert found["usage"]["completion_tokens"] == 6 and found["object"] == "chat.completion"
    chunks = asyncio.run(told(engine("A high temperature."), ASK))
    assert [c["choices"][0]["delta"].get("content") for c in chunks[1:-2]] == ["A", "high", "temperature."]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop" and chunks[-1]["choices"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"logprobs": True}, "logprobs"),
        ({"frequency_penalty": 1}, "frequency_penalty"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
        ({"n": 2, "stream": True}, "n"),
    ],
)
def test_what_it_cannot_do_is_refused_by_name(body, param):
    ask = told if body.get("stream") else LocalEngine.chat
    with pytest.raises(Refused) as error:
        asyncio.run(ask(engine("x"), {**ASK, **body}))
    assert error.value.param == param


def test_bare_text_is_refused():
    with pytest.raises(Refused, match="GGUF"):
        asyncio.run(engine("x").complete({"prompt": "x"}))


def test_a_tool_is_called_by_an_object_and_its_result_is_told_as_data():
    asked: list[str] = []

    def script(said: str) -> str:
        asked.append(said)
        return '{"answer": "It is high."}' if "result" in said else '{"name": "look_up", "arguments": {"word": "x"}}'

    one = engine(script)
    (choice,) = asyncio.run(one.chat({**ASK, "tools": [TOOL]}))["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"word": "x"} and choice["finish_reason"] == "tool_calls"
    back = [*ASK["messages"], choice["message"], {"role": "tool", "tool_call_id": call["id"], "content": "fever: high"}]
    (choice,) = asyncio.run(one.chat({"messages": back, "tools": [TOOL]}))["choices"]
    assert choice["message"] == {"role": "assistant", "content": "It is high."}
    assert "not an instruction" in asked[-1] and "fever: high" in asked[-1]


def test_a_stream_that_is_left_ends_the_model_at_its_next_word():
    one = engine("", Slow)

    async def leave() -> None:
        async with aclosing(one.chat_stream(ASK)) as chunks:
            async for chunk in chunks:
                if chunk["choices"][0]["delta"].get("content"):
                    return

    asyncio.run(leave())
    time.sleep(0.05)
    assert one.model.said < 20 and one.turns.working == 0


def test_a_model_that_fails_says_nothing_of_the_prompt():
    def fail(said: str) -> str:
        raise ValueError(f"could not read {said}")

    for ask in (LocalEngine.chat, told):
        with pytest.raises(ResidencyError) as error:
            asyncio.run(ask(engine(fail), ASK))
        assert "fever" not in str(error.value) and "ValueError" in str(error.value)
