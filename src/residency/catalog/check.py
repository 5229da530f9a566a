"""Everything that is wrong with a folder of entries, each with its file and line.

A file is read as a tree of YAML nodes, which know their lines, and held against ``schema.json``; then come the rules
that a schema cannot say: values of the axes, names that are given twice, and references to entries that are not there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from residency.catalog.entries import AXES, DATA, KINDS, Catalog, axes_of
from residency.catalog.sizes import LEGAL
from residency.core.errors import UserError
from residency.core.legal import nearest

SCHEMA = Path(__file__).parent / "schema.json"
SINGULAR = {"models": "model", "datasets": "dataset", "methods": "method", "metrics": "metric", "sources": "source"}
AXIS_CELLS = ("tasks", "stakeholders", "care", "paradigm", "compression", "algorithm", "application", "access")
REFERENCES = {"base": "models", "data": "datasets", "within": "datasets", "metrics": "metrics"}
CALLED = {"models": "model", "datasets": "data set", "methods": "method", "metrics": "metric", "sources": "source"}
TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
}
Keys = tuple[Any, ...]
"""The keys that lead to a value inside a file."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong, and where."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class File:
    """A file that could be read: what it holds, and the line of each of its keys and items."""

    kind: str
    path: Path
    about: Mapping[str, Any]
    lines: Mapping[Keys, int]

    def problem(self, keys: Iterable[Any], text: str) -> Problem:
        """Return a problem at some keys, or at the nearest place around them that has a line."""
        at = tuple(keys)
        while at and at not in self.lines:
            at = at[:-1]
        return Problem(self.path, self.lines.get(at, 1), text)


def problems(folder: Path, known: Catalog | None = None) -> list[Problem]:
    """Return all that is wrong with a folder's entries; those of ``known`` may be referred to, and keep their names."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    found = list(_misplaced(folder))
    axes = _axes(folder, found)
    files = [file for kind in KINDS for path in _files(folder, kind) if (file := _read(kind, path, found))]
    found += _doubled(files, known)
    there = _there(files, known)
    for file in files:
        found += _against_schema(file)
        found += _off_the_axes(file, axes)
        found += _dead(file, there)
        found += _odd_results(file)
    return sorted(set(found))


# --- reading ---------------------------------------------------------------------------------------------------------


def _files(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / kind).glob("*.yaml"))


def _misplaced(folder: Path) -> Iterator[Problem]:
    """Yield the files and folders that nothing reads."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name == AXES:
            continue
        if not path.is_dir() or path.name not in KINDS:
            yield Problem(path, 1, f"nothing reads this; a folder of entries holds {', '.join(KINDS)} and {AXES}")
            continue
        for inner in sorted(path.iterdir()):
            if inner.suffix != ".yaml" and not inner.name.startswith("."):
                yield Problem(inner, 1, "nothing reads this; an entry is a file ID.yaml")


def _axes(folder: Path, found: list[Problem]) -> Mapping[str, Any]:
    """Return the axes; ours where those of the folder cannot be read, which becomes a problem."""
    own = folder / AXES
    file = _tree("axes", own, found) if own.is_file() else None
    if file:
        wrong = list(_odd_axes(file))
        found += wrong
        if not any(problem.text.startswith("no axis") for problem in wrong):
            return {name: axis["values"] for name, axis in file.about.items()}
    return {name: axis["values"] for name, axis in axes_of(DATA).items()}


def _odd_axes(file: File) -> Iterator[Problem]:
    """Yield what is wrong with the axes: each needs values, and each value what it means and its mark."""
    for name, axis in file.about.items():
        values = axis.get("values") if isinstance(axis, dict) else None
        if not isinstance(values, dict) or not all(isinstance(value, dict) for value in values.values()):
            yield file.problem((name,), "no axis: an axis is {about: …, values: {value: {about: …, mark: …}}}")
            continue
        for value, meant in values.items():
            for key in meant.keys() ^ {"about", "mark"}:
                if key not in ("from", "note"):
                    text = f"{key} is missing" if key not in meant else f"no such key as {key}; a comma needs quotes"
                    yield file.problem((name, "values", value), f"{name}.{value}: {text}")


def _read(kind: str, path: Path, found: list[Problem]) -> File | None:
    """Return an entry's file; None where it cannot be read, which becomes a problem."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", path.stem):
        found.append(Problem(path, 1, f"{path.stem!r} is no id; legal: small letters, digits and underscores"))
    return _tree(kind, path, found)


def _tree(kind: str, path: Path, found: list[Problem]) -> File | None:
    """Return a file with its lines; None where it is no mapping, which becomes a problem."""
    try:
        text = path.read_text(encoding="utf-8")
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        if alias := next((token for token in yaml.scan(text, loader) if isinstance(token, yaml.AliasToken)), None):
            found.append(Problem(path, alias.start_mark.line + 1, "an alias (*name); write the value out"))
            return None
        tree, about = yaml.compose(text, loader), yaml.load(text, loader)
    except (OSError, UnicodeDecodeError) as error:
        reason = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        found.append(Problem(path, 1, f"cannot be read ({reason})"))
        return None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        found.append(_unreadable(path, error))
        return None
    if not isinstance(tree, yaml.MappingNode):
        found.append(Problem(path, 1, "an entry is a mapping, which begins with its name: …"))
        return None
    lines: dict[Keys, int] = {}
    found += [Problem(path, line, f"{key} is given twice; keep one") for key, line in _walk(tree, (), lines)]
    return File(kind, path, about, lines)


def _unreadable(path: Path, error: BaseException) -> Problem:
    mark = getattr(error, "problem_mark", None)
    return Problem(path, mark.line + 1 if mark else 1, f"not YAML: {getattr(error, 'problem', None) or error}")


def _walk(node: yaml.Node, at: Keys, lines: dict[Keys, int]) -> Iterator[tuple[str, int]]:
    """Fill in the line of each key and item; yield the keys that are given twice."""
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _walk(item, (*at, number), lines)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner, line = (*at, key.value), key.start_mark.line + 1
            if inner in lines:
                yield key.value, line
            lines[inner] = line
            yield from _walk(value, inner, lines)


# --- the schema ------------------------------------------------------------------------------------------------------

_VALIDATORS: dict[str, Any] = {}


def _validator(kind: str) -> Any:
    """Return what holds an entry of a kind against the schema, made once."""
    if kind not in _VALIDATORS:
        import jsonschema

        schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
        whole = {**schema["$defs"][SINGULAR[kind]], "$defs": schema["$defs"]}
        _VALIDATORS[kind] = jsonschema.Draft202012Validator(whole)
    return _VALIDATORS[kind]


def _against_schema(file: File) -> Iterator[Problem]:
    for error in _validator(file.kind).iter_errors(file.about):
        at = tuple(error.absolute_path)
        named = ".".join(str(key) for key in at if not isinstance(key, int) and key != "is")
        for key, text in _words(error, at):
            yield file.problem((*at, *key), f"{named}: {text}" if named else text)


def _words(error: Any, at: Keys) -> Iterator[tuple[Keys, str]]:
    """Yield (further keys, what is wrong there) for an error of the schema, in our words."""
    value, rule, wanted = error.instance, error.validator, error.validator_value
    if rule == "additionalProperties":
        legal = error.schema.get("properties", {})
        yield from (((key,), f"no such key as {key}; {nearest(str(key), legal)}") for key in value if key not in legal)
    elif rule == "required":
        yield from (((), _missing(key, at)) for key in wanted if key not in value and f"'{key}'" in error.message)
    elif rule == "pattern":
        yield (), f"{value!r} {_form(at)}"
    elif rule == "enum":
        yield (), f"{value!r} is not legal; {nearest(str(value), wanted)}"
    elif rule == "type":
        yield (), f"{value!r} is not {TYPES.get(wanted, wanted)}"
    elif rule in ("minItems", "minLength", "minProperties"):
        yield (), "it is empty; leave out what is unknown"
    elif rule == "uniqueItems":
        yield (), "a value is given twice; keep one"
    else:
        yield (), error.message


def _missing(key: str, at: Keys) -> str:
    if key == "protocol":
        return "a result without protocol: say how it was measured, or: not stated in what was read"
    if key == "from":
        return "from is missing: what is marked V, S or P names the sources it was read in"
    if key == "named":
        return "named is missing; of what no survey names say: named: [{mark: O, note: why it is here}]"
    return f"{key} is missing"


def _form(at: Keys) -> str:
    """Return what a value that has the wrong form should look like, by where it stands."""
    names = [key for key in at if isinstance(key, str)]
    if "sizes" in names or names[-1:] == ["size"]:
        return f"is no size; legal: {LEGAL}"
    if "release" in names:
        return "is no date; legal: a year or a month, such as 2023 or 2023-05"
    if "hardware" in names:
        return "has no such unit; legal: 8 GB, 18.7 W"
    return "is no id; legal: small letters, digits and underscores"


# --- what a schema cannot say ----------------------------------------------------------------------------------------


def _cells(file: File, names: Iterable[str]) -> Iterator[tuple[str, Keys, Any]]:
    """Yield (cell, keys, value) for every value of some cells, as far as they have the form of cells."""
    for name in names:
        cell = file.about.get(name)
        if isinstance(cell, dict) and "is" in cell:
            if isinstance(cell["is"], list):
                yield from ((name, (name, "is", number), value) for number, value in enumerate(cell["is"]))
            else:
                yield name, (name, "is"), cell["is"]


def _off_the_axes(file: File, axes: Mapping[str, Any]) -> Iterator[Problem]:
    own = {"datasets": ("use", "form"), "methods": ("kind",)}.get(file.kind, ())
    for name, keys, value in _cells(file, (*AXIS_CELLS, *own)):
        legal = axes.get(name, {})
        if isinstance(value, str) and value not in legal:
            yield file.problem(keys, f"{name}: there is no value {value} on this axis; {nearest(value, legal)}")
    for name, keys, value in _cells(file, ("languages",)):
        if not isinstance(value, str) or not re.fullmatch(r"[a-z]{2,3}", value):
            yield file.problem(keys, f"{name}: {value!r} is no language; legal: a code of two or three letters, as es")


def _doubled(files: list[File], known: Catalog | None) -> Iterator[Problem]:
    """Yield the names that two entries of a kind share, and the ids that are taken."""
    taken = {kind: {} if known is None else dict(_known_names(known, kind)) for kind in KINDS}
    for file in files:
        if known and file.path.stem in known.entries[file.kind]:
            yield file.problem((), f"the id {file.path.stem} is taken by an entry that comes with Residency")
        others = file.about.get("also")
        names: list[tuple[Keys, Any]] = [(("name",), file.about.get("name"))]
        names += [(("also", number), one) for number, one in enumerate(others if isinstance(others, list) else [])]
        for keys, name in names:
            first = taken[file.kind].setdefault(_plain(name), file.path)
            if first != file.path:
                yield file.problem(keys, f"{name} is the name of another {CALLED[file.kind]} too: {first}")


def _known_names(known: Catalog, kind: str) -> Iterator[tuple[str, Path]]:
    for entry in known.entries[kind].values():
        yield from ((_plain(name), entry.path) for name in entry.names)


def _plain(name: Any) -> str:
    return " ".join(str(name).casefold().split())


def _there(files: list[File], known: Catalog | None) -> dict[str, dict[str, str]]:
    """Return kind -> id -> what kind of source it is (of other entries: nothing)."""
    there = {kind: {} if known is None else dict.fromkeys(known.entries[kind], "") for kind in KINDS}
    if known:
        there["sources"] = {name: str(one.facts.get("kind", "")) for name, one in known.entries["sources"].items()}
    for file in files:
        there[file.kind][file.path.stem] = str(file.about.get("kind", "")) if file.kind == "sources" else ""
    return there


def _dead(file: File, there: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
    """Yield the references to entries that are not there."""
    for name, keys, value in _cells(file, REFERENCES):
        yield from _refer(file, keys, value, REFERENCES[name], there, name)
    rows = file.about.get("results")
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, dict):
            at = ("results", number)
            if " " not in str(row.get("set", " ")):
                yield from _refer(file, (*at, "set"), row["set"], "datasets", there, "set")
            if "metric" in row:
                yield from _refer(file, (*at, "metric"), row["metric"], "metrics", there, "metric")
    yield from _dead_sources(file, file.about, (), there)


def _refer(
    file: File, keys: Keys, value: Any, kind: str, there: Mapping[str, Mapping[str, str]], name: str
) -> Iterator[Problem]:
    if isinstance(value, str) and value not in there[kind]:
        near = nearest(value, there[kind]).partition(" legal: ")
        hint = f"; {near[0]}" if near[1] else ""
        yield file.problem(keys, f"{name}: there is no {CALLED[kind]} {value}{hint}")


def _dead_sources(file: File, value: Any, at: Keys, there: Mapping[str, Mapping[str, str]]) -> Iterator[Problem]:
    """Yield the sources and surveys that are named anywhere in a file and are not there."""
    if isinstance(value, dict):
        for number, one in enumerate(value["from"] if isinstance(value.get("from"), list) else []):
            yield from _refer(file, (*at, "from", number), one, "sources", there, "from")
        if at[:1] == ("named",) and "in" in value:
            yield from _refer(file, (*at, "in"), value["in"], "sources", there, "in")
            if there["sources"].get(value["in"], "survey") != "survey":
                yield file.problem((*at, "in"), f"in: {value['in']} is no survey")
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from _dead_sources(file, below, (*at, key), there)


def _odd_results(file: File) -> Iterator[Problem]:
    """Yield the numbers that do not fit their scale."""
    rows = file.about.get("results")
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        value = row.get("value") if isinstance(row, dict) else None
        most = {"percent": 100, "share": 1}.get(row.get("scale", "")) if isinstance(row, dict) else None
        if isinstance(value, int | float) and most and "than" not in row and not 0 <= value <= most:
            text = f"value: {value} is no {row['scale']}; legal: 0 to {most}, or say with than what a gain is against"
            yield file.problem(("results", number, "value"), text)
