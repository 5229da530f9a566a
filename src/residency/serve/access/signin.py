"""Signing in and out, and choosing a password. Every attempt is on record; what was typed is in none of it.

Whether a name exists is not to be learned: the answer, the time it takes and the lock after wrong passwords are the
same. A typed name that is no user's may be a password in the wrong field, so the record has its keyed hash alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from residency.core.errors import UserError
from residency.serve.access import once, passwords, sessions
from residency.serve.access.against_record import credential
from residency.serve.access.known import Known, now, stamp
from residency.serve.access.limits import LONGEST_LOCK, TooMany, lock_seconds, place
from residency.serve.store.tables import USERS
from residency.serve.types import Busy, Entry, Principal

if TYPE_CHECKING:
    from residency.serve.access.access import Access

WRONG_BURST, WRONG_PER_MINUTE = 20, 2.0
"""How many wrong passwords may come from one address at once, and how many more each minute."""
_WAIT_S = 3.0


class WrongPassword(UserError):
    """The name or the password is wrong; which of them is not said."""

    def __init__(self) -> None:
        super().__init__("the name or the password is wrong")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun: its token for the cookie, and who is in it."""

    token: str
    principal: Principal


def sign_in(access: Access, name: str, password: str, *, address: str = "", replaces: str | None = None) -> SignedIn:
    """Return a new session; ``replaces`` is the token of the one that the browser brought, which ends.

    Raises WrongPassword; TooMany where the name or the address has to wait; Busy where too many sign in at once;
    Unrecorded where it cannot be put on record.
    """
    name, where = name.strip().lower()[:256], place(address)
    with _one_at_a_time(access):
        user = _user(access, USERS.c.name == name)
        _wait(access, user, name, where)
        good = passwords.fits(access.hasher, user.get("password"), password)
        first = not user.get("password") and once.valid(access, user.get("id", ""), password)
        if not (good or first) or not user.get("active"):
            _refuse(access, user, name, where)
        body: dict[str, Any] = {"address": where, "by": "one-time key" if first else "password"}
        ended = [sessions.end(sessions.digest(access, replaces))] if replaces else []
        better = _better(access, user, password) if good else {}
        body |= {"credential": credential(access, better["password"])} if better else {}
        return _begin(access, user, Entry("sign-in", f"user:{user['name']}", body), *ended, **better)


def sign_out(access: Access, known: Known | Principal, session: str | None) -> None:
    """End a session (by its hash: ``request.state.session``)."""
    principal = known.principal if isinstance(known, Known) else known
    if session:
        access.commit(Entry("sign-out", principal.actor), sessions.end(session))


def change_password(access: Access, principal: Principal, *, old: str, new: str, address: str = "") -> SignedIn:
    """Return a new session after the password was changed; all other sessions of the user end, one-time keys are spent.

    Who signed in by a one-time key need not give it again as ``old``. Raises WrongPassword where ``old`` does not fit,
    and UserError, which says why, where ``new`` will not do.
    """
    where = place(address)
    with _one_at_a_time(access):
        user = _user(access, USERS.c.id == principal.user)
        if not user or not user["active"] or principal.key:
            raise WrongPassword
        _wait(access, user, user["name"], where)
        if user["password"] and not passwords.fits(access.hasher, user["password"], old):
            _refuse(access, user, user["name"], where)
        if user["password"] and old == new:
            raise UserError("the new password is the old one: choose another")
        passwords.check(new, user=user["name"])
        hash = access.hasher.hash(new)
        values = {"password": hash, "must_change": False, "changed": now()}
        entry = Entry("password", principal.actor, {"address": where, "credential": credential(access, hash)})
        ended = (sessions.end_all(user["id"]), once.spend(user["id"]))
        return _begin(access, user, entry, *ended, **values)


@contextmanager
def _one_at_a_time(access: Access) -> Iterator[None]:
    """Let one password be tried at a time: guesses side by side would outrun their count."""
    if not access.trying.acquire(timeout=_WAIT_S):
        raise Busy(int(_WAIT_S) + 2)
    try:
        yield
    finally:
        access.trying.release()


def _user(access: Access, which: Any) -> dict[str, Any]:
    with access.database.connect() as connection:
        row = connection.execute(select(USERS).where(which)).mappings().first()
    return dict(row) if row else {}


def _wait(access: Access, user: dict[str, Any], name: str, where: str) -> None:
    """Raise TooMany where the user is locked, or too many wrong passwords came from the address."""
    until = user.get("locked_until")
    locked = (datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds() if until else 0.0
    locked = min(locked, LONGEST_LOCK) if user else access.guesses.wait(access.seal.digest(f"name:{name}"))
    address = access.buckets.take(f"wrong:{where}", WRONG_PER_MINUTE, burst=WRONG_BURST, amount=0)
    if max(locked, address) > 0:
        raise TooMany(max(locked, address))


def _refuse(access: Access, user: dict[str, Any], name: str, where: str) -> None:
    """Count a wrong password, put it on record, and raise WrongPassword."""
    access.buckets.take(f"wrong:{where}", WRONG_PER_MINUTE, burst=WRONG_BURST)
    digest = access.seal.digest(f"name:{name}")
    failed = user.get("failed", 0) + 1
    seconds = lock_seconds(failed) if user else access.guesses.wrong(digest)
    body: dict[str, Any] = {"address": where, "user": user["name"] if user else None, "locked_s": seconds}
    body |= {} if user else {"typed": digest}
    statements = []
    if user:
        until = stamp(datetime.now(UTC) + timedelta(seconds=seconds)) if seconds else None
        statements = [USERS.update().where(USERS.c.id == user["id"]).values(failed=failed, locked_until=until)]
    access.recorder.write_now_with(Entry("lock-out" if seconds else "sign-in-failed", "service", body), statements)
    raise WrongPassword


def _better(access: Access, user: dict[str, Any], password: str) -> dict[str, Any]:
    """Return the password hashed anew where its hash was made with other parameters than are used now."""
    stale = access.hasher.check_needs_rehash(user["password"])
    return {"password": access.hasher.hash(password)} if stale else {}


def _begin(access: Access, user: dict[str, Any], entry: Entry, *statements: Any, **values: Any) -> SignedIn:
    """Return a new session, put on record with the statements that come before it.

    Nothing of it is done, and the recorder raises Refused (409), where someone has changed the user meanwhile.
    """
    token, begun = sessions.begin(access, user["id"])
    same = (USERS.c.id == user["id"], USERS.c.changed == user["changed"], USERS.c.active.is_(True))
    clear = USERS.update().where(*same).values(**values, failed=0, locked_until=None)
    access.commit(entry, clear, *statements, *begun)
    found = sessions.look_up(access, token)
    if found is None:
        raise WrongPassword
    return SignedIn(token, found.principal)
