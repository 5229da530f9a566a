"""What puts entries on record: all that wait go into one transaction, and each is answered once it is on the disk.

One thread writes. Whoever asks waits: in a coroutine, or in a thread of their own. Where the database is locked, gone
or full, the same group is tried again for a few seconds; then those who wait are told Unrecorded, and answer nothing.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from residency.serve.record.book import Book, Group, Statement, is_of_statement
from residency.serve.record.chain import plain
from residency.serve.store.keys import Seal
from residency.serve.types import Entry, Unrecorded

MOST = 256
"""Entries that one transaction takes."""
PATIENCE = 5.0
"""Seconds from when an entry was handed in for which its group is tried again."""
Answer = Callable[[int | BaseException], None]


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: Entry
    statements: tuple[Statement, ...]
    answer: Answer
    since: float


class Writer:
    """The record, open for writing; UserError where another process writes it, Tampered where it was changed."""

    def __init__(
        self,
        database: Engine,
        seal: Seal,
        *,
        keep_text: bool = False,
        patience: float = PATIENCE,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._seal, self._patience = seal, patience
        self._book = Book(database, seal, keep_text=keep_text, clock=clock)
        self._waiting: deque[_Waiting] = deque()
        self._some = threading.Condition()
        self._closing, self._down = False, False
        self._counts = {"entries": 0, "groups": 0, "unrecorded": 0}
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    # --- what others call --------------------------------------------------------------------------------------------

    async def write(self, entry: Entry) -> int:
        """Return the entry's number, once it is durable; Unrecorded where it cannot be."""
        return await self.write_with(entry)

    async def write_with(self, entry: Entry, statements: Sequence[Statement] = ()) -> int:
        """Return the entry's number; the statements are carried out in its transaction, or nothing is.

        An error of theirs is raised as it is (IntegrityError); Stale where an update or delete touches no row.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()

        def answer(result: int | BaseException) -> None:
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                loop.call_soon_threadsafe(_fulfil, future, result)

        self._hand_in(entry, statements, answer)
        return await future

    def write_now(self, entry: Entry) -> int:
        """Return the entry's number; for a thread that may wait."""
        return self.write_now_with(entry)

    def write_now_with(self, entry: Entry, statements: Sequence[Statement] = ()) -> int:
        """Return the entry's number, as ``write_with`` does; for a thread that may wait."""
        done = threading.Event()
        found: list[int | BaseException] = []

        def answer(result: int | BaseException) -> None:
            found.append(result)
            done.set()

        self._hand_in(entry, statements, answer)
        done.wait()
        if isinstance(found[0], BaseException):
            raise found[0]
        return found[0]

    def digest(self, text: str) -> str:
        """Return the keyed hash under which a text stands in the record."""
        return self._seal.digest(text)

    def about(self) -> dict[str, Any]:
        """Return numbers for /metrics: entries and groups written, entries refused, entries waiting, alive or not."""
        return {**self._counts, "waiting": len(self._waiting), "alive": not self._down and self._thread.is_alive()}

    def close(self) -> None:
        """Write what waits, then let go of the record."""
        with self._some:
            self._closing = True
            self._some.notify()
        self._thread.join()
        self._book.close()

    # --- the thread --------------------------------------------------------------------------------------------------

    def _hand_in(self, entry: Entry, statements: Sequence[Statement], answer: Answer) -> None:
        ready = plain(entry)
        with self._some:
            if self._closing or not self._thread.is_alive():
                raise Unrecorded
            self._waiting.append(_Waiting(ready, tuple(statements), answer, time.monotonic()))
            self._some.notify()

    def _run(self) -> None:
        while batch := self._next():
            group = Group(tuple(one.entry for one in batch), batch[0].statements)
            try:
                results: Sequence[int | BaseException] = self._written(group, batch[0].since + self._patience)
            except Exception as error:
                results = [error if group.statements and is_of_statement(error) else _unrecorded(error)] * len(batch)
                self._counts["unrecorded"] += len(batch)
            for one, result in zip(batch, results, strict=True):
                one.answer(result)

    def _next(self) -> list[_Waiting]:
        """Return who is written next, when somebody waits: many, or one with statements; nobody where it is closed."""
        with self._some:
            self._some.wait_for(lambda: self._waiting or self._closing)
            batch: list[_Waiting] = []
            while self._waiting and len(batch) < MOST:
                if batch and (self._waiting[0].statements or batch[0].statements):
                    break
                batch.append(self._waiting.popleft())
            return batch

    def _written(self, group: Group, until: float) -> list[int]:
        """Return the numbers of a group that is on the disk, after as many tries as there is time for."""
        pause = 0.02
        while True:
            try:
                numbers = self._book.write(group)
            except Exception as error:
                if group.statements and is_of_statement(error):
                    raise
                if self._down or self._closing or time.monotonic() + pause > until:
                    self._down = True  # those who come next wait for one try alone, until one holds
                    raise
                time.sleep(pause)
                pause = min(pause * 2, 1.0)
                continue
            self._down = False
            self._counts["entries"] += len(numbers)
            self._counts["groups"] += 1
            return numbers


def _unrecorded(error: Exception) -> Unrecorded:
    told = Unrecorded()
    told.__cause__ = error
    return told


def _fulfil(future: asyncio.Future[int], result: int | BaseException) -> None:
    if future.done():  # whoever waited has gone
        return
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)


@contextmanager
def open_record(database: Engine, seal: Seal, *, keep_text: bool = False) -> Iterator[Writer]:
    """Yield the record, open for writing for as long as the block runs."""
    writer = Writer(database, seal, keep_text=keep_text)
    try:
        yield writer
    finally:
        writer.close()
