"""llama.cpp in a process of its own: it answers, stops when nobody listens, comes back when it dies, leaves nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest

from residency.core.errors import ModelError
from residency.core.types import Model
from residency.serve.api.metrics import Numbers
from residency.serve.engine.flow import Flow
from residency.serve.engine.llama import LlamaEngine
from residency.serve.engine.process import Load
from residency.serve.engine.supervise import Kept
from residency.serve.types import Busy, Down, Refused
from serve.api.flow_doubles import ANNA, MemoryRecord, WordGuard
from serve.tiny_gguf import tiny_gguf, write_tiny_encoder  # noqa: F401

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "What is fever?"}], "max_tokens": 12, "temperature": 0}
LONG = {**ASK, "max_tokens": 2900, "ignore_eos": True}
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look a word up.",
        "parameters": {
            "type": "object",
            "properties": {"word": {"type": "string", "maxLength": 4}},
            "required": ["word"],
            "additionalProperties": False,
        },
    },
}


def load(path: Path, **changed: Any) -> Load:
    return Load(str(path), **{"name": "tiny", "context": 3000, "parallel": 2, "threads": 1, **changed})


@pytest.fixture(scope="module")
def engine(tiny_gguf: Path) -> Iterator[LlamaEngine]:  # noqa: F811
    engine = LlamaEngine(load(tiny_gguf), hash="ab12", queue=3)
    yield engine
    engine.close()


def run(work: Any) -> Any:
    return asyncio.run(work)


async def told(engine: LlamaEngine, body: dict[str, Any]) -> list[dict[str, Any]]:
    return [chunk async for chunk in engine.chat_stream(body)]


def within(seconds: float, found: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while not found() and time.monotonic() < end:
        time.sleep(0.01)
    return found()


def busy(engine: LlamaEngine) -> bool:
    """Whether the process uses the processor."""
    process = psutil.Process(engine.kept.pid)
    before = process.cpu_times()
    time.sleep(0.12)
    after = process.cpu_times()
    return after.user + after.system - before.user - before.system > 0.03


def test_an_answer_and_its_stream_are_the_same_and_name_the_model_not_the_file(engine):
    whole, chunks = run(engine.chat(ASK)), run(told(engine, ASK))
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks[:-1])
    assert text == whole["choices"][0]["message"]["content"] != ""
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 12
    assert {k: whole["usage"][k] for k in ("completion_tokens", "prompt_tokens")} == {
        k: chunks[-1]["usage"][k] for k in ("completion_tokens", "prompt_tokens")
    }
    assert {whole["model"], *(chunk["model"] for chunk in chunks)} == {"tiny"}
    assert "gguf" not in json.dumps([whole, chunks])


def test_several_choices_are_counted_whole_also_beyond_the_slots(engine):
    found = run(engine.chat({**ASK, "n": 3, "temperature": 2, "seed": 5}))
    assert [choice["index"] for choice in found["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in found["choices"]}) == 3
    assert found["usage"]["completion_tokens"] == 36
    assert found["usage"]["total_tokens"] == 36 + found["usage"]["prompt_tokens"]
    streamed = run(told(engine, {**ASK, "n": 2}))
    assert streamed[-1]["usage"]["completion_tokens"] == 24
    both = run(engine.complete({"prompt": ["ab", "cdef"], "max_tokens": 3, "n": 2}))
    each = [run(engine.complete({"prompt": one, "max_tokens": 3}))["usage"]["prompt_tokens"] for one in ("ab", "cdef")]
    assert [choice["index"] for choice in both["choices"]] == [0, 1, 2, 3]
    assert both["usage"]["prompt_tokens"] == sum(each)


def test_a_schema_is_held_to_and_so_is_any_object(engine):
    schema = {"type": "object", "properties": {"sick": {"type": "boolean"}}, "required": ["sick"]}
    for wanted in (
        {"type": "json_schema", "json_schema": {"name": "x", "schema": {**schema, "additionalProperties": False}}},
        {"type": "json_object"},
    ):
        said = run(engine.chat({**ASK, "max_tokens": 900, "response_format": wanted}))["choices"][0]
        if said["finish_reason"] == "stop":
            assert isinstance(json.loads(said["message"]["content"]), dict)
        assert said["message"]["content"].startswith("{")


def test_tools_can_be_called_though_the_template_knows_none(engine):
    body = {**ASK, "max_tokens": 400, "tools": [TOOL], "tool_choice": "required"}
    (choice,) = run(engine.chat(body))["choices"]
    (call,) = choice["message"]["tool_calls"]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["content"] is None
    assert call["function"]["name"] == "look_up" and list(json.loads(call["function"]["arguments"])) == ["word"]
    chunks = run(told(engine, body))
    (streamed,) = [c for chunk in chunks[:-1] for c in chunk["choices"][0]["delta"].get("tool_calls") or ()]
    assert streamed["function"] == call["function"] and streamed["index"] == 0
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_log_probabilities_come_with_the_answer(engine):
    found = run(engine.chat({**ASK, "logprobs": True, "top_logprobs": 2}))["choices"][0]["logprobs"]["content"]
    assert 6 < len(found) <= 12  # bytes that are no whole character come with the next ones
    assert all(len(row["top_logprobs"]) == 2 and row["logprob"] <= 0 for row in found)


@pytest.mark.parametrize(
    ("changed", "code", "param"),
    [
        ({"messages": [{"role": "user", "content": "secret " * 900}]}, "context_length_exceeded", "messages"),
        ({"temperature": "secret"}, "invalid_request_error", "temperature"),
        ({"messages": [{"role": "user", "content": {"secret": 1}}]}, "invalid_request_error", ""),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"type": "secret"}}}},
            "invalid_schema",
            "response_format",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "secret"}}]}]},
            "unsupported",
            "messages",
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words_that_quote_nothing(engine, changed, code, param):
    for ask in (engine.chat, lambda body: told(engine, body)):
        with pytest.raises(Refused) as error:
            run(ask({**ASK, **changed}))
        assert (error.value.code, error.value.param) == (code, param)
        assert "secret" not in str(error.value)


def test_a_stream_that_is_left_stops_the_generation(engine):
    async def leave() -> None:
        async with aclosing(engine.chat_stream(LONG)) as chunks:
            async for _ in chunks:
                return

    run(leave())
    assert engine.turns.working == 0
    assert within(2, lambda: not busy(engine))


def test_who_comes_to_a_full_queue_is_told_when_to_come_back_and_a_place_is_never_lost(engine):
    async def crowd() -> tuple[list[Any], list[int]]:
        tasks = [asyncio.create_task(engine.chat({**LONG, "max_tokens": 700})) for _ in range(5)]
        await asyncio.sleep(0.05)
        with pytest.raises(Busy) as busy:
            await engine.chat(ASK)
        assert 1 <= busy.value.after <= 60
        seen = [engine.turns.working, engine.turns.waiting]
        tasks[0].cancel(), tasks[3].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True), seen

    answers, seen = run(crowd())
    assert seen == [2, 3]
    assert [isinstance(answer, dict) for answer in answers] == [False, True, True, False, True]
    assert (engine.turns.working, engine.turns.waiting) == (0, 0)


def test_its_model_waits_in_the_same_line_and_does_what_a_gguf_does(engine):
    model = engine.as_model()
    assert isinstance(model, Model) and (model.name, model.hash) == ("tiny", "ab12")
    replies = model.generate([ASK["messages"]] * 3, max_tokens=6)
    assert [reply.tokens for reply in replies] == [6, 6, 6]
    assert "".join(model.stream(ASK["messages"], max_tokens=6)) == replies[0].text
    (scores,) = model.loglik([ASK["messages"]], ["abc"])
    assert len(scores.logprobs) == 3
    with pytest.raises(Refused, match="fit"):
        model.generate([[{"role": "user", "content": "a" * 4000}]], max_tokens=6)


def test_a_crash_ends_what_is_asked_with_down_and_the_process_comes_back(tiny_gguf):  # noqa: F811
    engine = LlamaEngine(load(tiny_gguf), hash="ab12", queue=3)
    engine.kept.pauses = (0.05,)

    async def crash() -> list[Any]:
        tasks = [asyncio.create_task(told(engine, LONG)), asyncio.create_task(engine.chat(LONG))]
        await asyncio.sleep(0.1)
        os.kill(engine.kept.pid or 0, signal.SIGKILL)
        return await asyncio.gather(*tasks, return_exceptions=True)

    try:
        assert [type(answer) for answer in run(crash())] == [Down, Down]
        assert within(10, lambda: engine.kept.restarts == 1 and engine.kept.alive)
        assert run(engine.chat(ASK))["choices"]
        assert engine.about()["alive"] and engine.turns.working == 0
        model, folder = engine.as_model(), Path(engine.kept.socket).parent
    finally:
        engine.close()
    assert not engine.kept.alive and not folder.exists()
    with pytest.raises(Down):
        run(engine.chat(ASK))
    with pytest.raises(Down):
        model.generate([ASK["messages"]], max_tokens=2)


def test_a_process_that_hangs_is_ended_and_comes_back_and_what_was_asked_is_on_record_as_failed(tiny_gguf):  # noqa: F811
    engine = LlamaEngine(load(tiny_gguf), hash="ab12", queue=3, hung=0.5)
    engine.kept.pauses = (0.05,)
    record = MemoryRecord()
    way = Flow({"tiny": engine}, WordGuard(), record)

    async def hang() -> list[Any]:
        os.kill(engine.kept.pid or 0, signal.SIGSTOP)
        chunks = way.stream(ANNA, LONG, kind="chat")
        return await asyncio.gather(way.ask(ANNA, LONG, kind="chat"), anext(chunks), return_exceptions=True)

    try:
        assert [type(answer) for answer in run(hang())] == [Down, Down]
        ends = [entry.body for entry in record.entries if entry.body["decision"] != "streamed"]
        assert [(one["decision"], one["why"]) for one in ends] == [("failed", "engine down")] * 2
        assert within(10, lambda: engine.kept.restarts == 1 and engine.kept.alive)
        assert run(engine.chat(ASK))["choices"]
        time.sleep(1.2)
        assert engine.about()["hangs"] == 1 and engine.kept.restarts == 1
        numbers, _ = Numbers().text({"tiny": engine})
        assert b'residency_engine_hangs_total{model="tiny"} 1.0' in numbers
    finally:
        engine.close()


@pytest.mark.parametrize("share", [False, True])
def test_what_was_read_for_one_user_is_not_read_on_for_another(share, tiny_gguf):  # noqa: F811
    fever = "He has had a fever since Monday. " * 12
    note = {**ASK, "messages": [{"role": "user", "content": fever}]}
    text = {"prompt": fever, "max_tokens": 2}
    engine = LlamaEngine(load(tiny_gguf, share=share), hash="ab12", queue=3)

    def read_on(user: str, ask: Callable[[LlamaEngine], Any]) -> bool:
        return int(run(ask(engine.of(user)))["usage"]["prompt_tokens_details"]["cached_tokens"]) > 300

    async def streamed(one: LlamaEngine) -> Any:
        return (await told(one, note))[-1]

    try:
        assert not read_on("anna", lambda one: one.chat(note))
        assert read_on("anna", lambda one: one.chat(note))
        assert read_on("ben", lambda one: one.chat(note)) is share
        assert read_on("cleo", streamed) is share
        assert read_on("cleo", streamed)
        assert not read_on("anna", lambda one: one.complete(text))
        assert read_on("ben", lambda one: one.complete(text)) is share
        engine.of("dora").as_model().generate([note["messages"]], max_tokens=2)
        engine.of("dora").as_model().generate([note["messages"]] * 2, max_tokens=2)
        assert read_on("anna", lambda one: one.chat(note)) is share
    finally:
        engine.close()


def test_the_process_ends_with_whoever_started_it_however_that_ends(tiny_gguf):  # noqa: F811
    code = (
        "import sys, time\nfrom residency.serve.engine.supervise import Kept\n"
        "from residency.serve.engine.process import Load\n"
        f"kept = Kept(Load({str(tiny_gguf)!r}, 'tiny', 64, 1, 1))\nprint(kept.pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert within(5, lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_its_threads_wait_as_llama_cpp_means_them_to(tiny_gguf, monkeypatch):  # noqa: F811
    """What the command line sets for training (passive) would cost a fifth of the tokens a second here."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    kept = Kept(Load(str(tiny_gguf), "tiny", context=256, parallel=1, threads=1))
    try:
        assert "OMP_WAIT_POLICY" not in psutil.Process(kept.pid).environ()
        assert os.environ["OMP_WAIT_POLICY"] == "passive"
    finally:
        kept.stop()


def test_no_port_is_opened_and_only_this_user_can_reach_the_socket(engine):
    assert not psutil.Process(engine.kept.pid).net_connections("inet")
    assert os.stat(Path(engine.kept.socket).parent).st_mode & 0o777 == 0o700


def test_what_is_no_whole_model_is_refused_at_once(tmp_path, tiny_gguf):  # noqa: F811
    half = tmp_path / "half.gguf"
    half.write_bytes(tiny_gguf.read_bytes()[:20_000])
    with pytest.raises(ModelError, match="whole GGUF"):
        Kept(load(half))


def test_an_encoder_gives_vectors_and_writes_nothing(tmp_path):
    path = write_tiny_encoder(tmp_path / "encoder.gguf")
    engine = LlamaEngine(load(path, context=128, embedding=True), hash="cd", queue=2)
    try:
        vectors, tokens = run(engine.embed(["fever", "cold hands"]))
        again, _ = run(engine.embed(["cold hands"]))
        assert [round(sum(x * x for x in vector), 4) for vector in vectors] == [1, 1] and tokens > 4
        assert vectors[1] == pytest.approx(again[0], abs=1e-4)
        for ask in (engine.chat(ASK), told(engine, ASK)):
            with pytest.raises(Refused, match="writes nothing"):
                run(ask)
    finally:
        engine.close()
