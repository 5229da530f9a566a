"""All parts of a running service in one place; every route finds it at ``request.app.state.service``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from residency.serve.settings import Settings
from residency.serve.types import Engine, Recorder

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine as Database

    from residency.serve.access.access import Access
    from residency.serve.engine.flow import Flow
    from residency.serve.guard import Guard
    from residency.serve.store.keys import Seal


@dataclass(slots=True)
class Service:
    """The parts; ``engines`` are the models by their names, the first of them the default."""

    settings: Settings
    database: Database
    seal: Seal
    recorder: Recorder
    access: Access
    guard: Guard
    engines: dict[str, Engine]
    flow: Flow
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def engine(self) -> Engine:
        """Return the default model."""
        return next(iter(self.engines.values()))
