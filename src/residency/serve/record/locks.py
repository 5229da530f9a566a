"""One process writes the record: a locked file in its folder, and another at a SQLite file or a lock in PostgreSQL.

A locked file is let go by the system when its process ends, however that ends. PostgreSQL's lock belongs to the
connection: a new one gets it only when the old one, and with it whatever that was still committing, is at an end.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from residency.core.errors import UserError

FILE = "record.lock"
_IN_POSTGRES = 0x5265736964656E02
_PATIENCE = 5.0


class Locks:
    """The locks of one record; UserError where another process holds one."""

    def __init__(self, database: Engine, folder: Path) -> None:
        self._handles: list[int] = []
        paths = [folder.resolve() / FILE]
        if database.dialect.name == "sqlite":
            paths.append(Path(f"{database.url.database}.lock").resolve())
        try:
            for path in paths:
                self._handles.append(_locked(path))
        except BaseException:
            self.release()
            raise

    def take(self, connection: Connection) -> None:
        """Take the database's own lock for a new connection; the old one's end is waited for."""
        if connection.dialect.name != "postgresql":
            return
        until = time.monotonic() + _PATIENCE
        while True:
            with connection.begin():
                wanted = text("SELECT pg_try_advisory_lock(:lock)")
                if connection.execute(wanted, {"lock": _IN_POSTGRES}).scalar():
                    return
            if time.monotonic() > until:
                raise UserError("another process writes the record of this database: one service, one database")
            time.sleep(0.05)

    def release(self) -> None:
        """Let go of the files."""
        while self._handles:
            os.close(self._handles.pop())


class Files:
    """The SQLite file and its log, watched while they are in use: SQLite goes on writing into a file that was deleted.

    What it says to be written then is lost, so nobody may be answered. Of PostgreSQL there is nothing to watch.
    """

    def __init__(self, database: Engine) -> None:
        self._path = str(database.url.database) if database.dialect.name == "sqlite" else ""
        self._file = self._log = (0, 0)

    def reopened(self) -> None:
        """Allow for another log: SQLite makes one where nobody else had the file open."""
        self._log = (0, 0)

    def check(self, *, log: bool = True) -> None:
        """Raise OSError where a file has gone, or another has its name."""
        if not self._path:
            return
        file = _identity(self._path)
        found = _identity(f"{self._path}-wal") if log else self._log
        self._file = file if self._file == (0, 0) else self._file
        self._log = found if self._log == (0, 0) else self._log
        if (file, found) != (self._file, self._log):
            raise OSError(errno.ESTALE, "the database's file was replaced while it was in use", self._path)


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino


def _locked(path: Path) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({os.strerror(error.errno or 0)})") from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise UserError(f"another process writes this record ({path} is locked): stop it first") from None
    return handle
