"""What a receipt must hold to be read as one: its parts and their types. What is wrong is named, not shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from residency.corpus.identify.kinds import KINDS

VERSION = 1
_HEX = frozenset("0123456789abcdef")


def _hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= _HEX


def _texts(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"documents", "hash"}
        and _count(value["documents"])
        and _hash(value["hash"])
    )


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _part(value: Any) -> bool:
    """Return whether a value is a share, or null where nothing was measured."""
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1)


def _share(value: Any) -> bool:
    if not isinstance(value, dict) or not all(key in value for key in ("value", "low", "high", "bound")):
        return False
    parts = [value[key] for key in ("value", "low", "high", "bound")]
    if not all(map(_part, parts)) or not all(_count(value.get(key)) for key in ("n", "missed", "clusters")):
        return False
    if None in parts:
        return parts == [None] * 4
    return bool(parts[1] <= parts[0] <= parts[2] and parts[3] <= parts[0])


def _measured(value: Any) -> bool:
    known = isinstance(value, dict) and _hash(value.get("content")) and _hash(value.get("labels"))
    return known and all(_share(value.get(key)) for key in ("masked", "strict", "precision", "characters"))


def _waiver(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"source", "reason", "by"}
        and all(isinstance(word, str) and word.strip() for word in value.values())
    )


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and set(value) <= set(KINDS) and all(map(_count, value.values()))


_CONTENT: dict[str, Callable[[Any], bool]] = {
    "residency": lambda value: isinstance(value, str),
    "source": lambda value: isinstance(value, str),
    "before": _texts,
    "after": _texts,
    "engine": lambda value: isinstance(value, dict),
    "hiding": lambda value: isinstance(value, dict),
    "counts": _counts,
    "measured": lambda value: value is None or _measured(value),
    "waiver": lambda value: value is None or _waiver(value),
}
_WHOLE: dict[str, Callable[[Any], bool]] = {
    "receipt": lambda value: value == VERSION,
    "content": lambda value: isinstance(value, dict),
    "content_hash": _hash,
    "signature": lambda value: value is None or isinstance(value, dict),
    "made": lambda value: isinstance(value, dict),
}


def wrong(found: Any) -> str:
    """Return what is wrong with the parts of a receipt, "" where nothing is; what they hold is not shown."""
    if not isinstance(found, dict):
        return "it is no JSON object"
    for parts, rules in ((found, _WHOLE), (found.get("content"), _CONTENT)):
        assert isinstance(parts, dict)  # the first round has looked at the content
        for name, rule in rules.items():
            if name not in parts or not rule(parts[name]):
                return f"its {name} is absent or of another form"
        if more := set(parts) - set(rules):
            return f"it has {len(more)} parts that are not known"
    return ""
