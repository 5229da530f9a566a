"""All parts of a running service in one place; every route finds it at ``request.app.state.service``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from residency.serve.settings import Settings
from residency.serve.types import Engine

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine as Database

    from residency.serve.access.access import Access
    from residency.serve.engine.flow import Flow
    from residency.serve.guard import Guard
    from residency.serve.record.writer import Writer
    from residency.serve.store.keys import Seal


@dataclass(slots=True)
class Service:
    """The parts; ``engines`` are the models by their names, the first of them the default.

    ``about`` holds what rooms look up: ``numbers`` (for /metrics), ``indexes`` and ``graph`` (what answers stand
    on), ``ledgers`` (of the models' runs).
    """

    settings: Settings
    database: Database
    seal: Seal
    recorder: Writer
    access: Access
    guard: Guard
    engines: dict[str, Engine]
    flow: Flow
    about: dict[str, Any] = field(default_factory=dict)
    ends: list[Callable[[], object]] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        """Return the default model."""
        return next(iter(self.engines.values()))

    def close(self) -> None:
        """End what was opened, the last first; what was handed in for the record is written."""
        while self.ends:
            self.ends.pop()()
