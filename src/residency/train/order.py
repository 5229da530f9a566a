"""The order in which a corpus's mixture wants its rows seen, as the examples folder keeps it: stage by stage.

Two-stage tuning is two stages, a one-stage mixture with priorities is one whose order says it all, and replay is the
general rows among the others: the mixture has decided, and training only follows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar

from residency.core.errors import UserError
from residency.core.store import read_jsonl

Item = TypeVar("Item")
Order = Literal["drawn", "corpus"]
ORDER = "order.jsonl"


def in_stages(folder: Path, items: Sequence[Item], name: Callable[[Item], str]) -> list[list[Item]]:
    """Return the items stage by stage, each in the order and as often as ``order.jsonl`` says.

    Items that it does not name come last, in a stage of their own, as they are given. UserError without an order.
    """
    path = folder / ORDER
    if not path.exists():
        raise UserError(
            f"order: corpus asks for the order of the corpus's mixture, and {folder} holds no {ORDER}; gather the rows "
            "of a corpus that has a mixture (gather: {corpus: true}), or set order: drawn"
        )
    known = {name(item): item for item in items}
    stages: dict[int, list[Item]] = defaultdict(list)
    named: set[str] = set()
    for row in read_jsonl(path):
        if row["id"] in known:
            stages[row["stage"]].append(known[row["id"]])
            named.add(row["id"])
    rest = [item for item in items if name(item) not in named]
    return [found for found in (*(stages[number] for number in sorted(stages)), rest) if found]


def step_by_step(sizes: Sequence[int], accumulate: int) -> list[int]:
    """Return phases of one step each, for stages of so many rows: the loop then takes their rows as they come."""
    found: list[int] = []
    for size in sizes:
        whole, rest = divmod(size, accumulate)
        found += [accumulate] * whole + [rest] * bool(rest)
    return found
