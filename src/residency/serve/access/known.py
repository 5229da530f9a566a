"""Who was recognised, and how times and changes are handed to the tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from residency.serve.types import Principal


@dataclass(frozen=True, slots=True)
class Known:
    """A principal as it was looked up: the hash of its session, or how much its key may ask in a minute."""

    principal: Principal
    session: str | None = None
    per_minute: int | None = None


def now() -> str:
    """Return the time as the tables hold it."""
    return stamp(datetime.now(UTC))


def stamp(at: datetime) -> str:
    """Return a time as the tables hold it: ISO 8601 in UTC with microseconds, which sort as texts."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def perhaps(statement: Any) -> Callable[[Any], None]:
    """Return a statement that may find nothing to change, as the recorder takes it; else finding nothing undoes all."""

    def carry_out(connection: Any) -> None:
        connection.execute(statement)

    return carry_out
