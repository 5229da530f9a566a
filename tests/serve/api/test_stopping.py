"""A service that is stopped ends what it is answering itself: a 503 in OpenAI's shape, each on record, no trace."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from residency import admitting
from residency.cli import main
from residency.serve.access import keys, users
from residency.serve.api.server import Server
from residency.serve.engine.ending import PATIENCE, Ending, Stopping
from residency.serve.engine.flow import Flow
from residency.serve.types import Principal
from serve.api.api_app import api
from serve.api.flow_doubles import ANNA, MemoryRecord, WordGuard
from serve.scripted_engine import ScriptedEngine
from serve.test_kill import Ward
from serve.tiny_gguf import tiny_gguf  # noqa: F401

BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "What helps against a cold?"}]}
LONG = "One word. " * 400


def post(url: str, out: list[Any], begun: list[int], **more: Any) -> threading.Thread:
    """Return a thread that asks: the status goes into ``begun`` as soon as it is there, the reply into ``out``."""

    def ask() -> None:
        with httpx.stream("POST", f"{url}/v1/chat/completions", json={**BODY, **more}, timeout=60) as reply:
            begun.append(reply.status_code)
            reply.read()
            out.append(reply)

    thread = threading.Thread(target=ask)
    thread.start()
    return thread


def until(holds: Any, seconds: float = 10) -> None:
    ends = time.monotonic() + seconds
    while not holds() and time.monotonic() < ends:
        time.sleep(0.01)
    assert holds()


@pytest.mark.parametrize("stream", [False, True])
def test_requests_in_flight_end_at_once_with_a_503_or_an_error_event_and_are_on_record(
    stream: bool, caplog: pytest.LogCaptureFixture
):
    engine = ScriptedEngine(LONG, delay=0.02)
    app = api(engine)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", log_config=None)
    server = Server(config, app.state.service.flow.stop)
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    until(lambda: server.started)
    url, replies = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", list[Any]()
    begun: list[int] = []
    asking = [post(url, replies, begun, stream=stream) for _ in range(6)]
    until(lambda: engine.working == 6 and len(begun) == (6 if stream else 0))
    began = time.monotonic()
    server.should_exit = True
    for thread in (*asking, serving):
        thread.join(20)
    assert time.monotonic() - began < 5
    for reply in replies:
        last = json.loads(reply.text.strip().rpartition("\n\n")[2].removeprefix("data: "))
        assert (last["error"]["code"], last["error"]["type"]) == ("service_stopping", "server_error")
        assert reply.status_code == (200 if stream else 503)
        assert "[DONE]" not in reply.text
    ends = [entry.body for entry in app.state.record.entries if entry.body["decision"] != "streamed"]
    assert [(one["decision"], one["why"]) for one in ends] == [("interrupted", "service stopped")] * 6
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_strategies_in_threads_and_vectors_are_left_too_and_nothing_begins_afterwards():
    left = threading.Event()
    record = MemoryRecord()
    way = Flow({"scripted": ScriptedEngine()}, WordGuard(), record)  # type: ignore[dict-item]

    async def go() -> float:
        about = {"kind": "note", "describe": lambda found: {"answer": found}}
        running = asyncio.create_task(way.run(ANNA, lambda model: left.wait(30) and "", **about))
        await asyncio.sleep(0.05)
        began = time.monotonic()
        way.stop()
        with pytest.raises(Stopping):
            await running
        with pytest.raises(Stopping):
            await way.embed(ANNA, ["a"])
        with pytest.raises(Stopping):
            await way.ask(ANNA, BODY, kind="chat")
        with pytest.raises(Stopping):
            await anext(way.stream(ANNA, BODY, kind="chat"))
        left.set()
        return time.monotonic() - began

    assert asyncio.run(go()) < PATIENCE + 2
    decisions = [entry.body["decision"] for entry in record.entries]
    assert decisions == ["interrupted", "interrupted", "interrupted", "streamed", "interrupted"]


def test_work_that_cannot_be_stopped_is_left_behind_and_how_it_ends_is_nobodys():
    async def go() -> float:
        async def stubborn() -> None:
            for _ in range(2):
                try:
                    await asyncio.sleep(3)
                except asyncio.CancelledError:
                    continue

        ending = Ending()
        waiting = asyncio.create_task(ending.whole(stubborn()))
        await asyncio.sleep(0.01)
        began = time.monotonic()
        ending.stop()
        with pytest.raises(Stopping):
            await waiting
        return time.monotonic() - began

    assert asyncio.run(go()) < PATIENCE + 0.5


def test_who_leaves_while_the_service_runs_is_still_a_client_that_disconnected():
    record = MemoryRecord()
    way = Flow({"scripted": ScriptedEngine(LONG, delay=0.02)}, WordGuard(), record)  # type: ignore[dict-item]

    async def go() -> None:
        asking = asyncio.create_task(way.ask(ANNA, BODY, kind="chat"))
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await way.settle()

    asyncio.run(go())
    assert record.entries[0].body["decision"] == "disconnected"


def _key_of_an_auditor(ward: Ward) -> str:
    """Return a key that may read /metrics."""
    with admitting.opened(ward.folder, ward.database) as access:
        console = Principal("", "console", "administrator")
        user, _ = users.make(access, console, name="otto", role="auditor")
        return keys.make(access, console, user.id, name="counts", scopes=["metrics"], per_minute=100_000)[1]


def _waiting(url: str, key: str) -> float:
    """Return how many requests wait for a place at the model."""
    told = httpx.get(f"{url}/metrics", headers={"authorization": f"Bearer {key}"}, timeout=60).text
    return sum(float(line.split()[-1]) for line in told.splitlines() if line.startswith("residency_engine_waiting"))


@pytest.mark.slow
def test_a_service_under_load_that_gets_sigterm_closes_in_order(tmp_path: Path, tiny_gguf: Path):  # noqa: F811
    ward = Ward(tiny_gguf, tmp_path / "service")
    counts = _key_of_an_auditor(ward)
    command = [sys.executable, "-m", "residency", "serve", str(tiny_gguf), *ward.place, "--port", "0", "--json"]
    process = subprocess.Popen(
        [*command, "--context", "512", "--parallel", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    url, replies = json.loads(process.stdout.readline())["url"], list[Any]()
    headers = {"authorization": f"Bearer {ward.key}"}
    more = {"max_tokens": 450, "logit_bias": {"0": -100, "1": -100, "2": -100}}

    def ask(**how: Any) -> None:
        with contextlib.suppress(httpx.ReadError, httpx.ConnectError):  # never let in: it came too late
            replies.append(httpx.post(f"{url}/v1/chat/completions", json={**BODY, **how}, headers=headers, timeout=120))

    asking = [threading.Thread(target=ask, kwargs=more, daemon=True) for _ in range(16)]
    try:
        ask(max_tokens=1)
        for thread in asking:
            thread.start()
        until = time.monotonic() + 60
        while not _waiting(url, counts) and time.monotonic() < until:  # they are in, and more than it can work on
            time.sleep(0.02)
    finally:
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        took = time.monotonic() - began
    for thread in asking:
        thread.join(20)
    stopped = [reply for reply in replies if reply.status_code != 200]
    assert stopped and {reply.status_code for reply in stopped} == {503}
    assert {reply.json()["error"]["code"] for reply in stopped} == {"service_stopping"}
    assert b"Traceback" not in said and took < 20
    assert main(["log", "verify", *ward.place]) == 0
    assert len(decisions(ward)) == len(replies)
    assert decisions(ward).count("interrupted") == len(stopped)


def decisions(ward: Ward) -> list[str]:
    """Return what came of each request of a service that has ended."""
    from sqlalchemy import select

    from residency.serve.settings import Settings
    from residency.serve.store.database import open_database
    from residency.serve.store.tables import RECORD

    database = open_database(Settings(folder=Path(ward.place[1])))
    with database.connect() as connection:
        bodies = [json.loads(row.body) for row in connection.execute(select(RECORD)) if row.kind == "request"]
    database.dispose()
    return [body["decision"] for body in bodies]
