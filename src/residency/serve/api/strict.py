"""JSON read strictly: what is no JSON, is nested too deep, or holds what no text may hold is refused, never repaired.

Python's reader takes NaN, numbers that are too large for a float, and halves of characters; a database, a tokenizer or
another reader of JSON would break on them later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request

from residency.serve.types import Refused

DEEPEST = 64
"""Lists and objects within one another."""
KEYS = 100
"""Characters of a name that an error may repeat."""


def parsed(body: bytes) -> Any:
    """Return what a body says; Refused (400) where it is not the JSON that this API takes."""
    try:
        found = _JSON.decode(body.decode("utf-8"))
    except (UnicodeDecodeError, RecursionError, ValueError):
        raise Refused("the body is not JSON (in UTF-8, without NaN and Infinity)", code="invalid_json") from None
    if body.count(b"[") + body.count(b"{") > DEEPEST and _depth(body) > DEEPEST:
        raise Refused(f"the body is nested more than {DEEPEST} deep", code="invalid_json")
    if b"\\u" in body and not all(_whole(text) for text in _texts(found)):
        raise Refused("the body holds a NUL, or half of a character (a lone surrogate)", code="invalid_json")
    return found


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """Return what its body says."""
        if not hasattr(self, "_strict"):
            self._strict = parsed(await self.body())
        return self._strict


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("too large")
    return number


_JSON = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


def _depth(body: bytes) -> int:
    """Return how deep JSON is nested that is known to be well formed."""
    deepest = depth = 0
    within = skip = False
    for sign in body:
        if skip:
            skip = False
        elif within:
            skip, within = sign == 0x5C, sign != 0x22
        elif sign == 0x22:
            within = True
        elif sign in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif sign in b"]}":
            depth -= 1
    return deepest


def _whole(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= sign <= "\udfff" for sign in text)


def _texts(found: Any) -> Iterator[str]:
    """Yield all texts in what was read, names included."""
    waiting = [found]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
