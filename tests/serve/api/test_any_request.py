"""Whatever is sent, whether the schema of the API allows it or not: no reply is a fault, and each is one of the schema.

Schemathesis draws the requests: those that fit /openapi.json, and those that break it (Hatfield-Dodds and Dygalo 2022,
Deriving semantics-aware fuzzers from web API schemas).
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel

from residency.serve.api.medical_bodies import (
    AnswerReply,
    ClassifyReply,
    DeidentifyReply,
    ExtractReply,
    SummariseReply,
)
from residency.serve.api.reply import Wrong
from residency.serve.api.schemas import ChatReply, Held, Models, TextReply, Vectors
from residency.serve.app import create
from serve.api.api_app import api
from serve.api.test_medical import GOUT, Finds, Names, Shelf
from serve.scripted_engine import ScriptedEngine
from serve.service import key, made
from serve.tiny_gguf import tiny_gguf  # noqa: F401

Send = Callable[[dict[str, Any]], httpx.Response]
REPLIES: dict[str, type[BaseModel]] = {
    "/v1/chat/completions": ChatReply,
    "/v1/completions": TextReply,
    "/v1/embeddings": Vectors,
    "/v1/models": Models,
    "/v1/models/{name}": Held,
    "/v1/medical/answer": AnswerReply,
    "/v1/medical/extract": ExtractReply,
    "/v1/medical/deidentify": DeidentifyReply,
    "/v1/medical/summarise": SummariseReply,
    "/v1/medical/classify": ClassifyReply,
}
MODES = list(schemathesis.GenerationMode)


def tried(app: FastAPI, send: Send, each: int) -> Counter[tuple[str, int]]:
    """Return how often each route gave each status, over ``each`` requests a route and mode."""
    seen: Counter[tuple[str, int]] = Counter()
    spec = app.openapi()
    schema = schemathesis.openapi.from_dict(spec)
    for path, methods in spec["paths"].items():
        if path not in (*REPLIES, "/health", "/metrics"):
            continue
        for method in methods:
            for mode in MODES if method == "post" else MODES[:1]:
                _try(schema[path][method.upper()], mode, send, each if method == "post" else min(each, 20), seen)
    return seen


def _try(operation: Any, mode: Any, send: Send, each: int, seen: Counter[tuple[str, int]]) -> None:
    told = {int(status) for status in operation.definition.raw["responses"]}

    @settings(
        max_examples=each,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def each_of(case: Any) -> None:
        reply = send(case.as_transport_kwargs(base_url="http://localhost"))
        seen[operation.path, reply.status_code] += 1
        assert reply.status_code < 500, (operation.path, reply.status_code, reply.text)
        assert reply.status_code in told, (operation.path, reply.status_code, reply.text)
        if reply.status_code >= 400:
            Wrong.model_validate_json(reply.content)
        elif operation.path in REPLIES and reply.headers["content-type"] == "application/json":
            REPLIES[operation.path].model_validate(json.loads(reply.content))

    each_of()


def sender(runner: asyncio.Runner, app: FastAPI, headers: dict[str, str]) -> Send:
    """Return what sends a drawn request to an app in this process; every other one asks for a model that is there."""
    numbers = itertools.count()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    client = httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers)

    def send(drawn: dict[str, Any]) -> httpx.Response:
        if isinstance(drawn.get("json"), dict) and next(numbers) % 2:
            drawn["json"].pop("model", None)
        named = {k: v for k, v in drawn.get("headers", {}).items() if k.lower() != "content-length"}
        body = {"content": drawn["data"]} if isinstance(drawn.get("data"), bytes | str) else {}
        body |= {"content": json.dumps(drawn["json"]).encode()} if "json" in drawn else {}
        request = client.build_request(drawn["method"], drawn["url"], headers=named, params=drawn["params"], **body)
        return runner.run(client.send(request))

    return send


def replies(body: dict[str, Any]) -> str:
    """Answer as a model might that was asked for anything."""
    if body.get("response_format", {}).get("type") == "json_schema":
        return '{"lines": [1]}'
    return "Drink water. Call 555-1234, 500 mg."


def test_no_request_is_a_fault_and_each_reply_is_told_of(monkeypatch: pytest.MonkeyPatch):
    from residency.serve.api import extracting, medical

    monkeypatch.setattr(medical, "_finder", lambda language, mode: Finds())
    monkeypatch.setattr(extracting, "find_codes", lambda phrase, n: [("R50.9", "Fever")])
    monkeypatch.setattr(extracting, "whole", lambda graph, phrase: None)
    app = api(ScriptedEngine(replies), indexes=[Shelf(GOUT)], graph=Names())
    with asyncio.Runner() as runner:
        seen = tried(app, sender(runner, app, {}), 14)
    assert seen.total() >= 200
    assert {status for _, status in seen} >= {200, 400, 404}


@pytest.mark.slow
def test_five_thousand_requests_to_a_real_service_are_no_fault(tmp_path: Path, tiny_gguf: Path):  # noqa: F811
    with made(tmp_path, names=[str(tiny_gguf)], context=1024) as service, asyncio.Runner() as runner:
        service.about["indexes"] = [Shelf(GOUT)]
        app = create(service)
        headers = {"authorization": f"Bearer {key(service)}"}
        seen = tried(app, sender(runner, app, headers), 320)
    assert seen.total() >= 5_000
    assert not [status for _, status in seen if status >= 500]
