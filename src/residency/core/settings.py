"""A function's keyword-only arguments are its settings: this file reads them off and hands them back typed.

Plain data is what JSON and YAML hold; typed values are what the function takes (dataclasses, paths, tuples).
"""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from residency.core.errors import UserError
from residency.core.legal import Clash

Function = TypeVar("Function", bound=Callable[..., Any])
REQUIRED: Any = inspect.Parameter.empty
NOT_SETTINGS = ("out", "scratch")
"""Keyword arguments that the caller hands in and a recipe does not know: where to write."""
_FLAT = "flat"
Part = TypeVar("Part")
Flat = Annotated[Part, _FLAT]
"""The type of settings that several functions share, or that belong together: the fields of a dataclass, which a recipe
writes among the function's own (``def collect(*, spread: Flat[Spread] = HERE)`` takes ``workers: 2``)."""


@dataclass(frozen=True)
class OneOf:
    """The type of a list whose items are ``{name: settings}``, each checked against the function of that name.

    As a type hint: ``sources: Annotated[list, OneOf(READERS)]``. Functions may be given as "module:function".
    """

    table: Mapping[str, Callable[..., Any] | str]


@dataclass(frozen=True, slots=True)
class Field:
    """A setting's type and its default (``REQUIRED`` where there is none)."""

    hint: Any
    default: Any = REQUIRED


def load(function: Callable[..., Any] | str) -> Callable[..., Any]:
    """Return the function that "module:function" names; a function is returned as it is.

    Raises UserError with the command that installs it where a part is missing.
    """
    if not isinstance(function, str):
        return function
    module, _, name = function.partition(":")
    try:
        return typing.cast(Callable[..., Any], getattr(import_module(module), name))
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("residency"):
            raise
        raise UserError(f"{error.name} is not installed; install it with: pip install 'residency[all]'") from error


# --- what a function or a dataclass takes ----------------------------------------------------------------------------


def together(find: Callable[[Mapping[str, Any]], Iterable[Clash]]) -> Callable[[Function], Function]:
    """Return a decorator that ties a rule over several settings to a function.

    ``find`` is handed plain settings by name, without those that are wrong by themselves, and yields what does not go
    together.
    """

    def tie(function: Function) -> Function:
        function.clashes = find  # type: ignore[attr-defined]
        return function

    return tie


def clashes(function: Callable[..., Any], values: Mapping[str, Any]) -> Iterator[Clash]:
    """Yield what does not go together among plain settings of a function."""
    if find := getattr(function, "clashes", None):
        yield from find(values)


@cache
def settings_of(function: Callable[..., Any]) -> dict[str, Field]:
    """Return a function's settings: its keyword-only arguments, without places to write and callables."""
    if is_data(function):
        return _dataclass_fields(function)
    settings: dict[str, Field] = {}
    flat = flats(function)
    for name, field in _keywords(function).items():
        if name in flat:
            inner = settings_of(flat[name].hint)
            settings |= {key: Field(each.hint, getattr(field.default, key)) for key, each in inner.items()}
        elif name not in NOT_SETTINGS and not _takes_callable(field.hint):
            settings[name] = field
    return settings


def flats(function: Callable[..., Any]) -> dict[str, Field]:
    """Return a function's ``Flat`` arguments, with the dataclass of each as its type."""
    fields = {} if is_data(function) else _keywords(function)
    return {name: Field(get_args(f.hint)[0], f.default) for name, f in fields.items() if _is_flat(f.hint)}


def _keywords(function: Callable[..., Any]) -> dict[str, Field]:
    hints = typing.get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters.values()
    return {p.name: Field(hints.get(p.name, Any), p.default) for p in parameters if p.kind is p.KEYWORD_ONLY}


def _is_flat(hint: Any) -> bool:
    return get_origin(hint) is Annotated and _FLAT in get_args(hint)


def _dataclass_fields(kind: Any) -> dict[str, Field]:
    hints, settings = typing.get_type_hints(kind, include_extras=True), {}
    for field in dataclasses.fields(kind):
        default = field.default if field.default is not dataclasses.MISSING else REQUIRED
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if field.init:
            settings[field.name] = Field(hints[field.name], default)
    return settings


def _takes_callable(hint: Any) -> bool:
    return get_origin(hint) is Callable or any(_takes_callable(part) for part in union(hint) if part is not hint)


def is_data(hint: Any) -> bool:
    """Return whether a hint is a dataclass, whose fields are settings."""
    return isinstance(hint, type) and dataclasses.is_dataclass(hint)


def union(hint: Any) -> tuple[Any, ...]:
    """Return the members of ``X | Y``, or the hint alone."""
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def one_of(hint: Any) -> OneOf | None:
    """Return the ``OneOf`` that a hint carries, or None."""
    candidates = [hint, *get_args(hint)[1:]] if get_origin(hint) is Annotated else [hint]
    return next((item for item in candidates if isinstance(item, OneOf)), None)


# --- between plain data and typed values -----------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return a default as plain data: dataclasses as mappings, paths as text, tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def call_settings(function: Callable[..., Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return checked plain settings as the arguments that the function takes: dataclasses, paths, tuples."""
    fields = settings_of(function)
    found = {name: typed(value, fields[name].hint) for name, value in values.items()}
    for name, field in flats(function).items():
        inner = {key: found.pop(key) for key in settings_of(field.hint) if key in found}
        found |= {name: dataclasses.replace(field.default, **inner)} if inner else {}
    return found


def typed(value: Any, hint: Any) -> Any:
    """Return checked plain data as the type that ``hint`` asks for."""
    if value is None:
        return None
    if one := one_of(hint):
        return [{name: call_settings(load(one.table[name]), inner) for name, inner in item.items()} for item in value]
    if get_origin(hint) is Annotated:
        return typed(value, get_args(hint)[0])
    if is_data(hint):
        return hint(**call_settings(hint, value))
    if len(union(hint)) > 1:
        return _typedunion(value, hint)
    kind, inner = get_origin(hint) or hint, get_args(hint)
    if kind is Path:
        return Path(value).expanduser()
    if kind in (list, tuple, set, frozenset):
        return kind(typed(item, inner[0] if inner else Any) for item in value)
    if kind is dict and inner:
        return {name: typed(item, inner[1]) for name, item in value.items()}
    return value


def _typedunion(value: Any, hint: Any) -> Any:
    parts = [part for part in union(hint) if part is not type(None)]
    if type(value) in parts or len(parts) == 0:
        return value
    if isinstance(value, dict):
        parts = [part for part in parts if is_data(part)] or parts
    return typed(value, parts[0])
