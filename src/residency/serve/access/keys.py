"""API keys: made by an administrator for a user, shown once, stored hashed, with scopes, an expiry and a limit.

A key has the role of its user, and of its own scopes those that this role can have. It is ``rsd_`` and 43 characters,
which are 256 random bits. One-time keys, which are exchanged for a password, stand in the same table with the scope
``once``, and open nothing.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from residency.serve.access.known import Known, now, stamp
from residency.serve.access.once import ONCE
from residency.serve.access.permissions import SCOPES_OF
from residency.serve.access.users import Wrong, administrator, clean, get
from residency.serve.store.tables import KEYS, USERS
from residency.serve.types import SCOPES, Entry, Principal

if TYPE_CHECKING:
    from residency.serve.access.access import Access

MOST_DAYS, MOST_PER_MINUTE = 730, 1_000_000
_TOKEN = re.compile(r"rsd_[A-Za-z0-9_-]{43}")
_NOTED_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is shown: all but the key."""

    id: str
    user: str
    user_name: str
    name: str
    scopes: tuple[str, ...]
    per_minute: int
    made: str
    expires: str | None
    revoked: str | None
    used: str | None

    @property
    def live(self) -> bool:
        """Return whether it can still be used."""
        return self.revoked is None and (self.expires is None or self.expires > now())


def make(
    access: Access,
    by: Principal,
    user: str,
    *,
    name: str,
    scopes: Sequence[str],
    days: int = 365,
    per_minute: int = 600,
) -> tuple[Key, str]:
    """Return a new key of a user (by id) and its token, which is shown once; Wrong says what is not possible."""
    administrator(by)
    owner = get(access, user)
    _check(owner.role, scopes, days, per_minute)
    token, id, at = f"rsd_{secrets.token_urlsafe(32)}", secrets.token_hex(16), datetime.now(UTC)
    row = {"id": id, "user": owner.id, "name": clean(name, "the name of a key"), "per_minute": per_minute}
    row |= {"scopes": " ".join(sorted(set(scopes))), "made": stamp(at), "expires": stamp(at + timedelta(days=days))}
    body = {"did": "made", "key": id, "user": owner.name, "scopes": sorted(set(scopes)), "expires": row["expires"]}
    body["per_minute"] = per_minute
    access.commit(Entry("key", by.actor, body), KEYS.insert().values(**row, hash=access.seal.digest(f"key:{token}")))
    return next(key for key in listed(access, by) if key.id == id), token


def _check(role: str, scopes: Sequence[str], days: int, per_minute: int) -> None:
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise Wrong("scopes", f"a key needs scopes, of these: {', '.join(SCOPES)}", scopes=SCOPES)
    if beyond := sorted(set(scopes) - SCOPES_OF[role]):
        legal = ", ".join(sorted(SCOPES_OF[role]))
        whose = f"{'an' if role[0] in 'aeiou' else 'a'} {role}"
        said = f"a key of {whose} cannot have the scope {beyond[0]}; it can have: {legal}"
        raise Wrong("beyond", said, role=role, scope=beyond[0], scopes=sorted(SCOPES_OF[role]))
    if not 1 <= days <= MOST_DAYS:
        raise Wrong("days", f"a key lasts from 1 to {MOST_DAYS} days", most=MOST_DAYS)
    if not 1 <= per_minute <= MOST_PER_MINUTE:
        said = f"a key may ask from 1 to {MOST_PER_MINUTE} times a minute"
        raise Wrong("per_minute", said, most=MOST_PER_MINUTE)


def listed(access: Access, by: Principal) -> list[Key]:
    """Return all keys, the newest first."""
    administrator(by)
    query = (
        select(KEYS, USERS.c.name.label("user_name"))
        .join(USERS, USERS.c.id == KEYS.c.user)
        .where(KEYS.c.scopes != ONCE)
        .order_by(KEYS.c.made.desc())
    )
    with access.database.connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    return [Key(**{**_shown(row), "scopes": tuple(row["scopes"].split())}) for row in rows]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "hash"}


def revoke(access: Access, by: Principal, id: str) -> None:
    """Revoke a key from this moment on; Wrong where there is none, and nothing where it was revoked already."""
    found = next((key for key in listed(access, by) if key.id == id), None)
    if found is None:
        raise Wrong("no_key", "there is no such key")
    if found.revoked is None:
        body = {"did": "revoked", "key": id, "user": found.user_name}
        access.commit(Entry("key", by.actor, body), KEYS.update().where(KEYS.c.id == id).values(revoked=now()))


def bearer(authorization: bytes) -> str | None:
    """Return the token of an authorization header; None where it has not the form of one."""
    scheme, _, token = authorization.decode("latin-1").partition(" ")
    return token if scheme.lower() == "bearer" and _TOKEN.fullmatch(token) else None


def look_up(access: Access, token: str) -> Known | None:
    """Return who a token stands for, from the database; None where it stands for nobody (any more)."""
    query = (
        select(KEYS, USERS.c.name.label("user_name"), USERS.c.role, USERS.c.language)
        .join(USERS, USERS.c.id == KEYS.c.user)
        .where(KEYS.c.hash == access.seal.digest(f"key:{token}"), KEYS.c.revoked.is_(None), USERS.c.active.is_(True))
    )
    with access.database.connect() as connection:
        row = connection.execute(query).mappings().first()
    if row is None or row["scopes"] == ONCE or (row["expires"] and row["expires"] <= now()):
        return None
    _note_use(access, row["id"], row["used"])
    scopes = frozenset(row["scopes"].split()) & SCOPES_OF[row["role"]]
    language = row["language"] or access.settings.language
    principal = Principal(row["user"], row["user_name"], row["role"], row["id"], scopes, language=language)
    return Known(principal, per_minute=row["per_minute"])


def _note_use(access: Access, id: str, used: str | None) -> None:
    """Write down when a key was last used, at most once a minute; a database that is busy just now may miss one."""
    at = datetime.now(UTC)
    if used is None or used < stamp(at - _NOTED_EVERY):
        with suppress(DBAPIError), access.database.begin() as connection:
            connection.execute(KEYS.update().where(KEYS.c.id == id).values(used=stamp(at)))
