"""A whole service for a test: made in a folder, with people in it, served on loopback."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import event

from residency.serve.access.against_record import credential
from residency.serve.access.known import now
from residency.serve.access.users import new_row
from residency.serve.app import create, open_service
from residency.serve.service import Service
from residency.serve.settings import Settings
from residency.serve.store.tables import KEYS, USERS
from residency.serve.types import SCOPES, Engine, Entry
from serve.port import on_port

PASSWORD = "seven brown teapots sing"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@contextmanager
def made(folder: Path, *engines: Engine, names: Sequence[str] = (), **settings: Any) -> Iterator[Service]:
    """Yield a service on these engines (scripted ones, say) and on the models of these names; it is closed after."""
    service = open_service(Settings(folder, **settings), names)
    try:
        if service.database.dialect.name == "sqlite":  # no power fails here
            event.listen(service.database, "connect", lambda one, _: one.execute("PRAGMA synchronous=OFF"))
            service.database.dispose()
        service.access.hasher = QUICK
        service.engines.update({engine.name: engine for engine in engines})
        yield service
    finally:
        service.close()


def user(service: Service, name: str, role: str = "clinician") -> str:
    """Return the id of a new user, whose password is PASSWORD, on record as the service would put it there."""
    row = new_row(name, role) | {"must_change": False, "password": QUICK.hash(PASSWORD)}
    made = Entry("user", "service", {"did": "made", "user": name, "role": role})
    service.access.commit(made, USERS.insert().values(row))
    service.access.commit(Entry("password", f"user:{name}", {"credential": credential(service, row["password"])}))
    return str(row["id"])


def key(service: Service, role: str = "clinician", scopes: Sequence[str] = SCOPES, **values: Any) -> str:
    """Return an API key of a new user."""
    token = f"rsd_{secrets.token_urlsafe(32)}"
    name = f"{role}-{secrets.token_hex(4)}"
    row = {"id": secrets.token_hex(16), "user": user(service, name, role), "name": "a key"}
    row |= {"scopes": " ".join(scopes), "made": now(), "per_minute": 1_000_000} | values
    row["hash"] = service.seal.digest(f"key:{token}")
    body = {"did": "made", "key": row["id"], "user": name, "scopes": sorted(scopes)}
    service.access.commit(Entry("key", "service", body), KEYS.insert().values(row))
    return token


@contextmanager
def served(service: Service, **settings: Any) -> Iterator[str]:
    """Yield the address of a service that a real server serves on a free port of loopback."""
    with on_port(create(service), **settings) as url:
        yield url
