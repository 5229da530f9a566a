"""Kinds of task whose asking, reading and scoring are a file of their own, each with the same few functions."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from residency.core.types import Example
from residency.evaluate.kinds import prefer, similar, tag

FILES: dict[str, ModuleType] = {"prefer": prefer, "similar": similar, "tag": tag}


def as_shown(kind: str, *, written: bool) -> Callable[[Example], Example]:
    """Return how a solved item is shown before others: as it is, or with the answers whose likelihoods are compared."""
    return (lambda solved: solved) if written or kind not in FILES else FILES[kind].as_compared
