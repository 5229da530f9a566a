"""What an administrator's mistake is called on a page: in the words of their language, by the code of the error."""

from __future__ import annotations

from typing import Any

from residency.core.errors import ResidencyError
from residency.serve.workspace.words import Words


def wrong(error: ResidencyError | None, t: Words) -> str:
    """Return what was wrong, a sentence (wrong.CODE in words/); "" where nothing was."""
    if error is None:
        return ""
    key = f"wrong.{getattr(error, 'code', '')}"
    values = getattr(error, "values", {})
    return t(key if t.has(key) else "wrong.other", **{name: _said(name, one, t) for name, one in values.items()})


def _said(name: str, value: Any, t: Words) -> str:
    """Return a value as it is read: roles by their names, numbers with their thousands apart, lists with commas."""
    if isinstance(value, list | tuple):
        return ", ".join(_said(name.removesuffix("s"), one, t) for one in value)
    if name == "role":
        return t.or_else(f"role.{value}", str(value)).lower()
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else str(value)
