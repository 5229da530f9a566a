"""The record as one connection writes it: a group of entries is one transaction, then the signed head, then answers.

What is not known for certain is looked up before anything is written again: where a connection broke during a commit,
the next one first looks whether the group stands there. So no entry is lost or there twice, and no number is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, func, insert, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, SQLAlchemyError
from sqlalchemy.sql import Executable
from sqlalchemy.sql.dml import Delete, Update

from residency.core.errors import ResidencyError
from residency.serve.record import head as heads
from residency.serve.record.chain import Row, Tip, canonical, follows, linked, plain
from residency.serve.record.locks import Files, Locks
from residency.serve.store.keys import Seal
from residency.serve.store.tables import RECORD
from residency.serve.types import Entry, Refused, Unrecorded

Statement = Any
"""An insert, update or delete of SQLAlchemy's, or a function that is handed the connection."""


class Tampered(ResidencyError):
    """The record is not what its signed head says."""

    def __init__(self, what: str) -> None:
        super().__init__(f"the record is not as it was left: {what}. `residency log verify` says more")


class Stale(Refused):
    """A statement that was to go with an entry touched nothing: what it is about has changed meanwhile."""

    def __init__(self) -> None:
        super().__init__("it was changed by someone else meanwhile: load it again", status=409, code="conflict")


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that are committed together; ``statements`` go with a single one."""

    entries: tuple[Entry, ...]
    statements: tuple[Statement, ...] = ()


class Book:
    """The record under this process's lock; ``tip`` is its end as far as is known to be on the disk."""

    def __init__(
        self, database: Engine, seal: Seal, *, keep_text: bool = False, clock: Callable[[], datetime] | None = None
    ) -> None:
        self._database, self._seal, self._keep_text = database, seal, keep_text
        self._clock = clock or (lambda: datetime.now(UTC))
        self._path = seal.folder / heads.FILE
        self._locks, self._files = Locks(database, seal.folder), Files(database)
        self._connection: Connection | None = None
        self._insert, self._values = _inserting(database.dialect)
        self._line = 0
        self._doubt: tuple[Group, Tip] | None = None
        """What was sent to be committed last, and where the chain ends if it was."""
        self.tip = heads.EMPTY
        try:
            self._begin()
        except BaseException as error:
            self.close()
            if isinstance(error, SQLAlchemyError | OSError):
                raise Unrecorded from error
            raise

    # --- the start ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Take the record up where it was left; entries after its head, written as the power went, are looked at."""
        found = heads.read(self._path, self._seal.public)
        connection = self._connect()
        with connection.begin():
            if found.head is None:
                self._must_be_new(connection, found.bad)
                heads.begin(self._path, heads.head_of(heads.EMPTY, self._seal))
                return
            self.tip, after = self._left(connection, found.head)
        self._line = 1 - found.line
        if after or found.bad:
            body = {"event": "taken up", "entries_after_head": after, "bad_lines_of_head": found.bad}
            self.write(Group((plain(Entry("record", "service", body)),)))

    def _must_be_new(self, connection: Connection, bad: int) -> None:
        count = connection.execute(select(func.count()).select_from(RECORD)).scalar_one()
        if bad:
            raise Tampered(f"{self._path} holds no head that this service's key signed")
        if count:
            raise Tampered(f"it has {count} entries, and its signed head {self._path} is gone")

    def _left(self, connection: Connection, head: heads.Head) -> tuple[Tip, int]:
        """Return where the record ends, and how many entries stand after its head; Tampered where it does not fit."""
        at_head = Tip(head.seq, head.hash, head.time)
        if head.seq and self._stands(connection, head.seq) != at_head:
            raise Tampered(f"entry {head.seq}, the last when it was left, is gone or changed")
        rows = connection.execute(select(RECORD).where(RECORD.c.seq > head.seq).order_by(RECORD.c.seq))
        tip = follows((Row(*row) for row in rows), at_head, self._seal.mark)
        if tip is None:
            raise Tampered(f"after entry {head.seq} stands what this service did not write")
        return tip, tip.seq - head.seq

    # --- writing -----------------------------------------------------------------------------------------------------

    def write(self, group: Group) -> list[int]:
        """Return the numbers of a group's entries, which are on the disk, as is the head that counts them.

        Anything raised leaves the record as it was, or in doubt; calling again with the same group looks first.
        """
        try:
            connection = self._connect()
            if not self._settled(connection, group):
                self._commit(connection, group)
            self._files.check()
            heads.put(self._path, heads.head_of(self.tip, self._seal), line=self._line)
        except BaseException as error:
            if not (group.statements and is_of_statement(error)):
                self._drop()
            raise
        self._line, self._doubt = 1 - self._line, None
        return list(range(self.tip.seq - len(group.entries) + 1, self.tip.seq + 1))

    def _settled(self, connection: Connection, group: Group) -> bool:
        """Return whether a group was committed by an earlier try, after looking where that is not known."""
        if self._doubt is None:
            return False
        tried, tip = self._doubt
        with connection.begin():
            last = self._last(connection)
        if last not in (self.tip, tip):
            raise Tampered(f"entry {last.seq} was written by something else")
        self.tip = last
        return tried is group and last == tip

    def _commit(self, connection: Connection, group: Group) -> None:
        with self._transaction(connection):
            rows = self._rows(group)
            connection.exec_driver_sql(self._insert, [self._values(row) for row in rows])
            for statement in group.statements:
                _carry_out(connection, statement)
            tip = Tip(rows[-1].seq, rows[-1].hash, rows[-1].at)
            self._doubt = (group, tip)
        self.tip = tip

    def _transaction(self, connection: Connection) -> Any:
        begun = connection.begin()
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")  # the lock first, so that nothing has to be undone for it
        return begun

    def _rows(self, group: Group) -> list[Row]:
        rows: list[Row] = []
        tip = self.tip
        for entry in group.entries:
            row = linked(tip, entry, now=self._clock(), mark=self._seal.mark, sealed=self._sealer(entry))
            rows.append(row)
            tip = Tip(row.seq, row.hash, row.at)
        return rows

    def _sealer(self, entry: Entry) -> Callable[[int], bytes | None]:
        if not self._keep_text or not entry.texts:
            return lambda seq: None
        content = canonical(entry.texts).encode()
        return lambda seq: self._seal.seal(content, context_of(seq))

    # --- the connection ----------------------------------------------------------------------------------------------

    def _connect(self) -> Connection:
        if self._connection is None:
            self._files.check(log=False)  # SQLite would make an empty file in place of one that has gone
            connection = self._database.connect()
            try:
                self._locks.take(connection)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _drop(self) -> None:
        """Give up the connection, and with it whatever it had not committed."""
        connection, self._connection = self._connection, None
        self._files.reopened()
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.invalidate()
            with suppress(SQLAlchemyError):
                connection.close()

    def _last(self, connection: Connection) -> Tip:
        top = connection.execute(select(func.max(RECORD.c.seq))).scalar()
        return heads.EMPTY if top is None else self._stands(connection, top) or heads.EMPTY

    def _stands(self, connection: Connection, seq: int) -> Tip | None:
        wanted = select(RECORD.c.seq, RECORD.c.hash, RECORD.c.at).where(RECORD.c.seq == seq)
        row = connection.execute(wanted).one_or_none()
        return Tip(*row) if row else None

    def close(self) -> None:
        """Let go of the connection and of the lock."""
        self._drop()
        self._locks.release()


def context_of(seq: int) -> str:
    """Return the context under which an entry's texts are sealed, so that they open at its number alone."""
    return f"record {seq}"


def _inserting(dialect: Dialect) -> tuple[str, Callable[[Row], Any]]:
    """Return the insert of a row as the database's own text, and what makes a row its values.

    Putting a statement together anew each time takes longer than SQLite takes to carry it out.
    """
    names = [one.name for one in fields(Row)]
    made = insert(RECORD).compile(dialect=dialect, column_keys=names)
    if made.positional:
        return str(made), attrgetter(*(made.positiontup or names))
    return str(made), lambda row: {name: getattr(row, name) for name in names}


def _carry_out(connection: Connection, statement: Statement) -> None:
    if not isinstance(statement, Executable):
        statement(connection)
        return
    done = connection.execute(statement)
    if isinstance(statement, Update | Delete) and done.rowcount == 0:
        raise Stale


def is_of_statement(error: BaseException) -> bool:
    """Return whether an error is about what a statement says, so that trying again would not help."""
    if isinstance(error, DBAPIError):
        said = isinstance(error, IntegrityError | DataError | ProgrammingError)
        return said and not error.connection_invalidated
    return isinstance(error, Exception) and not isinstance(error, Tampered | OSError)
