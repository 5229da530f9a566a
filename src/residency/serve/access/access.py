"""Who is asking: an API key or the cookie of a session becomes a principal, in microseconds once it has been seen.

What was looked up is kept for a few seconds. Whatever changes a user, a session or a key calls ``forget``, so that in
this process the change holds from the next request on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from argon2 import PasswordHasher

from residency.core.errors import ResidencyError
from residency.serve.access import keys, passwords, sessions
from residency.serve.access.known import Known
from residency.serve.access.limits import Buckets, Guesses
from residency.serve.settings import Settings
from residency.serve.types import Entry, Recorder

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine as Database

KEPT_S = 5.0
MOST_KEPT = 4096
Headers = Iterable[tuple[bytes, bytes]]


class WrongKey(ResidencyError):
    """What was given as a key is none, or no longer one."""

    def __init__(self) -> None:
        super().__init__("the API key is not known, was revoked, or has expired")


class Digests(Protocol):
    """What hashes tokens with the service's own key (store/keys.py: Seal)."""

    def digest(self, text: str) -> str:
        """Return the keyed hash."""
        ...


class Books(Recorder, Protocol):
    """A recorder that can commit a change of tables and its entry together."""

    def write_now_with(self, entry: Entry, statements: Sequence[Any]) -> int:
        """Return the entry's number once both are durable."""
        ...


@dataclass(slots=True)
class Access:
    """What decides who is let in; the functions of this room take it first."""

    database: Database
    seal: Digests
    recorder: Books
    settings: Settings
    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    buckets: Buckets = field(default_factory=Buckets)
    guesses: Guesses = field(default_factory=Guesses)
    # One password is tried at a time (each takes 64 MB), and one change of users is made at a time.
    trying: threading.Lock = field(default_factory=threading.Lock)
    changing: threading.RLock = field(default_factory=threading.RLock)
    kept: dict[str, tuple[Known, float]] = field(default_factory=dict)
    generation: int = 0

    def __post_init__(self) -> None:
        passwords.nobody(self.hasher)  # before the first attempt, which would else take twice as long

    async def authenticate(self, headers: Headers) -> Known | None:
        """Return who asks by the headers of a request; None where they bring nothing (or a session that has ended).

        A key in ``authorization`` goes before a cookie. Raises WrongKey where a key is given that is none.
        """
        authorization, cookies = credentials(headers)
        if authorization is not None:
            token = keys.bearer(authorization)
            if token is None:
                raise WrongKey
            found = await self._known(f"key:{token}", keys.look_up, token)
            if found is None:
                raise WrongKey
            return found
        session = sessions.token_in(cookies, self.settings)
        return await self._known(f"session:{session}", sessions.look_up, session) if session else None

    async def _known(self, name: str, look_up: Any, token: str) -> Known | None:
        digest = self.seal.digest(name)
        kept = self.kept.get(digest)
        if kept and kept[1] > time.monotonic():
            return kept[0]
        generation = self.generation
        found: Known | None = await asyncio.to_thread(look_up, self, token)
        if found and generation == self.generation:  # else something changed while it was looked up
            if len(self.kept) >= MOST_KEPT:
                self.kept.clear()
            self.kept[digest] = (found, time.monotonic() + KEPT_S)
        return found

    def forget(self) -> None:
        """Look everyone up again from now on."""
        self.generation += 1
        self.kept.clear()

    def commit(self, entry: Entry, *statements: Any) -> None:
        """Change tables and put it on record, both or neither, and forget who was known; raises Unrecorded."""
        self.recorder.write_now_with(entry, list(statements))
        self.forget()


def credentials(headers: Headers) -> tuple[bytes | None, list[bytes]]:
    """Return the authorization (empty where there are several: no one can say which counts) and the cookies."""
    authorization: bytes | None = None
    cookies = []
    for name, value in headers:
        if name == b"authorization":
            authorization = value if authorization is None else b""
        elif name == b"cookie":
            cookies.append(value)
    return authorization, cookies
