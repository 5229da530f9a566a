"""The service as a whole on a real engine: what the engine does, those who ask see, and it is on record."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import func, select

from residency.serve.service import Service
from residency.serve.store.tables import RECORD
from serve.service import key, made, served
from serve.tiny_gguf import tiny_gguf  # noqa: F401

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "What is a loom?"}], "max_tokens": 8, "temperature": 0}


def entries(service: Service) -> int:
    """How many requests are on record."""
    with service.database.connect() as connection:
        return int(connection.execute(select(func.count()).where(RECORD.c.kind == "request")).scalar_one())


def test_a_crash_of_the_model_is_a_503_and_what_follows_is_answered_again(tmp_path, tiny_gguf: Path):  # noqa: F811
    with made(tmp_path, names=[str(tiny_gguf)], context=1024, parallel=2) as service, served(service) as url:
        engine: Any = service.engine
        engine.kept.pauses = (0.3,)
        ask = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key(service)}"}, timeout=60)
        first = ask.post("/v1/chat/completions", json=ASK)
        assert first.status_code == 200 and first.json()["choices"][0]["message"]["content"], first.text
        os.kill(engine.kept.pid, signal.SIGKILL)
        while engine.kept.alive:
            time.sleep(0.01)
        down = ask.post("/v1/chat/completions", json=ASK)
        assert down.status_code == 503 and int(down.headers["retry-after"]) >= 1
        assert json.loads(down.text)["error"]["message"] and "loom" not in down.text
        assert engine.kept.wait(20)
        assert ask.post("/v1/chat/completions", json=ASK).json()["usage"] == first.json()["usage"]
        admin = {"Authorization": f"Bearer {key(service, 'administrator', ['metrics'])}"}
        metrics = ask.get("/metrics", headers=admin).text
        assert "residency_engine_alive" in metrics and "loom" not in metrics
        assert entries(service) == 3
