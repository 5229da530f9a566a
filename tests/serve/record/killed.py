"""A process that writes to a record from several threads and says each number it was answered: to be killed."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from residency.serve.record.writer import Writer
from residency.serve.settings import Settings
from residency.serve.store.database import open_database
from residency.serve.store.keys import Seal
from residency.serve.store.tables import USERS
from residency.serve.types import Unrecorded
from serve.record.record_case import entry

WRITERS = 4


def main(folder: str, url: str, name: str) -> None:
    """Write until the end; a line ``NAME SEQ`` is printed when an entry was answered."""
    database = open_database(Settings(Path(folder), database=url))
    writer = Writer(database, Seal(folder), keep_text=True, patience=1.0)
    threads = [threading.Thread(target=write, args=(writer, f"{name}-{one}")) for one in range(WRITERS)]
    for thread in threads:
        thread.start()


def write(writer: Writer, name: str) -> None:
    """Write one entry after the other; every third makes a user in its transaction, as a signature makes a note."""
    number = 0
    while True:
        number += 1
        label = f"{name}-{number}"
        one = entry(body={"label": label}, texts={"prompt": "made-up " * 20})
        user = {"id": label, "name": label, "role": "auditor", "active": True, "made": "t", "changed": "t"}
        made = [USERS.insert().values(**user, must_change=False, failed=0)] if number % 3 == 0 else []
        try:
            seq = writer.write_now_with(one, made)
        except Unrecorded:
            continue
        sys.stdout.write(f"{label} {seq}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
