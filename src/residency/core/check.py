"""Plain data against what a function takes: every problem collected with its place, never raised one by one.

Nested dataclasses (a ``Schedule``) are expanded, defaults are filled in, and sizes such as ``60k`` and floats such
as ``1e-3`` (a string in YAML 1.1) are read as the numbers that they are.
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from residency.core.errors import UserError
from residency.core.settings import REQUIRED, Field, OneOf, is_data, load, one_of, plain, settings_of, typed, union

_NUMBER = re.compile(r"([+-]?(?:\d[\d_]*)?(?:\.\d+|\.)?(?:[eE][+-]?\d+)?)\s*([kMG]?)")
INHERITED = ("seed",)
"""A setting of this name, given once, holds for everything beneath it that has one and says nothing itself."""
_SIZES = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}


@dataclass(slots=True)
class Node:
    """A piece of a recipe and where it was written: a scalar, a dict of nodes or a list of nodes."""

    value: Any
    where: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and where it was written (``line 12``, or an argument)."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the recipe we are (``train.instruct``), the problems so far, and what all beneath inherits (a seed)."""

    path: str = ""
    problems: list[Problem] = field(default_factory=list)
    inherited: Mapping[str, Node] = field(default_factory=dict)

    def into(self, name: object) -> Place:
        """Return the place one step further in."""
        return replace(self, path=f"{self.path}.{name}" if self.path else str(name))

    def wrong(self, node: Node, text: str) -> None:
        """Note what is wrong with a node."""
        self.problems.append(Problem(node.where, f"{self.path}: {text}"))


def check(node: Node, hint: Any, place: Place) -> Any:
    """Return the node as plain data with defaults filled in; what is wrong goes to ``place.problems``.

    ``hint`` is a type, a function (its settings are checked) or a ``OneOf``.
    """
    if one := one_of(hint):
        return _list_of_calls(node, one, place)
    if get_origin(hint) is Annotated:
        return check(node, get_args(hint)[0], place)
    if inspect.isroutine(hint):
        return _call(node, hint, place)
    if is_data(hint):
        return _dataclass(node, hint, place)
    if len(union(hint)) > 1:
        return _union(node, hint, place)
    if get_origin(hint) is Literal:
        return _choice(node, get_args(hint), place)
    return _plain(node, hint, place)


def check_fields(node: Node, fields: Mapping[str, Field], place: Place) -> dict[str, Any]:
    """Return a mapping's values in the order of ``fields``, defaults filled in."""
    found: dict[str, Any] = {}
    here = {name: node.value[name] for name in INHERITED if name in node.value}
    here = {name: item for name, item in here.items() if _as_int(item.value) is not None}
    place = replace(place, inherited={**place.inherited, **here})
    for name, wanted in fields.items():
        default, given = wanted.default, node.value.get(name) or place.inherited.get(name)
        if given is not None and not (given.value is None and default is not None):  # "key:" alone means the default
            found[name] = check(_over(default, given, place), wanted.hint, place.into(name))
        elif default is REQUIRED:
            place.into(name).wrong(node, f"missing; give {_describe(wanted.hint)}")
        elif _expands(wanted.hint) and default is not None and default is not False:
            found[name] = check(_over(default, Node({}, node.where), place), wanted.hint, place.into(name))
        else:
            found[name] = plain(default)
    for name, given in node.value.items():
        if name not in fields:
            place.into(name).wrong(given, f"no such setting; {nearest(name, fields)}")
    return found


def _over(default: Any, node: Node, place: Place) -> Node:
    """Return the node, with the fields of a dataclass default where neither it nor the whole recipe says anything."""
    if not dataclasses.is_dataclass(default) or not isinstance(node.value, dict):
        return node
    known = {name: as_node(value, node.where) for name, value in plain(default).items()}
    known = {name: item for name, item in known.items() if name not in place.inherited}
    return Node({**known, **node.value}, node.where)


def _expands(hint: Any) -> bool:
    return inspect.isroutine(hint) or any(is_data(part) for part in union(hint))


def _call(node: Node, function: Callable[..., Any], place: Place) -> Any:
    fields = settings_of(function)
    if node.value is False:  # a stage that is switched off
        return False
    if node.value is None or node.value is True:
        node = Node({}, node.where)
    if not isinstance(node.value, dict):  # `base: smollm2-135m` is short for the first setting
        first = next(iter(fields), None)
        if first is None:
            return place.wrong(node, f"{_show(node)}, but it takes no settings")
        node = Node({first: node}, node.where)
    return check_fields(node, fields, place)


def _dataclass(node: Node, kind: Any, place: Place) -> Any:
    if not isinstance(node.value, dict):
        return place.wrong(node, f"{_show(node)} is not a mapping of {', '.join(settings_of(kind))}")
    before = len(place.problems)
    found = check_fields(node, settings_of(kind), place)
    if len(place.problems) == before:
        try:
            typed(found, kind)
        except (ValueError, UserError) as error:  # the dataclass's own rules
            place.wrong(node, str(error))
    return found


def _list_of_calls(node: Node, one: OneOf, place: Place) -> Any:
    if node.value is False or node.value is None:
        return []
    names = ", ".join(one.table)
    if not isinstance(node.value, list):
        return place.wrong(node, f"{_show(node)} is not a list of {{name: settings}} with names from: {names}")
    found = []
    for item in node.value:
        if isinstance(item.value, str):  # `- instruct` alone
            item = Node({item.value: Node({}, item.where)}, item.where)
        if not isinstance(item.value, dict) or len(item.value) != 1:
            place.wrong(item, f"{_show(item)} is not one {{name: settings}} with a name from: {names}")
            continue
        [(name, inner)] = item.value.items()
        if name in one.table:
            found.append({name: _call(inner, load(one.table[name]), place.into(name))})
        else:
            place.into(name).wrong(item, f"unknown; {nearest(name, one.table)}")
    return found


def _union(node: Node, hint: Any, place: Place) -> Any:
    if node.value is None and type(None) in union(hint):
        return None
    parts = [part for part in union(hint) if part is not type(None)]
    parts.sort(key=lambda part: type(node.value) is not part)  # the exact type first
    tries: list[Place] = []
    for part in parts:
        tries.append(replace(place, problems=[]))
        value = check(node, part, tries[-1])
        if not tries[-1].problems:
            return value
    if len(tries) == 1:
        place.problems.extend(tries[0].problems)
        return None
    return place.wrong(node, f"{_show(node)} is not {_describe(hint)}")


def _choice(node: Node, legal: Sequence[Any], place: Place) -> Any:
    if node.value in legal:
        return node.value
    return place.wrong(node, f"{_show(node)} is not legal; {nearest(str(node.value), [str(x) for x in legal])}")


def _plain(node: Node, hint: Any, place: Place) -> Any:
    kind, inner, value = get_origin(hint) or hint, get_args(hint), node.value
    if kind in (list, tuple, set, frozenset, Sequence) and isinstance(value, list):
        each = inner[0] if inner else Any
        return [check(item, each, place.into(at)) for at, item in enumerate(value)]
    if kind in (dict, Mapping) and isinstance(value, dict):
        each = inner[1] if inner else Any
        return {name: check(item, each, place.into(name)) for name, item in value.items()}
    if kind not in _NAMES:
        return bare(node)
    read = _SCALARS[kind](value) if kind in _SCALARS else None
    return place.wrong(node, f"{_show(node)} is not {_describe(hint)}") if read is None else read


def _as_bool(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _as_float(value: Any) -> float | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    match = _NUMBER.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        return float(match[1].replace("_", "")) * _SIZES[match[2]] if match else None
    except ValueError:
        return None


def _as_int(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = _as_float(value)
    whole = None if number is None else round(number, 6)  # 1.1M is not whole in binary
    return int(whole) if whole is not None and whole == int(whole) else None


def _as_str(value: Any) -> str | None:
    return None if isinstance(value, bool | dict | list) or value is None else str(value)


_SCALARS: dict[Any, Callable[[Any], Any]] = {
    bool: _as_bool,
    int: _as_int,
    float: _as_float,
    str: _as_str,
    Path: _as_str,
}
_NAMES = {
    bool: "true or false",
    int: "a whole number (such as 200, 60k or 1.5M)",
    float: "a number (such as 0.1 or 1e-3)",
    str: "a word or text",
    Path: "a path",
    list: "a list",
    tuple: "a list",
    set: "a list",
    frozenset: "a list",
    Sequence: "a list",
    dict: "a mapping",
    Mapping: "a mapping",
    type(None): "null",
}


def _describe(hint: Any) -> str:
    if len(union(hint)) > 1:
        return " or ".join(_describe(part) for part in union(hint))
    if get_origin(hint) is Annotated:
        return _describe(get_args(hint)[0])
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(item) for item in get_args(hint))
    return _NAMES.get(get_origin(hint) or hint, "settings" if _expands(hint) else "a value")


def _show(node: Node) -> str:
    if isinstance(node.value, dict | list):
        return "a mapping" if isinstance(node.value, dict) else "a list"
    return "null" if node.value is None else repr(node.value)


def nearest(name: str, legal: Mapping[str, Any] | Sequence[str]) -> str:
    """Return "did you mean …?" and the legal names; names inside nested settings are found too."""
    names = {str(key): str(key) for key in legal}
    for key, wanted in legal.items() if isinstance(legal, Mapping) else ():
        for part in union(getattr(wanted, "hint", None)):
            if is_data(part):
                names.update({inner: f"{key}.{inner}" for inner in settings_of(part) if inner not in names})
    near = [names[match] for match in difflib.get_close_matches(str(name), names, n=1, cutoff=0.6)]
    listed = "legal: " + (", ".join(str(key) for key in legal) or "none")
    return f"did you mean {near[0]}? {listed}" if near else listed


def as_node(value: Any, where: str) -> Node:
    """Return plain data as a node."""
    if isinstance(value, dict):
        return Node({name: as_node(item, where) for name, item in value.items()}, where)
    if isinstance(value, list | tuple):
        return Node([as_node(item, where) for item in value], where)
    return Node(value, where)


def bare(node: Node) -> Any:
    """Return a node's plain data."""
    if isinstance(node.value, dict):
        return {name: bare(item) for name, item in node.value.items()}
    return [bare(item) for item in node.value] if isinstance(node.value, list) else node.value
