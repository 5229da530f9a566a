"""Plain data against what a function takes: every problem collected with its place, never raised one by one.

Nested dataclasses (a ``Schedule``) are expanded, defaults are filled in, and sizes such as ``60k`` and floats such
as ``1e-3`` (a string in YAML 1.1) are read as the numbers that they are. Rules that a hint carries (``core/legal.py``)
are enforced here.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal, get_args, get_origin

from residency.core.errors import Contradiction, UserError
from residency.core.legal import Clash, Rule, Seed, nearest, rules_of
from residency.core.scalars import NAMES, read_scalar
from residency.core.settings import (
    REQUIRED,
    Field,
    OneOf,
    clashes,
    is_data,
    load,
    one_of,
    plain,
    settings_of,
    typed,
    union,
)

INHERITED = {"seed": Seed}
"""A setting of this name, given once, holds for everything beneath it that has one and says nothing itself."""


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
    before = len(place.problems)
    value = _of_type(node, hint, place)
    if isinstance(value, dict) or (value is not None and len(place.problems) == before):
        for problem in filter(None, (rule.problem(value) for rule in rules_of(hint))):
            place.wrong(node, problem)
    return value


def _of_type(node: Node, hint: Any, place: Place) -> Any:
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
    here = {name: item for name, item in here.items() if _is_legal(item, INHERITED[name])}
    place = replace(place, inherited={**place.inherited, **here})
    for name, wanted in fields.items():
        default, given = wanted.default, node.value.get(name) or place.inherited.get(name)
        if given is not None and not (given.value is None and default is not None):  # "key:" alone means the default
            found[name] = check(_over(default, given, place), wanted.hint, place.into(name))
        elif default is REQUIRED:
            place.into(name).wrong(node, f"missing; give {describe(wanted.hint)}")
        elif _expands(wanted.hint) and default is not None and default is not False:
            found[name] = check(_over(default, Node({}, node.where), place), wanted.hint, place.into(name))
        else:
            found[name] = plain(default)
    for name, given in node.value.items():
        if name not in fields:
            place.into(name).wrong(given, f"no such setting; {nearest(name, fields, _nested(fields))}")
    return found


def _is_legal(node: Node, hint: Any) -> bool:
    trial = Place()
    return check(node, hint, trial) is not None and not trial.problems


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
    before = len(place.problems)
    found = check_fields(node, fields, place)
    tell(clashes(function, sound(found, place, before, deep=True)), node, place)
    return found


def sound(found: Mapping[str, Any], place: Place, before: int = 0, *, deep: bool = False) -> dict[str, Any]:
    """Return the settings of a place of which no problem was noted since ``before``; ``deep`` keeps a mapping in which
    one was, without the setting that is wrong."""
    kept = {}
    for name, value in found.items():
        inside, end = place.into(name), ":" if deep and isinstance(value, dict) else (":", ".")
        texts = [problem.text for problem in place.problems[before:] if problem.text.startswith(inside.path)]
        if not any(text.removeprefix(inside.path).startswith(end) for text in texts):
            kept[name] = sound(value, inside, before, deep=True) if deep and isinstance(value, dict) else value
    return kept


def tell(found: Iterable[Clash], node: Node, place: Place) -> None:
    """Note what does not go together, each at the first of its settings that is written down."""
    for names, text in found:
        place.into(names[0]).wrong(next((node.value[name] for name in names if name in node.value), node), text)


def _dataclass(node: Node, kind: Any, place: Place) -> Any:
    if not isinstance(node.value, dict):
        return place.wrong(node, f"{_show(node)} is not a mapping of {', '.join(settings_of(kind))}")
    before = len(place.problems)
    found = check_fields(node, settings_of(kind), place)
    whole, rest = len(place.problems) == before, sound(found, place, before)
    try:
        typed(rest, kind)
    except Contradiction as error:
        tell((clash for clash in error.found if set(clash[0]) <= set(rest)), node, place)
    except (TypeError, ValueError, UserError) as error:  # the dataclass's own rules
        if whole and isinstance(error, TypeError):
            raise
        if whole:
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
    optional = type(None) in union(hint)
    parts = [part for part in union(hint) if part is not type(None)]
    data = [part for part in parts if is_data(part)]
    if optional and (node.value is None or (data and node.value is False)):  # false switches settings off
        return None
    if optional and data and node.value is True:  # and true on, as they are
        node = Node({}, node.where)
    if data and isinstance(node.value, dict):
        return check(node, data[0], place)
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
    return place.wrong(node, f"{_show(node)} is not {describe(hint)}")


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
    if kind not in NAMES:
        return bare(node)
    read = read_scalar(value, kind)
    return place.wrong(node, f"{_show(node)} is not {describe(hint)}") if read is None else read


def describe(hint: Any) -> str:
    """Return in words what a setting of this type may be."""
    if len(union(hint)) > 1:
        return " or ".join(describe(part) for part in union(hint))
    if get_origin(hint) is Annotated:
        whole = any(isinstance(rule, Rule) for rule in rules_of(hint))  # it says the type as well
        return ", ".join([*([] if whole else [describe(get_args(hint)[0])]), *(rule.legal for rule in rules_of(hint))])
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(item) for item in get_args(hint))
    return NAMES.get(get_origin(hint) or hint, "settings" if _expands(hint) else "a value")


def _show(node: Node) -> str:
    if isinstance(node.value, dict | list):
        return "a mapping" if isinstance(node.value, dict) else "a list"
    return "null" if node.value is None else repr(node.value)


def _nested(fields: Mapping[str, Field]) -> dict[str, str]:
    """Return the names inside nested settings, each with its place (``schedule.learning_rate``)."""
    inside = {key: part for key, wanted in fields.items() for part in union(wanted.hint) if is_data(part)}
    found = {name: f"{key}.{name}" for key, part in reversed(inside.items()) for name in settings_of(part)}
    return {name: place for name, place in found.items() if name not in fields}


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
