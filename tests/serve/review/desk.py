"""A desk to review at: the database, the seal and the record of a service, and five users."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from residency.serve.access.access import Access
from residency.serve.record.writer import Writer
from residency.serve.settings import Settings
from residency.serve.store.database import open_database
from residency.serve.store.keys import Seal
from residency.serve.store.tables import RECORD, USERS
from residency.serve.types import Principal, Unrecorded
from serve.access.house import QUICK, House, house

ROLES = {"ana": "clinician", "ben": "clinician", "rosa": "reviewer", "adam": "administrator", "otto": "auditor"}


class Gone:
    """A record that cannot be written."""

    async def write_with(self, *_: Any) -> int:
        """Raise Unrecorded."""
        raise Unrecorded


@dataclass
class Bench:
    """What drafts and comparisons need of a service, and the people at it."""

    database: Any
    seal: Any
    recorder: Any
    people: dict[str, Principal]

    def bodies(self) -> list[dict[str, Any]]:
        """Return what stands on record, without the record's own marks."""
        with self.database.connect() as connection:
            rows = connection.execute(select(RECORD.c.body).order_by(RECORD.c.seq))
            return [{name: value for name, value in json.loads(text).items() if name != "mac"} for (text,) in rows]

    def change(self, statement: Any) -> None:
        """Change a table behind the back of the record."""
        with self.database.begin() as connection:
            connection.execute(statement)


@contextmanager
def desk(folder: Path, database: str = "", *, again: bool = False) -> Iterator[Bench]:
    """Yield a desk on a new database, or ``again`` on the one that is there."""
    with furnished(folder, database, again=again) as (one, people):
        yield Bench(one.access.database, one.access.seal, one.access.recorder, people)


@contextmanager
def furnished(folder: Path, database: str = "", *, again: bool = False) -> Iterator[tuple[House, dict[str, Principal]]]:
    """Yield a house with the five users in it; on SQLite a copy of one that was made once."""
    people = None
    if not database and not again:
        made, people = _made()
        shutil.copytree(made, folder, dirs_exist_ok=True)
    settings = Settings(folder, database=database)
    engine, seal = open_database(settings), Seal(folder)
    writer = Writer(engine, seal)
    try:
        one = House(Access(engine, seal, writer, settings, hasher=QUICK), settings)
        yield one, people or (_found(engine) if again else _people(one))
    finally:
        writer.close()
        engine.dispose()


@cache
def _made() -> tuple[Path, dict[str, Principal]]:
    folder = Path(tempfile.mkdtemp(prefix="house_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with house(folder) as one:
        return folder, _people(one)


def _people(one: House) -> dict[str, Principal]:
    return {name: one.user(name, role) for name, role in ROLES.items()}


def _found(engine: Any) -> dict[str, Principal]:
    with engine.connect() as connection:
        rows = connection.execute(select(USERS.c.id, USERS.c.name, USERS.c.role))
        return {row.name: Principal(row.id, row.name, row.role) for row in rows}


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns."""
    return asyncio.run(work)
