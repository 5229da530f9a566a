"""Whether what the tables hold is what the record says: users, keys, comparisons, drafts and signed notes."""

from __future__ import annotations

from typing import Any

from residency.serve.access import against_record
from residency.serve.review import check as reviewed


def disagreeing(desk: Any) -> list[str]:
    """Return what does not fit, a line for each; ``desk`` has database and seal, as a service does."""
    return [*against_record.check(desk), *reviewed.check(desk)]
