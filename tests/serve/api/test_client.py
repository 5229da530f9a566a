"""The official client works unchanged, over a real server on loopback; so do clients that leave, or do not read."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from fastapi import FastAPI

from residency.serve.api import stream
from serve.api.api_app import api
from serve.port import on_port
from serve.scripted_engine import ScriptedEngine

ASK: Any = [{"role": "user", "content": "What helps against a cold?"}]


def script(body: dict[str, Any]) -> Any:
    if body.get("tools"):
        return {"content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"what": "gout"}'}}
        ]}  # fmt: skip
    if body.get("response_format"):
        return '{"label": "cold"}'
    return "One. Two. Three. " * 200 if "long" in str(body) else "Drink water. And rest."


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return api(ScriptedEngine(script, delay=0.0005))


@pytest.fixture(scope="module")
def address(app: FastAPI) -> Iterator[str]:
    with on_port(app) as found:
        yield found


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="rsd_x", max_retries=0) as made:
        yield made


def test_the_readmes_example_runs_as_it_stands(address: str, capsys: pytest.CaptureFixture[str]):
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(r"^```python\n(.*?)^```$", text, flags=re.M | re.S)
    exec(compile(block.replace("http://127.0.0.1:8000", address), "README.md", "exec"), {})
    said = capsys.readouterr().out
    assert len(said.split("{")[0].split()) > 2 and "'calibrated': False" in said


def test_chat(client: openai.OpenAI):
    reply = client.chat.completions.create(model="scripted", messages=ASK, temperature=0, max_tokens=20, seed=1)
    assert reply.choices[0].message.content == "Drink water. And rest."
    assert reply.usage is not None
    assert reply.usage.total_tokens == 9
    assert reply.model_extra is not None
    assert reply.model_extra["residency"]["draft"] is True


def test_streaming(client: openai.OpenAI):
    pieces = list(client.chat.completions.create(
        model="scripted", messages=ASK, stream=True, stream_options={"include_usage": True}, logprobs=True
    ))  # fmt: skip
    text = "".join(c.delta.content or "" for piece in pieces for c in piece.choices)
    scores = [one.token for p in pieces for c in p.choices if c.logprobs for one in c.logprobs.content or ()]
    assert (text, "".join(scores)) == ("Drink water. And rest.",) * 2
    assert pieces[-1].usage is not None
    assert pieces[-2].choices[0].finish_reason == "stop"


def test_a_schema_is_parsed(client: openai.OpenAI):
    schema = {"type": "object", "properties": {"label": {"type": "string"}}}
    form: Any = {"type": "json_schema", "json_schema": {"name": "label", "schema": schema}}
    reply = client.chat.completions.create(model="scripted", messages=ASK, response_format=form)
    assert json.loads(reply.choices[0].message.content or "") == {"label": "cold"}


def test_tools(client: openai.OpenAI):
    tools: Any = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    whole = client.chat.completions.create(model="scripted", messages=ASK, tools=tools)
    with client.chat.completions.stream(model="scripted", messages=ASK, tools=tools) as streamed:
        final = streamed.get_final_completion()
    for reply in (whole, final):
        (call,) = reply.choices[0].message.tool_calls or ()
        assert (call.function.name, call.function.arguments) == ("look", '{"what": "gout"}')  # type: ignore[union-attr]


def test_completions_embeddings_and_models(client: openai.OpenAI):
    text = client.completions.create(model="scripted", prompt="Say")
    vectors = client.embeddings.create(model="scripted", input=["one", "two"])
    assert text.choices[0].text == "Drink water. And rest."
    assert sum(x * x for x in vectors.data[1].embedding) == pytest.approx(1, abs=1e-6)
    assert [one.id for one in client.models.list()] == ["scripted"]
    assert client.models.retrieve("scripted").id == "scripted"


def test_errors_are_those_the_client_knows(client: openai.OpenAI):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="gpt-9", messages=ASK)
    with pytest.raises(openai.BadRequestError) as bad:
        client.chat.completions.create(model="scripted", messages=ASK, reasoning_effort="high")
    assert (missing.value.code, bad.value.code, bad.value.param) == (
        "model_not_found", "unsupported_parameter", "reasoning_effort")  # fmt: skip


def last(app: FastAPI, *, seconds: float = 5.0) -> dict[str, Any]:
    """Return the last line of the record once it tells how a request ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        lines = [entry.body for entry in app.state.record.entries[-1:]]
        if lines and lines[0]["decision"] not in ("streamed", "answered"):
            return lines[0]  # type: ignore[no-any-return]
        time.sleep(0.01)
    raise AssertionError("nobody noticed that the client had gone")


def test_a_client_that_leaves_in_mid_stream_stops_the_generation(client: openai.OpenAI, app: FastAPI):
    engine = app.state.service.flow.engine()
    stopped = engine.stopped
    pieces = client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "long"}], stream=True
    )
    next(iter(pieces))
    pieces.close()
    assert last(app)["decision"] == "disconnected"
    assert engine.stopped == stopped + 1


def raw(address: str, body: dict[str, Any]) -> socket.socket:
    """Return a connection that has sent a request and reads nothing."""
    host, _, port = address.removeprefix("http://").partition(":")
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    found.connect((host, int(port)))
    data = json.dumps(body).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    found.sendall(f"{head}content-length: {len(data)}\r\n\r\n".encode() + data)
    return found


def test_a_client_that_leaves_before_a_whole_answer_stops_it_too(address: str, app: FastAPI):
    app.state.record.entries.clear()
    engine = app.state.service.flow.engine()
    asked = len(engine.asked)
    connection = raw(address, {"messages": [{"role": "user", "content": "long"}]})
    while len(engine.asked) == asked:
        time.sleep(0.005)
    connection.close()
    until = time.monotonic() + 5
    while not app.state.record.entries and time.monotonic() < until:
        time.sleep(0.01)
    assert app.state.record.entries[0].body["decision"] == "disconnected"


def test_a_client_that_does_not_read_is_let_go(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stream, "PATIENCE", 0.3)
    app = api(ScriptedEngine(lambda body: ("x" * 8000 + ". ") * 2000))
    with on_port(app) as address:
        connection = raw(address, {"messages": ASK, "stream": True})
        try:
            assert last(app, seconds=10)["decision"] == "disconnected"
        finally:
            connection.close()
