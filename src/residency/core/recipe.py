"""YAML plus ``key=value`` arguments become checked settings, or one error that names every problem with its line.

A recipe is read with its line numbers, arguments are laid over it, and ``core/check.py`` holds it against the
functions that will run. What comes out is plain data with every default written down: itself a recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from residency.core.check import Node, Place, Problem, as_node, bare, check_fields, sound
from residency.core.errors import RecipeError
from residency.core.legal import Clash, nearest
from residency.core.settings import Field


def resolve(
    text: str,
    arguments: Sequence[str],
    sections: Mapping[str, Field],
    *,
    name: str = "recipe",
    across: Callable[[Mapping[str, Any]], Iterable[Clash]] = lambda recipe: (),
) -> dict[str, Any]:
    """Return the recipe as plain data, defaults filled in, in the order of ``sections``.

    ``arguments`` are ``key=value`` with dotted keys (``train.instruct.schedule.steps=20``, ``train.1.instruct.x=3``).
    ``across`` yields what does not go together between sections, of those that are sound by themselves: the path of a
    setting, and what to do. Raises RecipeError with every problem at once.
    """
    problems: list[Problem] = []
    root = _compose(text, name, problems)
    for argument in arguments:
        _lay_over(root, argument, problems)
    found = check_fields(root, sections, Place("", problems))
    for path, words in across(sound(found, Place("", problems), deep=True)):
        problems.append(Problem(_written(root, path), f"{'.'.join(path)}: {words}"))
    if problems:
        raise RecipeError(_report(name, problems))
    return found


def _written(node: Node, path: Sequence[str]) -> str:
    """Return where a setting is written, or the nearest one around it."""
    for name in path:
        if not isinstance(node.value, dict) or name not in node.value:
            break
        node = node.value[name]
    return node.where


def _report(name: str, problems: list[Problem]) -> str:
    seen = list(dict.fromkeys(problems))  # a shared anchor is checked once a use
    seen.sort(key=lambda problem: int(problem.where[5:]) if problem.where.startswith("line ") else 10**9)
    count = "1 problem" if len(seen) == 1 else f"{len(seen)} problems"
    if all(problem.where.startswith("argument ") for problem in seen):
        name = "command line"
    return f"{name}: {count}\n" + "\n".join(f"  {problem.where}: {problem.text}" for problem in seen)


# --- reading ---------------------------------------------------------------------------------------------------------


def _compose(text: str, name: str, problems: list[Problem]) -> Node:
    loader = yaml.SafeLoader(text)
    try:
        tree = loader.get_single_node()
        root = Node({}, "line 1") if tree is None else _node(tree, loader, problems)
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}: {_yaml_words(error)}") from None
    finally:
        loader.dispose()
    if not isinstance(root.value, dict):
        raise RecipeError(f"{name}: a recipe is a mapping of sections, such as\n  base: smollm2-135m")
    return root


def _node(tree: yaml.Node, loader: yaml.SafeLoader, problems: list[Problem]) -> Node:
    where = f"line {tree.start_mark.line + 1}"
    if isinstance(tree, yaml.SequenceNode):
        return Node([_node(item, loader, problems) for item in tree.value], where)
    if not isinstance(tree, yaml.MappingNode):
        return Node(_scalar(tree, loader), where)
    found: dict[str, Node] = {}
    for key, value in tree.value:
        name, line = str(key.value), f"line {key.start_mark.line + 1}"
        if name in found:
            problems.append(Problem(line, f"{name}: given twice; keep one"))
        found[name] = Node(_node(value, loader, problems).value, line)
    return Node(found, where)


def _scalar(tree: yaml.Node, loader: yaml.SafeLoader) -> Any:
    """Return what a scalar says; one that looks like a date and is none stays text, which its setting judges."""
    try:
        return loader.construct_object(tree)
    except ValueError:
        return tree.value


def _yaml_words(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: not YAML: {reason}" if mark else f"not YAML: {reason}"


# --- arguments -------------------------------------------------------------------------------------------------------


def _lay_over(root: Node, argument: str, problems: list[Problem]) -> None:
    """Set one ``key=value`` in the tree; a key that cannot be followed becomes a problem."""
    where = f"argument {argument}"
    key, equals, text = argument.partition("=")
    if not equals or not key:
        problems.append(Problem(where, "not key=value, such as train.instruct.schedule.steps=20"))
        return
    try:
        value = as_node(yaml.safe_load(text), where)
    except ValueError:  # as in _scalar
        value = Node(text, where)
    except yaml.YAMLError as error:
        problems.append(Problem(where, _yaml_words(error)))
        return
    problem = _set(root, key.split("."), value, "")
    if problem:
        problems.append(Problem(where, problem))


def _set(node: Node, keys: list[str], value: Node, path: str) -> str | None:
    """Set ``value`` at ``keys`` under ``node``; return what is wrong, if anything is."""
    key, *rest = keys
    if isinstance(node.value, list):
        return _set_in_list(node, key, rest, value, path)
    if node.value is None or node.value is True:
        node.value = {}
    if not isinstance(node.value, dict):
        return f"{path} is {bare(node)!r}, which has no {key}"
    if not rest:
        node.value[key] = value
        return None
    child = node.value.setdefault(key, Node({}, value.where))
    return _set(child, rest, value, f"{path}.{key}".lstrip("."))


def _set_in_list(node: Node, key: str, rest: list[str], value: Node, path: str) -> str | None:
    names = [_name(item) for item in node.value]
    if key.isdigit():
        if int(key) >= len(names):
            return f"{path} has {len(names)} items, numbered from 0"
        if not rest:
            node.value[int(key)] = value
            return None
        return _set(_opened(node.value[int(key)]), rest, value, f"{path}.{key}")
    found = [at for at, name in enumerate(names) if name == key]
    if len(found) > 1:
        return f"{path} has {len(found)} items named {key}; say which: {path}.{found[0]}.{key}"
    if not found:
        return (
            f"{path}.{key}: {path} has no item of that name; {nearest(key, list(dict.fromkeys(filter(None, names))))}"
        )
    return _set(_opened(node.value[found[0]]), [key, *rest], value, path)


def _opened(item: Node) -> Node:
    """Return a list's item, `- instruct` alone being short for `- instruct: {}`."""
    if isinstance(item.value, str):
        item.value = {item.value: Node({}, item.where)}
    return item


def _name(item: Node) -> str | None:
    if isinstance(item.value, dict) and len(item.value) == 1:
        return str(next(iter(item.value)))
    return item.value if isinstance(item.value, str) else None


# --- files -----------------------------------------------------------------------------------------------------------


def read_text(path: Path) -> str:
    """Return a recipe file's text; RecipeError where it is not readable text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise RecipeError(f"cannot read the recipe {path} ({reason})") from None


def dump(recipe: Mapping[str, Any]) -> str:
    """Return a resolved recipe as YAML that can be run again."""
    return yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True, width=110)
