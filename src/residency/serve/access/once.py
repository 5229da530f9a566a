"""One-time keys: what a new user, or one whose password was reset, signs in with once to choose a password.

It stands among the API keys with the scope ``once``, which opens no route, and is spent when a password is chosen.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from residency.serve.access.known import now, perhaps, stamp
from residency.serve.store.tables import KEYS

if TYPE_CHECKING:
    from residency.serve.access.access import Access

ONCE = "once"
LASTS = timedelta(hours=24)


def issue(access: Access, user: str) -> tuple[str, list[Any], str]:
    """Return a new one-time key of a user (by id), the statements that make it and end those before it, and its mark.

    The mark stands in the record: the key's keyed hash and when it ends, as they stand in the table.
    """
    token, at = f"once_{secrets.token_urlsafe(24)}", datetime.now(UTC)
    row = {"id": secrets.token_hex(16), "user": user, "name": "one-time key", "scopes": ONCE, "per_minute": 1}
    row |= {"hash": access.seal.digest(f"once:{token}"), "made": stamp(at), "expires": stamp(at + LASTS)}
    return token, [spend(user), KEYS.insert().values(row)], f"{row['hash']} {row['expires']}"


def spend(user: str) -> Any:
    """Return the statement that ends every one-time key of a user."""
    of_user = (KEYS.c.user == user, KEYS.c.scopes == ONCE, KEYS.c.revoked.is_(None))
    return perhaps(KEYS.update().where(*of_user).values(revoked=now()))


def valid(access: Access, user: str, token: str) -> bool:
    """Return whether a token is the one-time key of a user that is neither spent nor expired."""
    query = select(KEYS.c.id).where(
        KEYS.c.hash == access.seal.digest(f"once:{token}"),
        KEYS.c.user == user,
        KEYS.c.scopes == ONCE,
        KEYS.c.revoked.is_(None),
        KEYS.c.expires > now(),
    )
    with access.database.connect() as connection:
        return connection.execute(query).first() is not None
