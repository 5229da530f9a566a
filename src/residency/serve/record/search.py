"""Entries of the record by time, actor, kind and request: newest first for a page, oldest first for an export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Select, select

from residency.core.errors import UserError
from residency.serve.record.book import context_of
from residency.serve.record.chain import Row, moment
from residency.serve.store.keys import Seal
from residency.serve.store.tables import RECORD


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries; empty: all. Times are ISO 8601, a date stands for the whole day (UTC)."""

    since: str = ""
    until: str = ""
    actor: str = ""
    kind: str = ""
    request: str = ""

    @property
    def asked(self) -> dict[str, str]:
        """Return what is asked for."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name))}


ALL = Wanted()


def newest(database: Engine, wanted: Wanted = ALL, *, most: int = 100, below: int | None = None) -> list[Row]:
    """Return the newest entries that are wanted, the last first; ``below`` goes on under a number (the next page)."""
    asked = _select(wanted).order_by(RECORD.c.seq.desc()).limit(most)
    asked = asked if below is None else asked.where(RECORD.c.seq < below)
    with database.connect() as connection:
        return [Row(*row) for row in connection.execute(asked)]


def oldest(database: Engine, wanted: Wanted = ALL) -> Iterator[Row]:
    """Yield the entries that are wanted, the first first."""
    with database.connect().execution_options(yield_per=1000) as connection:
        for row in connection.execute(_select(wanted).order_by(RECORD.c.seq)):
            yield Row(*row)


def texts_of(row: Row, seal: Seal) -> dict[str, str]:
    """Return the texts of an entry that were kept, opened; Unopened where they were changed."""
    if row.sealed is None:
        return {}
    found: dict[str, str] = json.loads(seal.open(row.sealed, context_of(row.seq)))
    return found


def _select(wanted: Wanted) -> Select[Any]:
    asked = select(RECORD)
    for name in ("actor", "kind", "request"):
        if value := getattr(wanted, name):
            asked = asked.where(RECORD.c[name] == value)
    if wanted.since:
        asked = asked.where(RECORD.c.at >= moment(_time(wanted.since)))
    if wanted.until:
        end, at = _time(wanted.until), RECORD.c.at
        asked = asked.where(at < moment(end + timedelta(1)) if _is_day(wanted.until) else at <= moment(end))
    return asked


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UserError("a time is written as 2026-11-27 or 2026-11-27T09:30:00 (UTC where it names no zone)") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
