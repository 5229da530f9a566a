"""Strategies in threads end at their model's next word once nobody waits for them."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from residency.serve.engine.flow import Flow
from residency.serve.engine.leaving import Leave, Left, Wanted
from residency.serve.engine.llama import LlamaEngine
from residency.serve.engine.process import Load
from serve.api.flow_doubles import ANNA, MemoryRecord, WordGuard
from serve.scripted_engine import ScriptedEngine
from serve.tiny_gguf import tiny_gguf  # noqa: F401

ASK: Any = [{"role": "user", "content": "What is fever?"}]


def left_after(way: Flow, work: Any, begun: threading.Event) -> BaseException:
    """Return what a strategy ends with, whose client leaves once it has begun."""
    ended: list[BaseException] = []
    over = threading.Event()

    def watched(model: Any) -> None:
        try:
            work(model)
        except BaseException as error:
            ended.append(error)
            raise
        finally:
            over.set()

    async def go() -> None:
        asking = asyncio.create_task(way.run(ANNA, watched, kind="note", describe=lambda found: {"answer": found}))
        assert await asyncio.to_thread(begun.wait, 10)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await asyncio.to_thread(over.wait, 10)
        await way.settle()

    asyncio.run(go())
    return ended[0]


def test_a_strategy_of_many_calls_ends_at_the_next_one_and_is_on_record():
    record, begun, calls = MemoryRecord(), threading.Event(), list[int]()
    engine = ScriptedEngine()
    way = Flow({"scripted": engine}, WordGuard(), record)  # type: ignore[dict-item]

    def many(model: Any) -> None:
        for number in range(500):
            model.generate([ASK], max_tokens=3)
            calls.append(number)
            begun.set()
            time.sleep(0.01)

    assert isinstance(left_after(way, many, begun), Left)
    assert 1 <= len(calls) < 100
    assert [entry.body["decision"] for entry in record.entries] == ["disconnected"]
    assert engine.users and set(engine.users) == {ANNA.user}


def test_a_stream_ends_at_its_next_piece_and_so_do_all_other_ways_to_ask():
    leave = Leave()
    model = Wanted(ScriptedEngine("one two three four").as_model(), leave)
    pieces = model.stream(ASK, max_tokens=9)
    assert next(pieces) == "one"
    leave.now()
    with pytest.raises(Left):
        next(pieces)
    for ask in (
        lambda: model.generate([ASK], max_tokens=2),
        lambda: next(model.stream(ASK, max_tokens=2)),
        lambda: model.loglik([ASK], ["a"]),
        lambda: model.embed(["a"]),
    ):
        with pytest.raises(Left):
            ask()


def test_a_long_answer_of_a_real_engine_is_broken_off_where_it_stands(tiny_gguf: Path):  # noqa: F811
    engine = LlamaEngine(Load(str(tiny_gguf), "tiny", 3000, 2, 1), hash="ab12", queue=3)
    begun, record = threading.Event(), MemoryRecord()
    way = Flow({"tiny": engine}, WordGuard(), record)

    def notice() -> None:
        while engine.turns.working < 2:
            time.sleep(0.001)
        begun.set()

    def long(model: Any) -> None:
        threading.Thread(target=notice, daemon=True).start()
        model.generate([ASK] * 2, max_tokens=2900, temperature=1.0)

    try:
        assert isinstance(left_after(way, long, begun), Left)
        assert engine.turns.working == 0
        (reply,) = engine.as_model().generate([ASK], max_tokens=2)
        assert reply.tokens == 2
    finally:
        engine.close()


def test_what_breaks_because_it_was_ended_is_no_fault_of_the_engine():
    leave = Leave()
    with pytest.raises(Left), leave.ending(lambda: None):
        leave.now()
        raise OSError
    with pytest.raises(OSError), Leave().ending(lambda: None):
        raise OSError
    with pytest.raises(Left), leave.ending(lambda: None):
        raise AssertionError("it has gone already")
