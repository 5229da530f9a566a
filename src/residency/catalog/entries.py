"""The entries of the catalog, as their files give them: a cell is a value with the mark of its evidence.

Marks: V read in a survey's own words, S in a summary of one, P in the paper, model card or page of the thing itself, M
from memory, O placed by us. What a file leaves out is unknown, and stays so: no default stands in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from residency.core.errors import UserError

DATA = Path(__file__).parent / "data"
KINDS = ("models", "datasets", "methods", "metrics", "sources")
AXES = "axes.yaml"
MARKS = {
    "V": "read in the survey",
    "S": "from a summary of the survey",
    "P": "from its paper, card or page",
    "M": "from memory",
    "O": "placed by us",
}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_HEAD = frozenset({"name", "also", "about", "named", "links", "here", "results"})


@dataclass(frozen=True, slots=True)
class Cell:
    """A value and what it rests on."""

    is_: Any
    mark: str
    sources: tuple[str, ...] = ()
    weak: bool = False
    note: str = ""

    @property
    def firm(self) -> bool:
        """Whether the value rests on more than memory, and not on weak ground."""
        return self.mark != "M" and not self.weak

    @property
    def values(self) -> tuple[Any, ...]:
        """The value as a tuple, also where it is one."""
        return tuple(self.is_) if isinstance(self.is_, list) else (self.is_,)


@dataclass(frozen=True, slots=True)
class Result:
    """A number that was published for a model or a method, with what is known of how it was measured."""

    model: str
    of: str
    size: str
    set: str
    part: str
    metric: str
    value: float
    scale: str
    than: str
    protocol: str
    mark: str
    sources: tuple[str, ...]
    weak: bool
    note: str

    @property
    def firm(self) -> bool:
        """Whether the number rests on more than memory, and not on weak ground."""
        return self.mark != "M" and not self.weak

    @property
    def stated(self) -> bool:
        """Whether all of the protocol is known: two numbers whose protocols are not must not be ranked."""
        return "not stated" not in self.protocol.lower()


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the catalog. ``named`` holds the surveys that name it (``is_`` is the survey's id); none may."""

    kind: str
    id: str
    name: str
    also: tuple[str, ...]
    about: str
    named: tuple[Cell, ...]
    links: tuple[str, ...]
    here: tuple[str, ...]
    cells: Mapping[str, Cell]
    results: tuple[Result, ...]
    facts: Mapping[str, Any]
    path: Path

    @property
    def names(self) -> tuple[str, ...]:
        """All that it is called."""
        return (self.name, *self.also)

    def values(self, cell: str) -> tuple[Any, ...]:
        """Return the values of a cell; none where it is unknown."""
        return self.cells[cell].values if cell in self.cells else ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """All entries by kind and id, and the axes they are placed on: axis -> value -> what it means."""

    entries: Mapping[str, Mapping[str, Entry]]
    axes: Mapping[str, Mapping[str, Mapping[str, Any]]]

    @property
    def results(self) -> tuple[Result, ...]:
        """Every result of every model and method."""
        kinds = ("models", "methods")
        return tuple(result for kind in kinds for entry in self.entries[kind].values() for result in entry.results)

    def of(self, result: Result) -> Entry:
        """Return the model or method that a result was measured on."""
        models = self.entries["models"]
        return models[result.model] if result.model in models else self.entries["methods"][result.model]


def load(folder: Path = DATA, more: Path | None = None) -> Catalog:
    """Return the catalog in a folder, and with it the entries of ``more``, a folder of the same form.

    UserError lists all that is wrong. Our own files are held to the schema by the tests, and are not checked again.
    """
    catalog = _own() if folder == DATA else _checked(folder, None)
    return catalog if more is None else _checked(more, catalog)


@cache
def _own() -> Catalog:
    """Return what comes with Residency, read once a process."""
    try:
        return assemble(read_all(DATA), axes_of(DATA))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError):
        return _checked(DATA, None)


def _checked(folder: Path, known: Catalog | None) -> Catalog:
    from residency.catalog.check import problems

    if found := problems(folder, known):
        raise UserError(f"the catalog in {folder} has {len(found)} problems\n" + "\n".join(map(str, found)))
    return assemble(read_all(folder), axes_of(folder), known)


def assemble(
    raw: Mapping[str, Mapping[str, tuple[Path, Any]]], axes: Mapping[str, Any], known: Catalog | None = None
) -> Catalog:
    """Return a catalog of what was read, over the one that is known."""
    below = known.entries if known else {}
    entries = {}
    for kind in KINDS:
        made = {name: entry(kind, path, about) for name, (path, about) in raw[kind].items()}
        entries[kind] = dict(sorted({**below.get(kind, {}), **made}.items()))
    return Catalog(entries, {name: axis["values"] for name, axis in axes.items()})


# --- files -----------------------------------------------------------------------------------------------------------


def files_of(folder: Path, kind: str) -> list[Path]:
    """Return the files of one kind, in order."""
    return sorted((folder / kind).glob("*.yaml"))


def read_all(folder: Path) -> dict[str, dict[str, tuple[Path, Any]]]:
    """Return kind -> id -> (path, what the file holds)."""
    return {kind: {path.stem: (path, read(path)) for path in files_of(folder, kind)} for kind in KINDS}


def read(path: Path) -> Any:
    """Return what a YAML file holds."""
    return yaml.load(path.read_text(encoding="utf-8"), _LOADER)


def axes_of(folder: Path) -> dict[str, Any]:
    """Return the axes as their file has them: those of the folder, or ours where it brings none."""
    own = folder / AXES
    found: dict[str, Any] = read(own if own.is_file() else DATA / AXES)
    return found


def entry(kind: str, path: Path, about: Mapping[str, Any]) -> Entry:
    """Return the entry that a file holds."""
    cells = {key: cell(value) for key, value in about.items() if isinstance(value, dict) and "is" in value}
    return Entry(
        kind=kind,
        id=path.stem,
        name=about["name"],
        also=tuple(about.get("also", ())),
        about=about.get("about", ""),
        named=tuple(cell({"is": one["in"], **one}) for one in about.get("named", ()) if "in" in one),
        links=tuple(about.get("links", ())),
        here=tuple(about.get("here", ())),
        cells=cells,
        results=tuple(result(path.stem, row) for row in about.get("results", ())),
        facts={key: value for key, value in about.items() if key not in cells and key not in _HEAD},
        path=path,
    )


def cell(value: Mapping[str, Any]) -> Cell:
    """Return a cell as its file has it."""
    sources = tuple(value.get("from", ()))
    return Cell(value["is"], value["mark"], sources, bool(value.get("weak")), value.get("note", ""))


def result(model: str, row: Mapping[str, Any]) -> Result:
    """Return a result as its file has it; what it leaves out is an empty text."""
    words = {key: str(row.get(key, "")) for key in ("of", "size", "part", "scale", "than", "note")}
    words |= {key: row[key] for key in ("set", "metric", "protocol", "mark")}
    sources, weak = tuple(row.get("from", ())), bool(row.get("weak"))
    return Result(model=model, value=float(row["value"]), sources=sources, weak=weak, **words)
