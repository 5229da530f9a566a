"""A service's access with a real database, seal and record, and people in it; an app of the routes that it guards."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from fastapi import FastAPI, Request
from sqlalchemy import event, select

from residency.serve.access import sessions
from residency.serve.access.access import Access
from residency.serve.access.dependency import Caller, guarded
from residency.serve.access.known import now
from residency.serve.access.permissions import ROUTES
from residency.serve.access.users import new_row
from residency.serve.record.writer import Writer
from residency.serve.settings import Settings
from residency.serve.store.database import open_database
from residency.serve.store.keys import Seal
from residency.serve.store.tables import KEYS, META, RECORD, USERS
from residency.serve.types import Principal

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HOME = "http://127.0.0.1"
PASSWORD = "seven brown teapots sing"


@dataclass
class House:
    """The access of a service that is open, and short ways to what tests ask of it."""

    access: Access
    settings: Settings

    @cached_property
    def app(self) -> FastAPI:
        """Return an app that has every route of ROUTES; each says who it was called by."""
        return small_app(self.access)

    def user(self, name: str, role: str = "clinician", *, password: str | None = PASSWORD, **values: Any) -> Principal:
        """Return a user who is there already, and has a password."""
        row = new_row(name, role) | {"must_change": password is None} | values
        row["password"] = self.access.hasher.hash(password) if password else None
        with self.access.database.begin() as connection:
            connection.execute(USERS.insert().values(row))
        return Principal(row["id"], name, role)

    def key(self, who: Principal, *scopes: str, **values: Any) -> str:
        """Return a key of a user, also one that ``keys.make`` would refuse."""
        token = f"rsd_{secrets.token_urlsafe(32)}"
        row = {
            "id": secrets.token_hex(16),
            "user": who.user,
            "name": "a key",
            "scopes": " ".join(scopes),
            "made": now(),
        }
        row |= {"hash": self.access.seal.digest(f"key:{token}"), "per_minute": 100_000} | values
        with self.access.database.begin() as connection:
            connection.execute(KEYS.insert().values(row))
        return token

    def session(self, who: Principal) -> tuple[str, str]:
        """Return the token and the form token of a session of a user that has just begun."""
        token, statements = sessions.begin(self.access, who.user)
        with self.access.database.begin() as connection:
            for statement in statements:
                statement(connection) if callable(statement) else connection.execute(statement)
        known = sessions.look_up(self.access, token)
        assert known and known.principal.csrf
        return token, known.principal.csrf

    def row(self, who: Principal) -> dict[str, Any]:
        """Return a user's row."""
        with self.access.database.connect() as connection:
            return dict(connection.execute(select(USERS).where(USERS.c.id == who.user)).mappings().one())

    def record(self, *kinds: str) -> list[dict[str, Any]]:
        """Return the entries of the record, of some kinds."""
        with self.access.database.connect() as connection:
            rows = connection.execute(select(RECORD).order_by(RECORD.c.seq)).mappings().all()
        return [dict(row) for row in rows if not kinds or row["kind"] in kinds]

    def change(self, statement: Any) -> None:
        """Change a table behind the back of access."""
        with self.access.database.begin() as connection:
            connection.execute(statement)
        self.access.forget()


@contextmanager
def house(folder: Path, **settings: Any) -> Iterator[House]:
    """Yield the access of a new service in a folder."""
    settled = Settings(folder, **settings)
    database, seal = open_database(settled), Seal(folder)
    if database.dialect.name == "sqlite":  # no power fails here
        event.listen(database, "connect", lambda one, _: one.execute("PRAGMA synchronous=OFF"))
    database.dispose()
    META.create_all(database)
    writer = Writer(database, seal)
    try:
        yield House(Access(database, seal, writer, settled, hasher=QUICK), settled)
    finally:
        writer.close()
        database.dispose()


def small_app(access: Access) -> FastAPI:
    """Return an app that has every route of ROUTES; each says who it was called by."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for method, path in sorted(ROUTES, key=lambda line: "{" in line[1]):
        app.add_api_route(path, _open if ROUTES[method, path].open else _says, methods=[method])
    return guarded(app, access)


async def _says(request: Request, who: Caller) -> dict[str, Any]:
    form = await request.form() if "form" in request.headers.get("content-type", "") else {}
    return {"actor": who.actor, "role": who.role, "form": dict(form)}


async def _open() -> dict[str, Any]:
    return {"open": True}


def asked(app: Any, talk: Callable[[httpx.AsyncClient], Any], *, base: str = HOME, client: str = "127.0.0.1") -> Any:
    """Return what a talk with an app, over ASGI and without a socket, comes to."""

    async def whole() -> Any:
        transport = httpx.ASGITransport(app, client=(client, 50_000), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=base) as one:
            return await talk(one)

    return asyncio.run(whole())


def ask(app: Any, method: str, path: str, *, base: str = HOME, client: str = "127.0.0.1", **how: Any) -> httpx.Response:
    """Return the answer to one request."""
    return asked(app, lambda one: one.request(method, path, **how), base=base, client=client)


def bearing(key: str) -> dict[str, str]:
    """Return the headers of a request with a key."""
    return {"authorization": f"Bearer {key}"}


def within(session: tuple[str, str], *, name: str = "session") -> dict[str, str]:
    """Return the headers of a script's request in a session."""
    return {"cookie": f"{name}={session[0]}", "x-csrf-token": session[1]}
