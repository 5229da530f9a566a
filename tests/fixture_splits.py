"""What a split came to, counted anew from its columns: another way than the corpus has."""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.corpus.mixing.splits import SPLITS, Column, Parted, codes


def report(parted: Parted, *, patient: Column, date: Column) -> dict[str, Any]:
    """Return ``splits`` (documents, groups, patients, first and last date of each), the reasons, and ``in_two``: how
    many patients and groups stand in two splits, counted anew; both must be 0."""
    people, known = codes(patient)
    date = date.to_pylist() if hasattr(date, "to_pylist") else date
    named = np.array([bool(name) for name in known], bool)[people] if known else np.zeros(0, bool)
    days = np.array([name or "" for name in date], object)
    rows = {}
    for split in SPLITS:
        mine = parted.split == split
        if mine.any():
            dated = days[mine & (days != "")]
            rows[split] = {
                "documents": int(mine.sum()),
                "groups": len(np.unique(parted.group[mine])),
                "patients": len(np.unique(people[mine & named])),
                "first": min(dated, default=None),
                "last": max(dated, default=None),
            }
    in_two = {"patients": _in_two(people[named], parted.split[named]), "groups": _in_two(parted.group, parted.split)}
    return {"splits": rows, "left_out": dict(sorted(parted.reasons.items())), "in_two": in_two}


def _in_two(group: np.ndarray, split: np.ndarray) -> int:
    """Return how many groups stand in more than one split; what was left out stands in none."""
    side = np.select([split == name for name in SPLITS[:3]], [1, 2, 4], 0)
    held = np.zeros(int(group.max(initial=-1)) + 1, np.int64)
    np.bitwise_or.at(held, group, side)
    return int(sum((held & (held - 1)) != 0))
