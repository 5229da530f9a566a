"""Where each triple is said: one SQLite file beside the store, by the hash of the triple.

In the store itself (as RDF 1.2 reifiers) the same takes twenty times the room, and every plain query would meet it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from residency.corpus.graph.facts import Fact

_TABLES = """
CREATE TABLE file (key INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE said (triple INTEGER, file INTEGER, line INTEGER, about TEXT);
"""
TOGETHER = 20_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a fact is said: the file, the line (None: the file as a whole), and what else is said of it there."""

    file: str
    line: int | None
    about: dict[str, str]


def _key(fact: Fact) -> int:
    """Return 63 bits of the triple's hash."""
    return int.from_bytes(hashlib.blake2b(fact.id.encode(), digest_size=8).digest(), "big") >> 1


class Origins:
    """The file of origins, for reading; any number of processes may."""

    def __init__(self, path: Path) -> None:
        self._table = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True, check_same_thread=False)

    def of(self, fact: Fact) -> list[Origin]:
        """Return where a fact is said, in order of file and line; an empty list where it is not."""
        rows = self._table.execute(
            "SELECT DISTINCT name, line, about FROM said JOIN file ON key = file WHERE triple = ? ORDER BY name, line",
            (_key(fact),),
        )
        return [Origin(name, line, json.loads(about) if about else {}) for name, line, about in rows]


class Noting:
    """The file of origins while it is made."""

    def __init__(self, path: Path) -> None:
        self._table = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -64000", "temp_store = FILE"):
            self._table.execute(f"PRAGMA {setting}")
        self._table.executescript(_TABLES)
        self._table.execute("BEGIN")
        self._waiting: list[tuple[int, int, int | None, str | None]] = []

    def file(self, key: int, name: str) -> None:
        """Put down a file's name, by which ``add`` knows it."""
        self._table.execute("INSERT INTO file VALUES (?, ?)", (key, name))

    def add(self, fact: Fact, file: int) -> None:
        """Put down where a fact is said."""
        about = json.dumps(dict(fact.about), ensure_ascii=False) if fact.about else None
        self._waiting.append((_key(fact), file, fact.line, about))
        if len(self._waiting) >= TOGETHER:
            self._put()

    def _put(self) -> None:
        self._table.executemany("INSERT INTO said VALUES (?, ?, ?, ?)", self._waiting)
        self._waiting.clear()

    def finish(self) -> None:
        """Make what was put down findable."""
        self._put()
        self._table.execute("CREATE INDEX by_triple ON said (triple)")
        self._table.execute("COMMIT")
        self._table.close()
