"""A small service for tests of the pages: a scripted engine, a guard and a record that are doubles, and a user at will.

The header x-as (or the cookie "as") names the role of who asks, as signing in would.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from fastapi import FastAPI, Request

from residency.core.errors import ResidencyError
from residency.serve.access.access import Access
from residency.serve.access.dependency import guarded
from residency.serve.engine.flow import Flow
from residency.serve.settings import Settings
from residency.serve.types import ROLES, Principal
from residency.serve.workspace.render import problem, problem_of
from residency.serve.workspace.static_files import router as static_files
from serve.api.flow_doubles import MemoryRecord, WordGuard
from serve.scripted_engine import ScriptedEngine
from serve.service import QUICK


class SayingGuard(WordGuard):
    """Also says in words how sure an answer is."""

    def in_words(self, confidence: Any, language: str = "en") -> str:
        return f"{confidence.value:.0%}" if confidence.calibrated else "not measured"


def app(folder: Any, *routers: Any, engines: Sequence[ScriptedEngine] = (), about: Any = None, **more: Any) -> FastAPI:
    """Return an app with these routers and what the pages need of a service."""
    made, door = FastAPI(docs_url=None, redoc_url=None, openapi_url=None), more.pop("door", True)
    known = {one.name: one for one in engines or [ScriptedEngine()]}
    guard, record = more.pop("guard", SayingGuard()), MemoryRecord()
    made.state.service = SimpleNamespace(
        settings=Settings(folder), engines=known, engine=next(iter(known.values())), guard=guard, recorder=record
    )
    made.state.service.flow = Flow(known, guard, record)
    made.state.service.about = about or {}
    for name, value in more.items():
        setattr(made.state.service, name, value)

    if door:
        made.middleware("http")(_as_one_says)
    made.add_exception_handler(ResidencyError, problem_of)
    for router in (static_files, *routers):
        made.include_router(router)
    return made


async def _as_one_says(request: Request, call_next: Any) -> Any:
    role = request.headers.get("x-as") or request.cookies.get("as")
    if role in ROLES:
        request.state.principal = Principal("u1", f"{role}.anna", role, csrf="token-1")
    return await call_next(request)


@contextmanager
def real(folder: Any, *routers: Any, **more: Any) -> Iterator[FastAPI]:
    """Yield an app behind the real door: users, sessions, a database and a record; its engine and guard are doubles.

    ``app.state.first`` is the administrator's name and one-time key.
    """
    from residency.serve.access.first import first_key
    from residency.serve.record.writer import open_record
    from residency.serve.store.database import open_database, upgrade
    from residency.serve.store.keys import Seal

    settings = Settings(folder)
    database, seal = open_database(settings), Seal(folder / "secret")
    upgrade(database)
    with open_record(database, seal) as recorder:
        access = Access(database, seal, recorder, settings, hasher=QUICK)
        made = app(folder, *routers, database=database, seal=seal, access=access, settings=settings, door=False, **more)
        made.state.service.recorder = recorder
        made.state.service.flow = Flow(made.state.service.engines, made.state.service.guard, recorder)
        guarded(made, access, page=problem)
        made.state.first = first_key(access)
        yield made
    database.dispose()
