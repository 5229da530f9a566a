"""The verb of who is let into a service, from its own machine: for scripts, and for an administrator locked out.

Whoever can read the service's keys may do this; each change is on record as the console's. A running service holds its
record for itself: stop it first, or use its pages.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.arguments import whole, words
from residency.core.errors import UserError
from residency.core.legal import Range

if TYPE_CHECKING:
    from residency.serve.access.access import Access
    from residency.serve.access.users import User

Answer = tuple[Any, str]
ROLES = ("clinician", "reviewer", "administrator", "auditor")
NEEDS = {"list": (), "add": ("who", "role"), "reset": ("who",), "key": ("who", "scopes"), "revoke": ("who",)}
"""What each action needs; ``who`` is a user's name, of revoke a key's id."""
DAYS, RATE = Range(least=1, most=730), Range(least=1, most=1_000_000)


def users(args: argparse.Namespace) -> Answer:
    """List or change the users and API keys of a service that is stopped."""
    from residency.serve.types import SCOPES

    for name in NEEDS[args.what]:
        if not getattr(args, name):
            said = {"who": "a name", "role": "--role", "scopes": f"--scopes, of: {','.join(SCOPES)}"}[name]
            raise UserError(f"residency users {args.what} needs {said}; see residency users --help")
    ways: dict[str, Any] = {"list": _list, "add": _add, "reset": _reset, "key": _key, "revoke": _revoke}
    with opened(Path(args.folder), args.database or "") as access:
        return ways[args.what](args, access)


@contextmanager
def opened(folder: Path, database: str) -> Iterator[Access]:
    """Give what decides who is let into the service of a folder; UserError where that runs, or is none yet."""
    from residency.serve.access.access import Access
    from residency.serve.record.writer import Writer
    from residency.serve.settings import Settings
    from residency.serve.store.database import open_database, upgrade
    from residency.serve.store.keys import Seal

    settings = Settings(folder=folder, database=database)
    seal = Seal(folder, make=False)
    engine = open_database(settings, must_exist=True)
    try:
        upgrade(engine)
        recorder = Writer(engine, seal)
        try:
            yield Access(engine, seal, recorder, settings)
        finally:
            recorder.close()
    finally:
        engine.dispose()


def _console() -> Any:
    from residency.serve.types import Principal

    return Principal(user="", name="console", role="administrator")


def _named(access: Access, name: str) -> User:
    from residency.serve.access import users as people

    found = [one for one in people.listed(access, _console()) if one.name == name]
    if not found:
        raise UserError(f"there is no user {name}; see residency users list")
    return found[0]


def _list(args: argparse.Namespace, access: Access) -> Answer:
    from dataclasses import asdict

    from residency.serve.access import keys
    from residency.serve.access import users as people

    found, held = people.listed(access, _console()), keys.listed(access, _console())
    lines = [f"{one.name:<20} {one.role:<14} {'active' if one.active else 'inactive'}" for one in found]
    lines += [
        f"key {one.id}  {one.name}, of {one.user_name}, {' '.join(one.scopes)}: "
        + ("revoked" if one.revoked else f"until {(one.expires or 'ever')[:10]}")
        for one in held
    ]
    return {"users": [asdict(one) for one in found], "keys": [asdict(one) for one in held]}, "\n".join(lines)


def _add(args: argparse.Namespace, access: Access) -> Answer:
    from residency.serve.access import users as people

    user, token = people.make(access, _console(), name=args.who, role=args.role)
    return _given(user, token)


def _reset(args: argparse.Namespace, access: Access) -> Answer:
    from residency.serve.access import users as people

    user = _named(access, args.who)
    if not user.active:
        people.activate(access, _console(), user.id)
    return _given(*people.reset(access, _console(), user.id))


def _given(user: User, token: str) -> Answer:
    text = f"{user.name} ({user.role}) signs in with this one-time key, shown here alone, and chooses a password:"
    return {"user": user.name, "role": user.role, "one_time_key": token}, f"{text}\n\n    {token}"


def _key(args: argparse.Namespace, access: Access) -> Answer:
    from residency.serve.access import keys

    scopes = [one for one in args.scopes.replace(",", " ").split() if one]
    user = _named(access, args.who)
    key, token = keys.make(
        access,
        _console(),
        user.id,
        name=args.label or "made at the console",
        scopes=scopes,
        days=args.days,
        per_minute=args.per_minute,
    )
    document = {"key": key.id, "user": user.name, "scopes": list(key.scopes), "expires": key.expires, "token": token}
    return document, f"An API key of {user.name} until {(key.expires or '')[:10]}, shown here alone:\n\n    {token}"


def _revoke(args: argparse.Namespace, access: Access) -> Answer:
    from residency.serve.access import keys

    keys.revoke(access, _console(), args.who)
    return {"key": args.who, "revoked": True}, f"{args.who} is revoked"


def add_arguments(one: argparse.ArgumentParser) -> None:
    """Add what is done, to whom, and in which service."""
    text = "list (default), add (a user), reset (a user's password), key (make an API key of a user) or revoke (a key)"
    one.add_argument("what", nargs="?", choices=[*NEEDS], default="list", metavar="WHAT", help=text)
    one.add_argument("who", nargs="?", type=words, metavar="NAME", help="the user's name; of revoke, the key's id")
    one.add_argument("--role", choices=ROLES, metavar="ROLE", help=f"add: {', '.join(ROLES)}")
    text = "key: what it is allowed: chat, embed, medical, models, metrics, audit, as far as the user's role goes"
    one.add_argument("--scopes", type=words, metavar="A,B", help=text)
    one.add_argument("--label", type=words, metavar="WORDS", help="key: what it is for")
    one.add_argument(
        "--days", type=whole(DAYS), default=365, metavar="N", help=f"key: it lasts so long, {DAYS.legal} (default: 365)"
    )
    text = f"key: requests a minute, {RATE.legal} (default: 600)"
    one.add_argument("--per-minute", type=whole(RATE), default=600, metavar="N", help=text)
    one.add_argument("--folder", type=words, default="service", metavar="DIR", help="the service (default: service)")
    text = "the service's database, where it is not the file in its folder"
    one.add_argument("--database", type=words, metavar="URL", help=text)
