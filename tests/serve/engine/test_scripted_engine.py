"""The scripted engine obeys the protocol that every room of the service builds on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from residency.serve.types import Busy, Down, Engine, Refused
from serve.scripted_engine import ScriptedEngine

T = TypeVar("T")
ASK = {"messages": [{"role": "user", "content": "What helps against a cold?"}]}


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


async def told(engine: Engine, body: dict[str, Any]) -> list[dict[str, Any]]:
    return [chunk async for chunk in engine.chat_stream(body)]


def test_a_stream_is_the_answer_in_pieces_with_its_end_and_its_tokens():
    engine = ScriptedEngine("Water and rest.")
    answer = run(engine.chat(ASK))
    chunks = run(told(engine, ASK))
    pieces = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks[:-1]]
    assert "".join(pieces) == answer["choices"][0]["message"]["content"] == "Water and rest."
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["usage"] == answer["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


def test_stop_length_and_logprobs_are_obeyed():
    engine = ScriptedEngine("Water and rest.")
    cut = run(engine.chat({**ASK, "max_tokens": 2, "logprobs": True}))["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == ("Water and", "length")
    assert [row["token"] for row in cut["logprobs"]["content"]] == ["Water", " and"]
    assert run(engine.complete({"prompt": "x", "stop": [" and"]}))["choices"][0]["text"] == "Water"


def test_errors_of_the_script_a_full_queue_and_a_crash_come_as_the_service_knows_them():
    with pytest.raises(Refused):
        run(ScriptedEngine(lambda body: Refused("no")).chat(ASK))
    with pytest.raises(Refused, match="5 tokens, and 4 fit"):
        run(ScriptedEngine(context=4).chat(ASK))
    with pytest.raises(Down):
        run(told(ScriptedEngine(breaks_after=2), ASK))

    async def three() -> list[Any]:
        engine = ScriptedEngine(delay=0.01, at_once=1, queue=1)
        return await asyncio.gather(*(engine.chat(ASK) for _ in range(3)), return_exceptions=True)

    assert [isinstance(answer, Busy) for answer in run(three())] == [False, False, True]


def test_a_stream_closed_early_is_counted_as_stopped():
    async def leave() -> int:
        engine = ScriptedEngine()
        async with contextlib.aclosing(engine.chat_stream(ASK)) as chunks:
            async for _ in chunks:
                break
        return engine.stopped

    assert run(leave()) == 1


def test_its_model_answers_by_the_same_script_and_sees_the_schema():
    engine = ScriptedEngine(lambda body: '{"sick": true}' if "response_format" in body else "words")
    model = engine.as_model()
    replies = model.generate([ASK["messages"]], max_tokens=9, schema={"type": "object"}, n=2)
    assert [reply.text for reply in replies] == ['{"sick": true}'] * 2
    assert "".join(model.stream(ASK["messages"], max_tokens=9)) == "words"
