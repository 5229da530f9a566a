"""For the tests of reviewing: a desk on SQLite, and one on each database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.review.desk import Bench, desk


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Bench]:
    """Yield a desk on SQLite."""
    with desk(tmp_path) as one:
        yield one


@pytest.fixture
def any_ward(tmp_path: Path, database_url: str) -> Iterator[Bench]:
    """Yield a desk on SQLite, then one on PostgreSQL."""
    with desk(tmp_path, database_url) as one:
        yield one
