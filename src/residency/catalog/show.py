"""Entries and results in words and as rows: every value with its mark, and nothing from memory as plain fact.

Results stand in groups of one set, metric and protocol. Only where the protocol is known whole and one source measured
all of them are they put in order of value; everywhere else in order of name, because they must not be compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.catalog.entries import KINDS, MARKS, Catalog, Cell, Entry, Result
from residency.catalog.wanted import SURVEYS

LETTERS = {survey: letter for letter, survey in SURVEYS.items()}
UNKNOWN = "unknown"
NO_FACT = {"M": "from memory", "O": "placed by us"}
"""What stands behind a value that is no plain fact, by its mark."""
_POINTS_TO = {"base": "models", "data": "datasets", "within": "datasets", "metrics": "metrics"}


# --- cells -----------------------------------------------------------------------------------------------------------


def doubt(evidence: Cell | Result) -> str:
    """Return what must stand behind a value that is no plain fact, in brackets; else nothing."""
    said = [word for word in (NO_FACT.get(evidence.mark), "weak" if evidence.weak else None) if word]
    return f" ({', '.join(said)})" if said else ""


def short(catalog: Catalog, entry: Entry, cell: str) -> str:
    """Return a cell for a table: its values and, where it is no plain fact, why; "unknown" where it is."""
    if cell == "named":
        return ", ".join(LETTERS.get(one.is_, one.is_) + doubt(one) for one in entry.named) or "none"
    if cell in entry.facts:
        return str(entry.facts[cell])
    if cell not in entry.cells:
        return UNKNOWN
    return _values(catalog, cell, entry.cells[cell]) + doubt(entry.cells[cell])


def _values(catalog: Catalog, name: str, cell: Cell) -> str:
    """Return the values of a cell, entries by their names."""
    entries = catalog.entries[_POINTS_TO[name]] if name in _POINTS_TO else {}
    return ", ".join(_value(one, entries) for one in cell.values)


def _value(value: Any, entries: Mapping[str, Entry]) -> str:
    if not isinstance(value, dict):
        return entries[value].name if value in entries else str(value)
    if "unit" in value:
        sign = "at least " if value.get("least") else "about " if value.get("about") else ""
        part = f" ({value['part']})" if "part" in value else ""
        return f"{sign}{value['count']:,} {value['unit']}{part}"
    return ", ".join(f"{name.replace('_', ' ')} {one}" for name, one in value.items())


# --- one entry -------------------------------------------------------------------------------------------------------


def entry_words(catalog: Catalog, entry: Entry) -> str:
    """Return everything that the catalog says of an entry: all cells with marks, results, and what was read."""
    also = f", also {', '.join(entry.also)}" if entry.also else ""
    parts = [f"{entry.name} ({entry.kind}: {entry.id}{also})", entry.about, _columns(_lines(catalog, entry))]
    if entry.results:
        parts.append(f"Results as published; not to be compared across protocols\n{_results(catalog, entry)}")
    parts.append(_sources(catalog, entry))
    return "\n\n".join(part for part in parts if part)


def _lines(catalog: Catalog, entry: Entry) -> list[tuple[str, str]]:
    """Return (cell, its value and what it rests on) of all that is known."""
    surveys = catalog.entries["sources"]
    lines = [("named in", f"{_value(one.is_, surveys)}  {_ground(one)}{_note(one)}") for one in entry.named]
    lines = lines or [("named in", "none of the surveys")]
    for name, cell in entry.cells.items():
        lines.append((name, f"{_values(catalog, name, cell)}{doubt(cell)}  {_ground(cell)}{_note(cell)}"))
    lines += [(name, str(value)) for name, value in entry.facts.items()]
    lines += [("in Residency", one) for one in entry.here]
    return lines + [("link", one) for one in entry.links]


def _ground(evidence: Cell | Result) -> str:
    """Return what a value rests on: its mark in words, and its sources."""
    sources = f": {', '.join(evidence.sources)}" if evidence.sources else ""
    return f"[{evidence.mark} {MARKS[evidence.mark]}{', weak' if evidence.weak else ''}{sources}]"


def _note(evidence: Cell | Result) -> str:
    return f" {evidence.note}" if evidence.note else ""


def _columns(lines: Iterable[tuple[str, str]]) -> str:
    lines = list(lines)
    width = max((len(name) for name, _ in lines), default=0)
    return "\n".join(f"{name.ljust(width)}  {value}".rstrip() for name, value in lines)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of words, one at least, as aligned columns under their heads."""
    columns = [[head, *column] for head, column in zip(heads, zip(*rows, strict=True), strict=True)]
    return "\n".join("  ".join(line).rstrip() for line in zip(*map(_aligned, columns), strict=True))


def _aligned(column: Sequence[str]) -> list[str]:
    """Return the words of a column as wide as the widest, numbers to the right."""
    width, numbers = max(map(len, column)), all(word.isdigit() for word in column[1:])
    return [word.rjust(width) if numbers else word.ljust(width) for word in column]


def _results(catalog: Catalog, entry: Entry) -> str:
    found = []
    for one in entry.results:
        found.append(f"{measure(catalog, one)}, {variant(catalog, one)}: {number(one)}{doubt(one)}")
        found.append(f"  protocol: {one.protocol}  {_ground(one)}{_note(one)}")
    return "\n".join(found)


def _sources(catalog: Catalog, entry: Entry) -> str:
    """Return the sources that an entry names, each with what was read of it."""
    cells: list[Cell | Result] = [*entry.named, *entry.cells.values(), *entry.results]
    named = dict.fromkeys(source for cell in cells for source in cell.sources)
    lines = []
    for source in (catalog.entries["sources"][one] for one in named if one in catalog.entries["sources"]):
        facts = source.facts
        told = [str(facts[key]) for key in ("authors", "year", "link") if key in facts]
        read = f"; read: {facts['read']}" if "read" in facts else ""
        lines.append((source.id, ", ".join([source.name, *told]) + read))
    return f"Sources\n{_columns(lines)}" if lines else ""


# --- results ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Group:
    """Results of one set, metric and protocol; ``ranked`` says whether they stand in order of value, best first."""

    set: str
    part: str
    metric: str
    scale: str
    than: str
    protocol: str
    ranked: bool
    results: tuple[Result, ...]


def groups(catalog: Catalog, results: Iterable[Result]) -> list[Group]:
    """Return results in groups that share set, part, metric, scale, what they are against, and protocol."""
    found: dict[tuple[str, ...], list[Result]] = {}
    for one in results:
        found.setdefault((one.set, one.part, one.metric, one.scale, one.than, one.protocol), []).append(one)
    return [_group(catalog, at, rows) for at, rows in sorted(found.items())]


def _group(catalog: Catalog, at: tuple[str, ...], rows: list[Result]) -> Group:
    metrics = catalog.entries["metrics"]
    better = metrics[rows[0].metric].facts.get("better", "") if rows[0].metric in metrics else ""
    together = set.intersection(*(set(one.sources) for one in rows))  # the same words in two papers may hide two ways
    ranked = bool(better and together) and len(rows) > 1 and not rows[0].than and rows[0].stated
    rows.sort(key=lambda one: (catalog.of(one).name.casefold(), one.of, one.size))
    if ranked:
        rows.sort(key=lambda one: one.value, reverse=better == "higher")
    which, part, metric, scale, than, protocol = at
    return Group(which, part, metric, scale, than, protocol, ranked, tuple(rows))


def measure(catalog: Catalog, one: Result | Group) -> str:
    """Return what was measured: the set, its part, the metric."""
    sets, metrics = catalog.entries["datasets"], catalog.entries["metrics"]
    where = sets[one.set].name if one.set in sets else one.set
    metric = metrics[one.metric].name if one.metric in metrics else one.metric
    return f"{where}{f' ({one.part})' if one.part else ''}, {metric}"


def variant(catalog: Catalog, one: Result) -> str:
    """Return what was measured, with its size where the name does not say it."""
    name = one.of or catalog.of(one).name
    return name if not one.size or one.size.lower() in name.lower() else f"{name} {one.size}"


def number(one: Result) -> str:
    """Return a result's number with its unit."""
    plain = f"{one.value:g}" if one.scale in ("times", "count", "rank") else f"{one.value}"
    sign = "+" if one.than and one.value > 0 and one.scale in ("percent", "points") else ""
    unit = {"percent": " %", "points": " points", "times": " times"}.get(one.scale, "")
    return f"{sign}{plain}{unit}{f' against {one.than}' if one.than else ''}"


def group_words(catalog: Catalog, group: Group) -> str:
    """Return a group as lines: what was measured and how, then a line a result."""
    order = "best first" if group.ranked else "by name; not to be ranked" if len(group.results) > 1 else ""
    head = f"{measure(catalog, group)}{f' ({order})' if order else ''}\n  protocol: {group.protocol}"
    rows = []
    for one in group.results:
        rows.append((f"  {variant(catalog, one)}", f"{number(one)}{doubt(one)}  {_ground(one)}{_note(one)}"))
    return f"{head}\n{_columns(rows)}"


# --- as documents ----------------------------------------------------------------------------------------------------


def entry_document(entry: Entry) -> dict[str, Any]:
    """Return an entry as its file has it, with its id and where it stands; what is unknown is not there."""
    head: dict[str, Any] = {"catalog": entry.kind, "id": entry.id, "name": entry.name, "also": list(entry.also)}
    head |= {"about": entry.about, "named": [cell_document(one, "in") for one in entry.named]}
    head |= {"links": list(entry.links), "here": list(entry.here)}
    cells = {name: cell_document(cell) for name, cell in entry.cells.items()}
    results = {"results": [result_document(one) for one in entry.results]} if entry.results else {}
    return {**{key: value for key, value in head.items() if value}, **entry.facts, **cells, **results}


def cell_document(cell: Cell, value: str = "is") -> dict[str, Any]:
    """Return a cell as its file has it."""
    return {value: cell.is_, **_evidence(cell)}


def result_document(one: Result) -> dict[str, Any]:
    """Return a result as its file has it, with the id of what was measured."""
    names = ("model", "of", "size", "set", "part", "metric", "value", "scale", "than", "protocol")
    return {name: value for name in names if (value := getattr(one, name)) != ""} | _evidence(one)


def group_document(catalog: Catalog, group: Group) -> dict[str, Any]:
    """Return a group with its results."""
    names = ("set", "part", "metric", "scale", "than", "protocol", "ranked")
    shared = {name: getattr(group, name) for name in names}
    rows = [{"name": catalog.of(one).name, **result_document(one)} for one in group.results]
    return {**shared, "results": rows}


def _evidence(one: Cell | Result) -> dict[str, Any]:
    found: dict[str, Any] = {"mark": one.mark, "from": list(one.sources), "weak": one.weak, "note": one.note}
    return {name: value for name, value in found.items() if value}


# --- counts ----------------------------------------------------------------------------------------------------------


def counts(catalog: Catalog) -> dict[str, dict[str, int]]:
    """Return, for each kind and for results, how many there are and how many of their cells bear each mark."""
    found = {kind: _count(_cells(catalog.entries[kind].values())) for kind in KINDS if kind != "sources"}
    found = {kind: {"entries": len(catalog.entries[kind]), **count} for kind, count in found.items()}
    found["results"] = {"entries": len(catalog.results), **_count(catalog.results)}
    return found


def _cells(entries: Iterable[Entry]) -> list[Cell]:
    return [cell for entry in entries for cell in (*entry.named, *entry.cells.values())]


def _count(cells: Iterable[Cell | Result]) -> dict[str, int]:
    cells = list(cells)
    marks = Counter(cell.mark for cell in cells)
    return {**{mark: marks[mark] for mark in MARKS}, "weak": sum(cell.weak for cell in cells)}
