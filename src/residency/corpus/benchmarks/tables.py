"""Rows of the CSV files that public sets come in."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path


def csv_rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield a file's rows by the names of its header; a field may hold a whole note (10 million characters)."""
    csv.field_size_limit(10_000_000)
    with path.open(encoding="utf-8-sig", newline="") as lines:
        yield from csv.DictReader(lines)
