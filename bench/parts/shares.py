"""Shares of a count with their intervals, as rows of a table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from residency.serve.guard.calibration import limits

Row = dict[str, Any]


def share(what: str, hits: int, n: int) -> Row:
    """Return a share with its interval of 95% (Clopper and Pearson 1934); None of none."""
    low, high = limits(hits, n) if n else (0.0, 1.0)
    return {"what": what, "hits": hits, "value": hits / n if n else None, "low": low, "high": high, "n": n}


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table in Markdown, without those of nothing."""
    lines = ["| what | value | 95% | n |", "|---|---|---|---|"]
    lines += [
        f"| {r['what']} | {r['value']:.3f} | {r['low']:.3f} to {r['high']:.3f} | {r['n']} |" for r in rows if r["n"]
    ]
    return "\n".join(lines)
