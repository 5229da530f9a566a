"""Sessions of people in a browser: a random token in a cookie, its keyed hash in the table, and two ends.

A session ends when nobody has used it for half an hour, twelve hours after it began, when its user signs out, changes
the password, gets another role or is deactivated. Every sign-in and change of password makes a new token.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from sqlalchemy.exc import DBAPIError

from residency.serve.access.known import Known, now, perhaps, stamp
from residency.serve.settings import Settings
from residency.serve.store.tables import SESSIONS, USERS
from residency.serve.types import Principal

if TYPE_CHECKING:
    from residency.serve.access.access import Access

IDLE, LONGEST = timedelta(minutes=30), timedelta(hours=12)
MOST_SESSIONS = 5
_NOTED_EVERY = timedelta(seconds=60)
_LENGTH = 43


def begin(access: Access, user: str) -> tuple[str, list[Any]]:
    """Return a new token for a user (by id), and the statements that begin its session; of six the oldest ends."""
    token, at = secrets.token_urlsafe(32), datetime.now(UTC)
    row = {"hash": digest(access, token), "user": user, "csrf": secrets.token_urlsafe(32), "made": stamp(at)}
    row |= {"seen": stamp(at), "expires": stamp(at + LONGEST)}
    newest = select(SESSIONS.c.hash).where(SESSIONS.c.user == user).order_by(SESSIONS.c.made.desc())
    with access.database.connect() as connection:
        kept = [one.hash for one in connection.execute(newest.limit(MOST_SESSIONS - 1))]
    ended = delete(SESSIONS).where(SESSIONS.c.user == user, SESSIONS.c.hash.not_in(kept))
    return token, [perhaps(ended), SESSIONS.insert().values(row)]


def end_all(user: str) -> Any:
    """Return the statement that ends every session of a user."""
    return perhaps(delete(SESSIONS).where(SESSIONS.c.user == user))


def end(hash: str) -> Any:
    """Return the statement that ends one session."""
    return perhaps(delete(SESSIONS).where(SESSIONS.c.hash == hash))


def digest(access: Access, token: str) -> str:
    """Return the hash under which a session stands."""
    return access.seal.digest(f"session:{token}")


def look_up(access: Access, token: str) -> Known | None:
    """Return whose session a token is, from the database; None where it is none or has ended."""
    hash, at = digest(access, token), datetime.now(UTC)
    query = (
        select(SESSIONS.c.csrf, SESSIONS.c.seen, SESSIONS.c.expires, USERS)
        .join(USERS, USERS.c.id == SESSIONS.c.user)
        .where(SESSIONS.c.hash == hash, USERS.c.active.is_(True))
    )
    with access.database.connect() as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    csrf, seen, expires, *user = row
    person = dict(zip(USERS.c.keys(), user, strict=True))
    if expires <= stamp(at) or seen <= stamp(at - IDLE):
        _write(access, delete(SESSIONS).where(SESSIONS.c.hash == hash))
        return None
    if seen < stamp(at - _NOTED_EVERY):
        _write(access, SESSIONS.update().where(SESSIONS.c.hash == hash).values(seen=stamp(at)))
    return Known(_principal(person, csrf, access.settings.language), session=hash)


def _principal(person: dict[str, Any], csrf: str, language: str) -> Principal:
    return Principal(
        person["id"],
        person["name"],
        person["role"],
        csrf=csrf,
        language=person["language"] or language,
        must_change=person["must_change"],
    )


def _write(access: Access, statement: Any) -> None:
    """Write down what the next request can write down as well; a database that is busy just now may miss it."""
    with suppress(DBAPIError), access.database.begin() as connection:
        connection.execute(statement)


def sweep(access: Access) -> None:
    """Delete the sessions that are over."""
    idle = stamp(datetime.now(UTC) - IDLE)
    _write(access, delete(SESSIONS).where((SESSIONS.c.expires <= now()) | (SESSIONS.c.seen <= idle)))


# --- the cookie ------------------------------------------------------------------------------------------------------


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name: over TLS one that no other host and no plain page can set (RFC 6265bis, 4.1.3.2)."""
    return "__Host-session" if settings.secure else "session"


def cookie(settings: Settings, token: str) -> str:
    """Return the value of the set-cookie header that begins a session; with an empty token, the one that ends it."""
    lasts = int(LONGEST.total_seconds()) if token else 0
    secure = "; Secure" if settings.secure else ""
    return f"{cookie_name(settings)}={token}; Path=/; Max-Age={lasts}; HttpOnly; SameSite=Lax{secure}"


def token_in(cookies: Iterable[bytes], settings: Settings) -> str | None:
    """Return the token of the session in cookie headers; None where there is none, or two that differ."""
    name = cookie_name(settings)
    parts = (part for header in cookies for part in header.decode("latin-1").split(";"))
    pairs = (part.strip().partition("=") for part in parts)
    found = {value for key, _, value in pairs if key == name}
    token = found.pop() if len(found) == 1 else ""
    return token if len(token) == _LENGTH and token.isascii() else None
