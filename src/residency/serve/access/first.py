"""The first start makes an administrator, with a one-time key that is printed once.

As long as no administrator has chosen a password, each start makes another key, and the one before is worth nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from residency.serve.access.once import issue
from residency.serve.access.users import new_row
from residency.serve.store.tables import USERS
from residency.serve.types import Entry

if TYPE_CHECKING:
    from residency.serve.access.access import Access

NAME = "administrator"


def first_key(access: Access) -> tuple[str, str] | None:
    """Return the administrator's name and one-time key, to be printed once; None where one has a password already."""
    query = select(USERS).where(USERS.c.role == "administrator", USERS.c.active.is_(True)).order_by(USERS.c.made)
    with access.database.connect() as connection:
        there = connection.execute(query).mappings().all()
    if any(row["password"] for row in there):
        return None
    row = dict(there[0]) if there else new_row(NAME, "administrator")
    token, statements, mark = issue(access, row["id"])
    made = [] if there else [USERS.insert().values(row)]
    body = {"did": "first key" if there else "made", "user": row["name"], "role": "administrator", "once": mark}
    access.commit(Entry("user", "service", body), *made, *statements)
    return str(row["name"]), token
