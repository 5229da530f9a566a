"""Users: made, given another role, deactivated and reset by an administrator; each change is on record.

A new user, or one that is reset, gets a one-time key and chooses a password with it. The last administrator that is
active cannot be given another role or be deactivated.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from residency.core.errors import UserError
from residency.serve.access.known import now
from residency.serve.access.once import issue
from residency.serve.access.sessions import end_all
from residency.serve.store.tables import USERS
from residency.serve.types import ROLES, Entry, Principal

if TYPE_CHECKING:
    from residency.serve.access.access import Access

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
_SHOWN = ("id", "name", "role", "active", "language", "made", "changed", "must_change", "locked_until")


class Forbidden(UserError):
    """Something that only an administrator may do."""


class Wrong(UserError):
    """Something that an administrator asked for and that cannot be.

    A page says it in its reader's language, by ``code`` and ``values`` (``workspace/words``: wrong.*).
    """

    def __init__(self, code: str, said: str, **values: object) -> None:
        self.code, self.values = code, values
        super().__init__(said)


@dataclass(frozen=True, slots=True)
class User:
    """A user as it is shown: all but the password."""

    id: str
    name: str
    role: str
    active: bool
    language: str | None
    made: str
    changed: str
    must_change: bool
    locked_until: str | None


def administrator(by: Principal) -> None:
    """Raise Forbidden for all but an administrator in a session: the routes hold to it, and so do the functions."""
    if by.role != "administrator" or by.key or by.must_change:
        raise Forbidden("only an administrator who is signed in can do this")


def clean(text: str, what: str) -> str:
    """Return a free name without spaces around it; Wrong where it is empty, long, or holds signs of control."""
    text = text.strip()
    if not 1 <= len(text) <= 64 or not text.isprintable():
        raise Wrong("free_name", f"{what} has 1 to 64 characters, all of them printable")
    return text


def listed(access: Access, by: Principal) -> list[User]:
    """Return all users by name."""
    administrator(by)
    with access.database.connect() as connection:
        rows = connection.execute(select(*(USERS.c[name] for name in _SHOWN)).order_by(USERS.c.name)).all()
    return [User(*row) for row in rows]


def get(access: Access, id: str) -> User:
    """Return a user; Wrong where there is none."""
    with access.database.connect() as connection:
        row = connection.execute(select(*(USERS.c[name] for name in _SHOWN)).where(USERS.c.id == id)).first()
    if row is None:
        raise Wrong("no_user", "there is no such user")
    return User(*row)


def make(access: Access, by: Principal, *, name: str, role: str, language: str | None = None) -> tuple[User, str]:
    """Return a new user and the one-time key with which they choose a password."""
    administrator(by)
    name = name.strip().lower()
    if not NAME.fullmatch(name):
        said = "a user's name has 2 to 64 of the characters a-z 0-9 . _ - and begins with a letter or digit"
        raise Wrong("user_name", said)
    _check_role(role)
    with access.changing:
        with access.database.connect() as connection:
            if connection.execute(select(USERS.c.id).where(USERS.c.name == name)).first():
                raise Wrong("user_taken", "there is a user of that name already")
        row = new_row(name, role, language)
        token, statements, mark = issue(access, row["id"])
        entry = Entry("user", by.actor, {"did": "made", "user": name, "role": role, "once": mark})
        access.commit(entry, USERS.insert().values(row), *statements)
    return get(access, row["id"]), token


def new_row(name: str, role: str, language: str | None = None) -> dict[str, Any]:
    """Return the row of a new user, who has to choose a password."""
    at = now()
    row = {"id": secrets.token_hex(16), "name": name, "role": role, "active": True, "language": language}
    return row | {"made": at, "changed": at, "must_change": True, "failed": 0}


def change_role(access: Access, by: Principal, id: str, role: str) -> User:
    """Return the user in another role; their sessions end."""
    _check_role(role)
    return _change(access, by, id, {"did": "role", "role": role}, role=role, changed=now())


def deactivate(access: Access, by: Principal, id: str) -> User:
    """Return the user, who cannot sign in any more; their sessions end and their keys are refused."""
    return _change(access, by, id, {"did": "deactivated"}, active=False, changed=now())


def activate(access: Access, by: Principal, id: str) -> User:
    """Return the user, who can sign in again."""
    return _change(access, by, id, {"did": "activated"}, active=True, changed=now())


def unlock(access: Access, by: Principal, id: str) -> User:
    """Return the user, who need not wait any longer after wrong passwords."""
    return _change(access, by, id, {"did": "unlocked"}, failed=0, locked_until=None)


def end_sessions(access: Access, by: Principal, id: str) -> User:
    """Return the user, who is signed out everywhere."""
    return _change(access, by, id, {"did": "signed out"}, changed=now())


def reset(access: Access, by: Principal, id: str) -> tuple[User, str]:
    """Return the user without a password and a one-time key to choose another; their sessions end."""
    token, statements, mark = issue(access, id)
    values = {"password": None, "must_change": True, "changed": now(), "failed": 0, "locked_until": None}
    return _change(access, by, id, {"did": "reset", "once": mark}, *statements, **values), token


def speak(access: Access, principal: Principal, language: str) -> None:
    """Set the language in which a user reads pages."""
    entry = Entry("user", principal.actor, {"did": "language", "user": principal.name, "language": language})
    access.commit(entry, USERS.update().where(USERS.c.id == principal.user).values(language=clean(language, "it")[:8]))


def _change(access: Access, by: Principal, id: str, body: dict[str, Any], *statements: Any, **values: Any) -> User:
    """Change a user's row and put it on record; sessions end where the row counts as changed."""
    administrator(by)
    with access.changing:
        user = get(access, id)
        if not values.get("active", True) or values.get("role", "administrator") != "administrator":
            _not_the_last(access, user)
        entry = Entry("user", by.actor, {**body, "user": user.name, "before": {"role": user.role}})
        ended = [end_all(id)] if "changed" in values else []
        access.commit(entry, USERS.update().where(USERS.c.id == id).values(**values), *ended, *statements)
    return get(access, id)


def _not_the_last(access: Access, user: User) -> None:
    others = select(func.count()).where(
        USERS.c.role == "administrator", USERS.c.active.is_(True), USERS.c.id != user.id
    )
    with access.database.connect() as connection:
        if user.role == "administrator" and user.active and not connection.execute(others).scalar_one():
            raise Wrong("last", f"{user.name} is the last administrator: make another one first", name=user.name)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Wrong("role", f"there is no such role; there are: {', '.join(ROLES)}", roles=ROLES)
