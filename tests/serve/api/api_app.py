"""The API alone, behind a door that lets everybody in as anna: on doubles, in this process or on a loopback port."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from residency.serve.api import routers
from residency.serve.api.errors import in_openai_shape
from residency.serve.api.metrics import Counted, Numbers
from residency.serve.engine.flow import Flow
from residency.serve.settings import Settings
from residency.serve.types import Engine
from serve.api.flow_doubles import ANNA, MemoryRecord, WordGuard


class EverybodyIsAnna:
    """A door without a lock."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in."""
        scope["state"] = {**scope.get("state", {}), "principal": ANNA}
        await self.app(scope, receive, send)


def api(*engines: Engine, guard: WordGuard | None = None, most_body: int = 1_000_000, **about: Any) -> FastAPI:
    """Return an app on these engines; its record is at ``app.state.record``."""
    record, numbers = MemoryRecord(), Numbers()
    held = {engine.name: engine for engine in engines}
    flow = Flow(held, guard or WordGuard(), record, watch=numbers.watch)
    app = FastAPI(docs_url=None, redoc_url=None)
    app.state.record = record
    settings = Settings(Path("nowhere"), most_body=most_body)
    app.state.service = SimpleNamespace(
        settings=settings, engines=held, flow=flow, recorder=record, about={"numbers": numbers, **about}
    )
    for router in routers():
        app.include_router(router)
    in_openai_shape(app)
    app.add_middleware(EverybodyIsAnna)
    app.add_middleware(Counted, numbers=numbers)
    return app


def call(app: FastAPI, method: str, path: str, **how: Any) -> httpx.Response:
    """Return the reply to one request."""
    return calls(app, (method, path, how))[0]


def calls(app: FastAPI, *requests: tuple[str, str, dict[str, Any]]) -> list[httpx.Response]:
    """Return the replies to requests that come at once."""

    async def go() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await asyncio.gather(*(client.request(m, p, **how) for m, p, how in requests))

    return asyncio.run(go())


def chat(app: FastAPI, text: str = "What helps against a cold?", **more: Any) -> httpx.Response:
    """Return the reply to a question."""
    body = {"messages": [{"role": "user", "content": text}], **more}
    return call(app, "POST", "/v1/chat/completions", json=body)
