"""Whether users and keys are what the record says of them: nobody was let in, or given more, behind its back.

Whoever can write to the database alone could make themselves an administrator, put their own password in another's
place, or give a key more scopes. Each such change stands on record when the service makes it, so that one without its
entry is found. Passwords and one-time keys are on record by keyed hashes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, or_, select

from residency.serve.access.once import ONCE
from residency.serve.store.database import snapshot
from residency.serve.store.tables import KEYS, RECORD, USERS

UNKNOWN = "unknown"
"""A credential of before credentials were put on record."""
KINDS = ("user", "key", "password")
Body = Mapping[str, Any]


@dataclass(slots=True)
class Stands:
    """How a user stands by the record; ``password`` and ``once`` are keyed hashes, None where there is none."""

    role: str
    active: bool = True
    password: str | None = None
    once: str | None = None


@dataclass(slots=True)
class Ledger:
    """Users by name and keys by id as the record has them; of a key what it was made with, and whether it holds."""

    users: dict[str, Stands] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)


def credential(desk: Any, hash: str) -> str:
    """Return what stands on record for a user's password: the keyed hash of its argon2id hash."""
    return str(desk.seal.digest(f"password:{hash}"))


def check(desk: Any) -> list[str]:
    """Return what does not fit, a line for each user or key; empty where all fits. ``desk`` has database and seal."""
    with snapshot(desk.database) as connection:
        ledger = _read(connection)
        rows = [dict(row) for row in connection.execute(select(USERS)).mappings()]
        users = {row["id"]: row["name"] for row in rows}
        keys = [dict(row) for row in connection.execute(select(KEYS)).mappings()]
    found = [f"user {_shown(row['name'])}: {what}" for row in rows for what in _user(desk, row, ledger)]
    found += [f"user {name}: on record, but gone" for name in ledger.users.keys() - users.values()]
    named = {row["id"]: row for row in keys if row["scopes"] != ONCE}
    found += [f"key {_shown(id)}: {what}" for id, row in named.items() for what in _key(row, users, ledger)]
    found += [f"key {id}: on record, but gone" for id in ledger.keys.keys() - named.keys()]
    found += list(_once(keys, users, ledger))
    return sorted(found)


# --- what the record says --------------------------------------------------------------------------------------------


def _read(connection: Any) -> Ledger:
    wanted = or_(RECORD.c.kind.in_(KINDS), and_(RECORD.c.kind == "sign-in", RECORD.c.body.contains('"credential"')))
    chosen = select(RECORD.c.kind, RECORD.c.actor, RECORD.c.body).where(wanted).order_by(RECORD.c.seq)
    ledger = Ledger()
    for kind, actor, text in connection.execute(chosen):
        with suppress(ValueError, KeyError, TypeError, AttributeError):  # what is no entry the chain tells of
            body = json.loads(text)
            if kind == "key":
                _note_key(body, ledger)
            else:
                _note_user(kind, body.get("user") or actor.removeprefix("user:"), body, ledger)
    return ledger


def _note_user(kind: str, name: str, body: Body, ledger: Ledger) -> None:
    did = body.get("did")
    if did in ("made", "first key") and name not in ledger.users:
        ledger.users[name] = Stands(body["role"])
    user = ledger.users.setdefault(name, Stands(UNKNOWN, password=UNKNOWN, once=UNKNOWN))
    if did in ("made", "first key", "reset"):
        user.once = body.get("once", UNKNOWN)
    if did == "reset":
        user.password = None
    elif did == "role":
        user.role = body["role"]
    elif did in ("activated", "deactivated"):
        user.active = did == "activated"
    elif kind != "user":
        user.password = body.get("credential", UNKNOWN)
        user.once = None if kind == "password" else user.once


def _note_key(body: Body, ledger: Ledger) -> None:
    if body["did"] == "made":
        ledger.keys[body["key"]] = {**body, "revoked": False}
    elif body["key"] in ledger.keys:
        ledger.keys[body["key"]]["revoked"] = True


# --- what the tables hold --------------------------------------------------------------------------------------------


def _user(desk: Any, row: Body, ledger: Ledger) -> Iterator[str]:
    said = ledger.users.get(row["name"])
    if said is None:
        yield "not on record"
        return
    if row["role"] != said.role:
        yield f"their role is {_shown(row['role'])}, on record {said.role}"
    if bool(row["active"]) != said.active:
        yield "active, on record deactivated" if row["active"] else "not active, on record they are"
    has = credential(desk, row["password"]) if row["password"] else None
    if said.password not in (has, UNKNOWN):
        yield "their password is not the one that was put on record"


def _key(row: Body, users: Mapping[str, str], ledger: Ledger) -> Iterator[str]:
    said = ledger.keys.get(row["id"])
    if said is None:
        yield "not on record"
        return
    has = {"user": users.get(row["user"]), "scopes": sorted(row["scopes"].split())}
    has |= {"expires": row["expires"], "per_minute": row["per_minute"]}
    for name, value in has.items():
        if said.get(name, value) != value:
            yield f"the record says otherwise of its {name.replace('_', ' ')}"
    if bool(row["revoked"]) != said["revoked"]:
        yield "revoked, and that is not on record" if row["revoked"] else "on record it was revoked"


def _once(keys: list[dict[str, Any]], users: Mapping[str, str], ledger: Ledger) -> Iterator[str]:
    """Yield whose one-time keys still open something and are not on record so."""
    for row in keys:
        name = users.get(row["user"], "")
        said = ledger.users.get(name)
        if row["scopes"] != ONCE or row["revoked"] or said is None:
            continue
        if said.once not in (f"{row['hash']} {row['expires']}", UNKNOWN):
            yield f"user {_shown(name)}: a one-time key that is not on record"


def _shown(text: Any) -> str:
    """Return what stands in a table as it may be printed, whatever somebody put there."""
    return "".join(sign if sign.isprintable() else "?" for sign in str(text)[:80])
