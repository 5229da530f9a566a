"""For the tests of access: a house that is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from serve.access.house import House, house


@pytest.fixture
def open_house(tmp_path: Path) -> Iterator[House]:
    """Yield the access of a new service on loopback."""
    with house(tmp_path) as one:
        yield one
