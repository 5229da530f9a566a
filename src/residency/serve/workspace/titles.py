"""What an application is called in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from residency.serve.apps import load
from residency.serve.workspace.words import Words


def title_of(application: str, t: Words) -> str:
    """Return an application's title; its id where nothing by that name is there (any more)."""
    return _titles().get(application, {}).get(t.language) or t.or_else(f"application.{application}", application)


@cache
def _titles() -> dict[str, Mapping[str, str]]:
    """Return the titles of all applications by id, with and without their version, and language; read once."""
    return {name: one.title for id, one in load().items() for name in (id, one.name)}
