"""What tests of the record share: a database with its keys, faults put into its commits, and a hand that tampers."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, text

from residency.serve.record import head as heads
from residency.serve.record.chain import Row, hash_of
from residency.serve.record.verify import Report, verify
from residency.serve.record.writer import Writer
from residency.serve.settings import Settings
from residency.serve.store.database import open_database, upgrade
from residency.serve.store.keys import Seal
from residency.serve.store.tables import RECORD
from residency.serve.types import Entry

FILE = "service.sqlite"


def entry(number: int = 0, **more: Any) -> Entry:
    """Return an entry that says a number."""
    return Entry(**{"kind": "request", "actor": "user:anna", "request": f"r{number}", "body": {"n": number}, **more})


@cache
def empty() -> Path:
    """Return a SQLite file with the tables and nothing in them, made once: to copy it takes a tenth of the time."""
    folder = Path(tempfile.mkdtemp(prefix="record_empty_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = open_database(Settings(folder))
    upgrade(database)
    database.dispose()
    return folder / FILE


@dataclass
class Case:
    """A service's database and keys; ``open`` opens the record as a start of the service does."""

    folder: Path
    url: str = ""
    writers: list[Writer] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.url and not (self.folder / FILE).exists():
            shutil.copyfile(empty(), self.folder / FILE)
        self.database: Engine = open_database(Settings(self.folder, database=self.url))
        upgrade(self.database)
        self.seal = Seal(self.folder)

    @property
    def head(self) -> Path:
        """Return the file of the signed head."""
        return self.folder / heads.FILE

    @property
    def is_sqlite(self) -> bool:
        """Return whether this is the one that is a file."""
        return self.database.dialect.name == "sqlite"

    def open(self, **settings: Any) -> Writer:
        """Return the record, open for writing."""
        self.writers.append(Writer(self.database, self.seal, **{"patience": 0.0, **settings}))
        return self.writers[-1]

    @contextmanager
    def opened(self, **settings: Any) -> Iterator[Writer]:
        """Yield the record, open for writing until the block ends."""
        writer = self.open(**settings)
        try:
            yield writer
        finally:
            writer.close()

    def wrote(self, count: int, **settings: Any) -> Case:
        """Return this case with so many entries on record, and nobody writing."""
        with self.opened(**settings) as writer:
            for number in range(1, count + 1):
                writer.write_now(entry(number, texts={"prompt": f"made-up text {number}"}))
        return self

    def rows(self) -> list[Row]:
        """Return all entries."""
        with self.database.connect() as connection:
            return [Row(*row) for row in connection.execute(select(RECORD).order_by(RECORD.c.seq))]

    def verify(self, **more: Any) -> Report:
        """Return what verification finds, with the service's key."""
        return verify(self.database, self.seal, self.head, **more)

    @contextmanager
    def tampering(self) -> Iterator[Connection]:
        """Yield a connection of someone who may do everything in the database, and takes the guard off first."""
        with self.database.begin() as connection:
            if self.is_sqlite:
                connection.execute(text("DROP TRIGGER IF EXISTS record_no_update"))
                connection.execute(text("DROP TRIGGER IF EXISTS record_no_delete"))
            else:
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            yield connection

    def end(self) -> None:
        """Let go of everything."""
        for writer in self.writers:
            writer.close()
        self.database.dispose()


def put(connection: Connection, row: Row) -> None:
    """Put a row into the record, in place of the one with its number."""
    connection.execute(RECORD.delete().where(RECORD.c.seq == row.seq))
    connection.execute(RECORD.insert().values(**asdict(row)))


def mended(rows: list[Row]) -> list[Row]:
    """Return rows with numbers, places and hashes made right again, as someone without the service's key can."""
    done: list[Row] = []
    for row in rows:
        before = done[-1].hash if done else "0" * 64
        made = Row(len(done) + 1, row.at, row.kind, row.request, row.actor, row.body, row.sealed, before, "")
        done.append(replace(made, hash=hash_of(made)))
    return done


def hash_by_hand(row: Row) -> str:
    """Return a row's hash, made with nothing of ours."""
    sealed = sha256(row.sealed).hexdigest() if row.sealed is not None else None
    parts = [row.seq, row.at, row.kind, row.request, row.actor, row.body, sealed, row.before]
    return sha256(json.dumps(parts, separators=(",", ":")).encode("ascii")).hexdigest()


class Faults:
    """Faults of the next commits of a database: "before" it, or "after" it, when nobody hears that it was done."""

    def __init__(self, database: Engine) -> None:
        self.next: list[str] = []
        self._dialect, self._commit = database.dialect, database.dialect.do_commit
        self._dialect.do_commit = self._committed  # type: ignore[method-assign]

    def _committed(self, connection: Any) -> None:
        fault = self.next.pop(0) if self.next else ""
        if fault != "before":
            self._commit(connection)
        if fault:
            raise self._dialect.loaded_dbapi.OperationalError("the connection was lost (a made-up fault)")

    def end(self) -> None:
        """Take the faults away."""
        self._dialect.do_commit = self._commit  # type: ignore[method-assign]
