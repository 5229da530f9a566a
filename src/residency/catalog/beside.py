"""Measured results beside the published ones of the same data set and metric, in groups of one protocol.

Numbers are ranked inside a group alone, and only where the whole protocol is known. Between groups nothing is ranked: a
share of right answers with three examples shown and one after tuning on the set are two questions, not two answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from residency.catalog.entries import Catalog, Result
from residency.catalog.place import UNSTATED, Measured, Placed

OURS = (
    "method template shots shots_picked shot_ids style language constrained variant split items_sha256 extractor "
    "max_tokens stop precision engine n"
).split()
"""The parts of a protocol of ours that two numbers must share to be ranked together."""


@dataclass(frozen=True, slots=True)
class Row:
    """A number in a group: who reached it, its rank there (None: not ranked), and the measurement where it is ours."""

    name: str
    result: Result
    rank: int | None = None
    measured: Measured | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Numbers of one protocol; ``why`` says why it is not ranked, or not with the others."""

    protocol: str
    rows: tuple[Row, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Beside:
    """All numbers on one data set (or part of it) by one metric, in groups; those with ours come first."""

    set: str
    part: str
    metric: str
    groups: tuple[Group, ...]


def beside(catalog: Catalog, *placed: Placed) -> list[Beside]:
    """Return every data set of the catalog and metric that was measured, with what is published of both."""
    sets = catalog.entries["datasets"]
    numbers = [(one.entry.name, measured) for one in placed for measured in one.measured]
    own = [(name, number) for name, number in numbers if number.role != "rule" and number.result.set in sets]
    pairs = dict.fromkeys((measured.result.set, measured.result.metric) for _, measured in own)
    return [_one(catalog, pair, own) for pair in pairs]


def _one(catalog: Catalog, pair: tuple[str, str], own: Sequence[tuple[str, Measured]]) -> Beside:
    rows: dict[str, list[Row]] = {}
    for name, measured in own:
        if (measured.result.set, measured.result.metric) == pair:
            called = f"{name}, {measured.result.of}" if measured.result.of else name
            rows.setdefault(_own_key(measured), []).append(Row(called, measured.result, measured=measured))
    for result in catalog.results:
        if (result.set, result.metric) == pair:
            rows.setdefault(_key(result), []).append(Row(_published(catalog, result), result))
    metric = catalog.entries["metrics"].get(pair[1])
    better = str(metric.facts.get("better", "")) if metric else ""
    groups = tuple(_group(found, better, len(rows)) for found in rows.values())
    parts = {row.result.part for found in rows.values() for row in found}
    return Beside(pair[0], parts.pop() if len(parts) == 1 else "", pair[1], groups)


def _published(catalog: Catalog, result: Result) -> str:
    name = result.of or catalog.of(result).name
    return f"{name} {result.size}" if result.size and result.size not in name else name


def _key(result: Result) -> str:
    """Return what published numbers must share to be ranked together: all of it."""
    parts = (result.protocol.casefold(), result.part, result.scale, result.than)
    return json.dumps(["published", *parts, *(() if result.stated else result.sources)])


def _own_key(measured: Measured) -> str:
    """Return what measured numbers must share; of a card's without a protocol nothing is known to be shared."""
    if measured.role == "reported":
        return json.dumps(["card", measured.result.model, measured.result.protocol])
    return json.dumps(["ours", *(measured.how.get(part) for part in OURS)], default=str)


def _group(rows: Sequence[Row], better: str, groups: int) -> Group:
    known = all(row.result.stated and row.result.protocol != UNSTATED for row in rows)
    ranked = known and bool(better) and len(rows) > 1
    rows = sorted(rows, key=_name)
    if ranked:
        rows.sort(key=lambda row: row.result.value, reverse=better == "higher")
        rows = [replace(row, rank=_rank(row, rows, better)) for row in rows]
    return Group(rows[0].result.protocol, tuple(rows), _why(rows, known, better, groups))


def _why(rows: Sequence[Row], known: bool, better: str, groups: int) -> str:
    """Return why a group is not ranked, or not with the others."""
    if not known:
        return "not ranked: the whole protocol is not known"
    if len(rows) > 1 and not better:
        return "not ranked: the catalog does not say whether more of it is better"
    if groups > 1:
        return "not ranked with the other groups: measured by another protocol"
    return "nothing else is known of this set by this metric" if len(rows) == 1 else ""


def _name(row: Row) -> str:
    return row.name.casefold()


def _rank(row: Row, rows: Iterable[Row], better: str) -> int:
    """Return a row's rank in its group; equal numbers share one."""
    sign = -1 if better == "lower" else 1
    return 1 + sum(sign * other.result.value > sign * row.result.value for other in rows)


def differences(groups: Sequence[Group]) -> Iterator[str]:
    """Yield what two groups of ours differ in, for every pair of neighbours."""
    own = [group for group in groups if group.rows[0].measured and group.rows[0].measured.role != "reported"]
    for first, second in zip(own, own[1:], strict=False):
        hows = [group.rows[0].measured.how if group.rows[0].measured else {} for group in (first, second)]
        parts = [part.replace("_", " ") for part in OURS if hows[0].get(part) != hows[1].get(part)]
        yield f"{first.rows[0].name} and {second.rows[0].name} differ in {', '.join(parts)}"


def measured_data(placed: Placed) -> list[dict[str, Any]]:
    """Return every number of a placement as plain data, with its whole protocol."""
    told = ("set", "part", "metric", "of", "value", "scale", "protocol")
    return [
        {name: getattr(one.result, name) for name in told}
        | {"role": one.role, "low": one.low, "high": one.high, "n": one.n, "how": dict(one.how)}
        for one in placed.measured
    ]


def measured_text(placed: Placed, catalog: Catalog) -> str:
    """Return every number of a placement as text, a line each with its protocol below."""
    lines = []
    for one in placed.measured:
        of = f"{one.result.of} ({one.role})" if one.result.of else one.role
        what = _what(catalog, one.result.set, one.result.metric)
        lines += [f"{what}: {number(Row(of, one.result, measured=one))}, {of}", f"  {one.result.protocol}"]
    return "\n".join(lines)


# --- as data and as text ---------------------------------------------------------------------------------------------


def number(row: Row) -> str:
    """Return a number as it is read: one of ours with one decimal and its limits, a published one as it was given."""
    if row.measured is None:
        return value_text(row.result)
    share = row.result.scale == "share"
    shown = f"{row.result.value * (100 if share else 1):.1f}{'%' if share else ''}"
    return f"{shown} {interval(row.measured)}".rstrip()


def value_text(result: Result) -> str:
    """Return a number with its unit: shares as percent, gains with their sign."""
    value = result.value * (100 if result.scale == "share" else 1)
    shown = f"{round(value, 4):+g}" if result.than and result.scale != "times" else f"{round(value, 4):g}"
    units = {"share": "%", "percent": "%", "points": " points", "times": " times"}
    return f"rank {shown}" if result.scale == "rank" else shown + units.get(result.scale, "")


def interval(measured: Measured | None) -> str:
    """Return a measured number's limits and items, "[63.6, 73.1], 100 items"; an empty text where there are none."""
    if measured is None or measured.low is None or measured.high is None:
        return ""
    by = 100 if measured.result.scale == "share" else 1
    items = f", {measured.n} items" if measured.n else ""
    return f"[{measured.low * by:.1f}, {measured.high * by:.1f}]{items}"


def as_data(found: Iterable[Beside]) -> list[dict[str, Any]]:
    """Return what stands beside each other as plain data."""
    return [
        {
            "set": one.set,
            "part": one.part,
            "metric": one.metric,
            "groups": [
                {"protocol": group.protocol, "why": group.why, "rows": [_row_data(row) for row in group.rows]}
                for group in one.groups
            ],
        }
        for one in found
    ]


def _row_data(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {"name": row.name, "value": row.result.value, "scale": row.result.scale, "rank": row.rank}
    if row.measured:
        return told | {
            "role": row.measured.role,
            "low": row.measured.low,
            "high": row.measured.high,
            "n": row.measured.n,
        }
    return told | {"mark": row.result.mark, "from": list(row.result.sources), "than": row.result.than}


def as_text(found: Iterable[Beside], catalog: Catalog) -> str:
    """Return what stands beside each other as text, a group a protocol."""
    lines = []
    for one in found:
        lines.append(_what(catalog, one.set, one.metric))
        for group in one.groups:
            lines.append(f"  {group.protocol}{f' ({group.why})' if group.why else ''}")
            for row in group.rows:
                rank = f"{row.rank}. " if row.rank else ""
                lines.append(f"    {rank}{row.name}: {number(row)}")
    return "\n".join(lines)


def _what(catalog: Catalog, set_: str, metric: str) -> str:
    """Return what was measured in words: "MedQA, accuracy"."""
    pairs = (("datasets", set_), ("metrics", metric))
    return ", ".join(
        catalog.entries[kind][name].name if name in catalog.entries[kind] else name for kind, name in pairs
    )
