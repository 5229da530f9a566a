"""The pages of review and administration behind the real door: a database, a record, users; engines are scripted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
from fastapi import FastAPI

from residency.core.errors import ResidencyError
from residency.serve.access.dependency import guarded
from residency.serve.engine.flow import Flow
from residency.serve.types import Entry, Principal
from residency.serve.workspace import audit, catalog, compare, keys, review, runs, users
from residency.serve.workspace.render import problem, problem_of
from residency.serve.workspace.static_files import router as static_files
from serve.access.house import House, ask, within
from serve.api.flow_doubles import WordGuard
from serve.review.desk import furnished
from serve.scripted_engine import ScriptedEngine

PAGES = (static_files, *(room.router for room in (review, compare, catalog, runs, audit, users, keys)))


@dataclass
class Ward:
    """The app, the house that it stands in, and a session of each user."""

    app: FastAPI
    house: House
    people: dict[str, Principal]
    sessions: dict[str, tuple[str, str]]

    @property
    def service(self) -> Any:
        """Return the service of the app."""
        return self.app.state.service

    def see(self, who: str, path: str, *, language: str = "en") -> httpx.Response:
        """Return a page as one of the users gets it."""
        headers = within(self.sessions[who]) | {"accept-language": language}
        return ask(self.app, "GET", path, headers=headers)

    def send(self, who: str, path: str, **form: Any) -> httpx.Response:
        """Return the reply to a form that one of the users posts."""
        token, csrf = self.sessions[who]
        headers = {"cookie": f"session={token}", "origin": "http://127.0.0.1", "accept-language": "en"}
        return ask(self.app, "POST", path, headers=headers, data={"csrf": csrf, **form})


@contextmanager
def ward(folder: Path, *, engines: Sequence[ScriptedEngine] = ()) -> Iterator[Ward]:
    """Yield the pages and five users: ana and ben, clinicians; rosa, reviewer; adam, administrator; otto, auditor."""
    with furnished(folder) as (one, people):
        known, access = {engine.name: engine for engine in engines or [ScriptedEngine()]}, one.access
        service = SimpleNamespace(settings=one.settings, database=access.database, seal=access.seal, access=access)
        service.engines, service.engine, service.recorder = known, next(iter(known.values())), access.recorder
        service.guard, service.about = WordGuard(), {}
        service.flow = Flow(known, service.guard, access.recorder)
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        app.state.service = service
        app.add_exception_handler(ResidencyError, problem_of)
        for router in PAGES:
            app.include_router(router)
        guarded(app, access, page=problem)
        yield Ward(app, one, people, {name: one.session(who) for name, who in people.items()})


def on_record(clinic: Ward) -> None:
    """Put the people of the house on record, as they would be if the service had made them."""
    for name, who in clinic.people.items():
        for kind, actor, body in (("user", "service", {"did": "made", "user": name, "role": who.role}),
                                  ("password", f"user:{name}", {})):  # fmt: skip
            clinic.service.recorder.write_now(Entry(kind, actor, body))


def words_of(reply: httpx.Response) -> str:
    """Return what a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())
