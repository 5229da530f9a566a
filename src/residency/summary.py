"""What a finished run says of itself on the terminal: one line a family, where things lie, what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residency.core.progress import duration
from residency.core.runs import read_record
from residency.core.store import read_json, read_manifest


def summary(folder: Path) -> tuple[dict[str, Any], str]:
    """Return a finished run as (a document, words): its table, its cost, its paths, the next two commands."""
    ledger = read_json(folder / "ledger.json") if (folder / "ledger.json").exists() else {}
    latest = folder.parent / "latest"
    paths = {name: str(folder / at) for name, at in PATHS.items() if (folder / at).exists()}
    report = latest / PATHS["report"]
    steps = [first_step(folder, str(latest)), f"{_opener()} {report}" if "report" in paths else ""]
    steps = [step for step in steps if step]
    rows = families(ledger)
    alone = [] if rows else measured(ledger)
    exported = parity(folder)
    document = {
        "run": folder.name,
        "families": rows,
        "measured": alone,
        "cost": ledger.get("cost"),
        "paths": paths,
        "next": steps,
    }
    record = read_record(folder)
    document |= {name: record.get(name) or empty for name, empty in (("left_out", {}), ("again", {}), ("outdated", []))}
    document["parity"] = exported
    blocks = [
        _families_table(rows),
        _measured_table(alone),
        _parity_warning(exported, report),
        _cost_line(ledger.get("cost") or {}),
    ]
    blocks.append(state_lines(document))
    blocks += ["\n".join(f"{name:7} {path}" for name, path in paths.items()), "Next:\n" + "\n".join(steps)]
    return document, "\n\n".join(block for block in blocks if block)


def corpus_summary(folder: Path) -> tuple[dict[str, Any], str]:
    """Return a finished corpus as (a document, words): its data card, its cost, and where things lie."""
    from residency.corpus.card.datacard import words

    out = folder / "corpus"
    card = read_json(out / "card.json")
    manifest = read_manifest(out) or {}
    names = ("documents", "dropped", "text", "instruct", "preference", "README.md", "bad.jsonl")
    paths = {name: str(out / name) for name in names if (out / name).exists()}
    cost = manifest.get("cost", {})
    document = {"run": folder.name, "card": card, "bad": manifest.get("bad"), "cost": cost, "paths": paths}
    made = ""
    if (folder / "make" / "card.json").exists():
        document["made"] = read_json(folder / "make" / "card.json")
        made = f"Made out of it, in {folder / 'make'}:\n\n{words(document['made'])}"
    aside = f"{manifest.get('bad', 0):,} malformed records are kept aside in bad.jsonl."
    where = "\n".join(f"{name:10} {path}" for name, path in paths.items())
    return document, "\n\n".join(part for part in (words(card), aside, _cost_line(cost), where, made) if part)


def state_lines(document: dict[str, Any]) -> str:
    """Return what was left out, what was done again and why, and what is older than what it is made from."""
    parts = [
        ("Left out", [f"{name} ({why})" for name, why in document["left_out"].items()]),
        ("Done again", [f"{name} ({why})" for name, why in document["again"].items()]),
        ("Out of date", document["outdated"]),
    ]
    return "\n".join(f"{head}: {', '.join(found)}." for head, found in parts if found)


PATHS = {"report": "report.html", "model": "model", "adapter": "adapter", "gguf": "gguf", "card": "card/README.md"}


def families(ledger: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the ledger's comparisons of the aligned model with the better base, and of the compressed one with it.

    The compressed model answers a part of the items, so its difference is shown and not its value.
    """
    rows = ledger.get("comparisons", [])
    gguf = {row["task"]: row["difference"] for row in rows if row.get("kind") == "gguf"}
    wanted = ("family", "metric", "from_value", "to_value", "difference", "low", "high", "p_holm")
    return [
        {**{name: row.get(name) for name in wanted}, "gguf_difference": gguf.get(row["task"])}
        for row in rows
        if row.get("kind") == "base"
    ]


def measured(ledger: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what each model of a run without a base to compare with came to, by the first metric of each task."""
    first: dict[str, str] = {}
    for row in ledger.get("rows", []):
        first.setdefault(row["task"], row["metric"])
    wanted = ("task", "model", "metric", "value", "low", "high", "n")
    rows = [row for row in ledger.get("rows", []) if row["metric"] == first[row["task"]]]
    return [{name: row.get(name) for name in wanted} for row in rows]


def first_step(folder: Path, name: str) -> str:
    """Return the command to try next: ask a model that writes, examine one that only reads."""
    if not (folder / "encode" / "manifest.json").exists():
        return f'residency ask {name} "What is microcephaly?"'
    asked = (read_manifest(folder / "evaluate") or {}).get("tasks") or ["NAME"]
    return f"residency evaluate {name if ':' in name else f'{name}:encoded'} --tasks {','.join(asked)}"


def parity(folder: Path) -> dict[str, Any] | None:
    """Return whether the exported file passed its parity check, its share and bar, and how it fell short.

    None where nothing was exported.
    A check that was not passed is a result, as a family that got worse is, and no failure of the command: every file is
    whole, so the exit code stays 0, and programs go by ``passed``.
    """
    from residency.evaluate.facts import parity as read_parity
    from residency.evaluate.numbers import parity_text

    found = read_parity(folder)
    if not found:
        return None
    side = found.get("next_token", {}).get("torch_fp32", {})
    known = {key: side.get(key) for key in ("share", "low", "high", "of")}
    told = {"bar": found.get("bar"), "findings": found.get("findings", []), "text": parity_text(found)}
    return {"passed": bool(found.get("passed")), **known, **told}


def _parity_warning(found: dict[str, Any] | None, report: Path) -> str:
    """Return what must be said of an export that is not shown to be the model; "" where it passed, or there is none."""
    if found is None or found["passed"]:
        return ""
    text = f": {found['text']}" if found["text"] else ""
    lines = [f"WARNING: the exported GGUF did NOT pass its parity check{text}."]
    return "\n".join([*lines, *(f"- {each}" for each in found["findings"]), f"More: {report}, under Export."])


def _families_table(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    heads = ["family", "metric", "base", "trained", "difference [95%]", "p (Holm)", "gguf - trained"]
    lines = []
    for row in rows:
        difference = f"{_signed(row['difference'])} [{_signed(row['low'])}, {_signed(row['high'])}]"
        p = "<0.001" if row["p_holm"] is not None and row["p_holm"] < 0.001 else row["p_holm"]
        values = [row["from_value"], row["to_value"], difference, p, _signed(row["gguf_difference"])]
        lines.append([row["family"], row["metric"], *values])
    return table(heads, lines)


def _measured_table(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    heads = ["task", "model", "metric", "value", "95% from", "to", "items"]
    return table(
        heads, [[row[key] for key in ("task", "model", "metric", "value", "low", "high", "n")] for row in rows]
    )


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+z.3f}"


def _cost_line(cost: dict[str, Any]) -> str:
    if not cost:
        return ""
    parts = [duration(cost["wall_s"])]
    if cost.get("peak_rss_mb"):
        parts.append(f"at most {cost['peak_rss_mb'] / 1000:.1f} GB of memory")
    if cost.get("energy_wh_estimated"):
        parts.append(f"about {cost['energy_wh_estimated']:.1f} Wh (estimated)")
    return "It took " + ", ".join(parts) + "."


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows as aligned columns: numbers to three places on the right, words on the left, None as ``-``."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    right = [any(isinstance(value, int | float) for value in column) for column in zip(*rows, strict=True)]

    def line(values: Sequence[str]) -> str:
        made = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(values, widths, right, strict=True))
        return "  ".join(made).rstrip()

    return "\n".join([line(heads), *map(line, cells)])


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:z.3f}" if isinstance(value, float) else str(value)


def _opener() -> str:
    import shutil

    return next((name for name in ("xdg-open", "open") if shutil.which(name)), "xdg-open")
