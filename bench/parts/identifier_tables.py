"""The tables of the bench of de-identification, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = {
    "direct_masked": "direct, masked",
    "masked": "all, masked",
    "character_precision": "character precision",
    "strict_f1": "strict F1",
    "strict_precision": "strict precision",
    "strict_recall": "strict recall",
}
Figure = Mapping[str, Any]


def report(found: Mapping[str, Any]) -> str:
    """Return all tables."""
    lines: list[str] = []
    for name, engines in found["quality"].items():
        title = f"{name} ({found['part']})" if name.startswith("english") else name
        lines += [f"\n## {title}\n", *overall(engines)]
        lines += [f"\n### {title}: by kind\n", *by_kind(engines)]
        if any(figures["by_mess"] for figures in engines.values()):
            lines += [f"\n### {title}: masked, by mess\n", *by_mess(engines), *weakest(engines)]
    for name, rates in found["speed"].items():
        lines += [f"\n## Speed: {name}, one thread (load {found['load']:.1f} at the start)\n", *speeds(rates)]
    if "retraining" in found:
        lines += ["\n## Retraining on 200 documents of another style (MEDDOCAN dev)\n", *overall(found["retraining"])]
    return "\n".join(lines)


def overall(engines: Mapping[str, Figure]) -> list[str]:
    """Return a row an engine."""
    lines = [f"| engine | {' | '.join(COLUMNS.values())} |", "|---|" + "---|" * len(COLUMNS)]
    for name, figures in engines.items():
        lines.append(f"| {name} | {' | '.join(said(figures[key]) for key in COLUMNS)} |")
    return lines


def by_kind(engines: Mapping[str, Figure]) -> list[str]:
    """Return a row a kind: recall, precision and F1 of exact spans, and what is masked."""
    kinds = sorted({kind for figures in engines.values() for kind in figures["by_kind"]})
    lines = [f"| kind | n | {' | '.join(f'{name}: recall, precision, F1; masked' for name in engines)} |"]
    lines.append("|---|---|" + "---|" * len(engines))
    for kind in kinds:
        cells, n = [], 0
        for figures in engines.values():
            row = figures["by_kind"].get(kind)
            n = max(n, row["n"] if row else 0)
            keys = ("recall", "precision", "f1", "masked")
            parts = [said(row[key]) for key in keys] if row and row["n"] else []
            cells.append("; ".join((", ".join(parts[:3]), parts[3])) if parts else "")
        if n:
            lines.append(f"| {kind} | {n} | {' | '.join(cells)} |")
    return lines


def by_mess(engines: Mapping[str, Figure]) -> list[str]:
    """Return a row a mess."""
    messes = sorted({mess for figures in engines.values() for mess in figures["by_mess"]})
    lines = [f"| mess | {' | '.join(engines)} |", "|---|" + "---|" * len(engines)]
    for mess in messes:
        row = [said(f["by_mess"][mess]) if mess in f["by_mess"] else "" for f in engines.values()]
        lines.append(f"| {mess} | {' | '.join(row)} |")
    return lines


def weakest(engines: Mapping[str, Figure]) -> list[str]:
    """Return a line an engine that names its weakest cell of kind and mess."""
    lines = [""]
    for name, figures in engines.items():
        if figures["cells"]:
            cell = figures["cells"][0]
            where = f"{cell['kind']}, {cell['mess']}"
            lines.append(f"- {name}, weakest cell of ten spans and more: {where}: {cell['masked']:.3f} of {cell['n']}")
    return lines


def speeds(rates: Mapping[str, Figure]) -> list[str]:
    """Return a row an engine, and how many times Presidio's full pipeline it is."""
    full = rates.get("presidio", {}).get("mb_per_s")
    lines = ["| engine | MB/s | least to most | times presidio | MB timed |", "|---|---|---|---|---|"]
    for name, row in rates.items():
        times = f"{row['mb_per_s'] / full:.0f}" if full else ""
        spread = f"{min(row['all']):.4g} to {max(row['all']):.4g}"
        lines.append(f"| {name} | {row['mb_per_s']:.4g} | {spread} | {times} | {row['mb']:.3f} |")
    return lines


def said(figure: Figure) -> str:
    """Return a figure with its interval."""
    if figure["value"] is None:
        return ""
    if figure["low"] is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
