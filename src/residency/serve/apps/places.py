"""Where the texts of a JSON reply stand: ``codes[].code`` names all of them, ``codes[2].code`` is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from residency.core.types import Span

Json = dict[str, Any]


def paths_of(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of all texts that a schema has, those in arrays with ``[]``."""
    kind = schema.get("type")
    if kind == "object":
        for name, one in (schema.get("properties") or {}).items():
            yield from paths_of(one, f"{path}.{name}" if path else name)
    elif kind == "array":
        yield from paths_of(schema.get("items") or {}, f"{path}[]")
    elif kind == "string":
        yield path


def texts_at(reply: Any, path: str, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield the (place, text) of a path in a reply; what is not there yields nothing."""
    head, _, rest = path.partition(".")
    name, array = head.removesuffix("[]"), head.endswith("[]")
    value = reply.get(name) if isinstance(reply, dict) else None
    place = f"{at}.{name}" if at else name
    for here, one in _each(value, place) if array else [(place, value)]:
        if rest:
            yield from texts_at(one, rest, here)
        elif isinstance(one, str):
            yield here, one


def _each(value: Any, place: str) -> list[tuple[str, Any]]:
    return [(f"{place}[{i}]", one) for i, one in enumerate(value)] if isinstance(value, list) else []


def mapped(reply: Any, change: Callable[[str, str], str | None], at: str = "") -> Any:
    """Return a reply with every text changed by ``change(place, text)``; a text that becomes None leaves its array,
    and "" stands for it in an object.
    """
    if isinstance(reply, dict):
        made = {name: mapped(one, change, f"{at}.{name}" if at else name) for name, one in reply.items()}
        return {name: "" if one is None and reply[name] is not None else one for name, one in made.items()}
    if isinstance(reply, list):
        every = [mapped(one, change, f"{at}[{i}]") for i, one in enumerate(reply)]
        return [one for one in every if one is not None]
    return change(at, reply) if isinstance(reply, str) else reply


def distinct(reply: Any) -> Any:
    """Return a reply whose arrays have every entry once, the first of equals: small models repeat themselves."""
    if isinstance(reply, dict):
        return {name: distinct(one) for name, one in reply.items()}
    if not isinstance(reply, list):
        return reply
    every = [distinct(one) for one in reply]
    return [one for number, one in enumerate(every) if one not in every[:number]]


def said(reply: Any) -> str:
    """Return all texts of a reply, one a line, in its order: what a guard reads."""
    lines: list[str] = []

    def note(_: str, text: str) -> str:
        lines.append(text)
        return text

    mapped(reply, note)
    return "\n".join(line for line in lines if line.strip())


def without(text: str, cut: Sequence[Span]) -> str | None:
    """Return a text without some of its stretches; None where nothing is left."""
    kept, at = [], 0
    for one in sorted(cut, key=lambda span: span.start):
        kept.append(text[at : one.start])
        at = one.end
    left = " ".join(" ".join([*kept, text[at:]]).split())
    return left if any(sign.isalnum() for sign in left) else None
