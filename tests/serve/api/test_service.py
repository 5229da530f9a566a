"""The API of a whole service: real door, real guard, real record, and the official client over loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from residency.serve.record.verify import verify
from residency.serve.service import Service
from serve.scripted_engine import ScriptedEngine
from serve.service import key, made, served

ASK: Any = [{"role": "user", "content": "What is a normal heart rate of an adult?"}]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    engine = ScriptedEngine("Sixty to a hundred beats a minute. That is at rest.")
    with made(tmp_path_factory.mktemp("service"), engine, keep_text=True, most_body=20_000) as found:
        yield found


@pytest.fixture(scope="module")
def address(service: Service) -> Iterator[str]:
    with served(service) as found:
        yield found


def client(address: str, token: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=token, max_retries=0)


def test_an_answer_of_the_service_is_in_its_record_once_and_the_record_verifies(service: Service, address: str):
    with client(address, key(service)) as asker:
        reply = asker.chat.completions.create(model="scripted", messages=ASK)
        pieces = list(asker.chat.completions.create(model="scripted", messages=ASK, stream=True))
    streamed = pieces[-1].model_extra or {}
    numbers = [(reply.model_extra or {})["residency"]["request"], streamed["residency"]["request"]]
    with service.database.connect() as connection:
        rows = connection.exec_driver_sql("select request, kind from record").fetchall()
    assert [[kind for request, kind in rows if request == one] for one in numbers] == [
        ["request"],
        ["request", "finish"],
    ]
    assert verify(service.database, service.seal, service.settings.folder / "record.head").ok


def test_nobody_is_answered_without_a_key_and_nobody_beyond_its_scopes(service: Service, address: str):
    with pytest.raises(openai.AuthenticationError), client(address, "rsd_unknown") as stranger:
        stranger.chat.completions.create(model="scripted", messages=ASK)
    with pytest.raises(openai.PermissionDeniedError), client(address, key(service, scopes=["embed"])) as narrow:
        narrow.chat.completions.create(model="scripted", messages=ASK)
    assert httpx.get(f"{address}/health").json() == {"status": "ok"}


def test_a_crisis_is_answered_by_rule_and_the_model_is_not_asked(service: Service, address: str):
    said = "I want to kill myself tonight."
    engine: Any = service.engine
    before = len(engine.asked)
    with client(address, key(service)) as asker:
        reply = asker.chat.completions.create(model="scripted", messages=[{"role": "user", "content": said}])
    about = (reply.model_extra or {})["residency"]
    assert (about["urgency"], len(engine.asked)) == ("emergency", before)
    assert about["rules"]


def test_a_body_beyond_the_limit_is_refused_as_the_service_is_set(service: Service, address: str):
    body = json.dumps({"messages": [{"role": "user", "content": "a" * 30_000}]})
    headers = {"authorization": f"Bearer {key(service)}", "content-type": "application/json"}
    reply = httpx.post(f"{address}/v1/chat/completions", content=body, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "request_too_large")


def test_a_fault_is_logged_without_a_word_of_the_request(
    service: Service, address: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: Any) -> Any:
        raise RuntimeError("Mrs Quirrell of ward 3")

    monkeypatch.setattr(service.guard.__class__, "before", broken)
    with pytest.raises(openai.InternalServerError) as found, client(address, key(service)) as asker:
        asker.chat.completions.create(model="scripted", messages=ASK)
    assert "Quirrell" not in str(found.value) + caplog.text
    assert "RuntimeError in POST /v1/chat/completions" in caplog.text


def test_the_schema_of_the_api_needs_a_key_like_all_else(service: Service, address: str):
    assert httpx.get(f"{address}/openapi.json").status_code == 401
    headers = {"authorization": f"Bearer {key(service)}"}
    paths = httpx.get(f"{address}/openapi.json", headers=headers).json()["paths"]
    assert {"/v1/chat/completions", "/v1/medical/answer"} <= set(paths)
