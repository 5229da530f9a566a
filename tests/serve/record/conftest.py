"""A record of each kind for the tests of it, in memory where the system has a folder for that."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.record.record_case import Case

MEMORY = Path("/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that waits for no disk (a test that means the disk has ``tmp_path``)."""
    found = Path(tempfile.mkdtemp(prefix="record_", dir=MEMORY if MEMORY.is_dir() else None))
    yield found
    shutil.rmtree(found, ignore_errors=True)


@pytest.fixture
def case(folder: Path, database_url: str) -> Iterator[Case]:
    """Yield a new service's database and keys, of SQLite and then of PostgreSQL."""
    found = Case(folder, database_url)
    yield found
    found.end()
