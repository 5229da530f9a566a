"""What is recorded of an index, and what is told of changing it.

The snapshot is the hash of what the index holds, so two indices that hold the same have the same one, whatever the
order and however they came to it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residency.core.store import sha256_json
from residency.infer.retrieve import store
from residency.infer.retrieve.gather import Unit
from residency.infer.retrieve.rows import SHOWN, Work


def state_of(path: Path, work: Work, folder: str, version: int) -> dict[str, Any]:
    """Return what ``index.json`` is to say of a table that was written."""
    about = _counted(store.open_table(path / folder, version))
    digests = about.pop("digests")
    settings = {name: work.state[name] for name in ("embedder", "cut", "language", "shelf")}
    made = (settings["embedder"] or {}).get("hash")
    snapshot = sha256_json([store.FORMAT, made, settings["cut"], settings["language"], digests])
    units = dict(sorted(work.units.items()))
    return {"format": store.FORMAT, "snapshot": snapshot, "folder": folder, "version": version, **settings, **about,
            "units": units}  # fmt: skip


def _counted(table: Any) -> dict[str, Any]:
    """Return what an index holds: documents and passages by shelf, source and language, the days of its documents."""
    columns = ["document", "digest", "shelf", "source", "language", "date", "valid_until"]
    seen: dict[str, tuple[Any, ...]] = {}
    passages: Counter[str] = Counter()
    for batch in store.rows_of(table, columns):
        for document, *facts in zip(*(batch.column(name).to_pylist() for name in columns), strict=True):
            seen[document] = tuple(facts)
            passages[facts[1]] += 1
    by = {name: dict(sorted(Counter(facts[at] for facts in seen.values()).items()))
          for at, name in ((1, "shelves"), (2, "sources"), (3, "languages"))}  # fmt: skip
    dates = sorted(facts[4] for facts in seen.values() if facts[4])
    return {
        "documents": len(seen),
        "passages": passages.total(),
        **by,
        "oldest": dates[0] if dates else None,
        "newest": dates[-1] if dates else None,
        "digests": sorted(facts[0] for facts in seen.values()),
    }


def report_of(
    path: Path, state: dict[str, Any], work: Work, units: Sequence[Unit], dropped: set[str], began: float
) -> dict[str, Any]:
    """Return what was done, in numbers, with the first files that could not be read; never a word of their text."""
    read = {unit.key for unit in units}
    told = {name: state[name] for name in ("snapshot", "documents", "passages", "shelves", "sources", "languages")}
    return {
        "index": str(path),
        **told,
        "read": len(read),
        "unchanged": len(state["units"]) - len(read),
        "changed": len(read & dropped),
        "removed": len(dropped - read),
        "bad": len(work.bad),
        "bad_first": [str(one) for one in work.bad[:SHOWN]],
        "left_out": dict(sorted(work.left.items())),
        "seconds": round(time.monotonic() - began, 2),
    }


def still_bad(units: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what could not be read of units when they were read last, as a report counts and names it."""
    first = [one for unit in units for one in unit.get("bad_first", ())]
    return {"still_bad": sum(unit.get("bad", 0) for unit in units), "still_bad_first": first[:SHOWN]}
