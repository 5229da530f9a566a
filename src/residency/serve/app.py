"""The service put together: its parts opened in order, its routes behind one door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from residency import __version__
from residency.core.errors import UserError
from residency.models.load import Source, find
from residency.serve.access import sessions
from residency.serve.access.access import Access
from residency.serve.access.dependency import guarded
from residency.serve.api import routers as api_routers
from residency.serve.api.errors import in_openai_shape
from residency.serve.api.metrics import Counted, Numbers
from residency.serve.apps.proof import ledgers_of
from residency.serve.engine.flow import Flow
from residency.serve.engine.open import open_engine
from residency.serve.guard import open_guard
from residency.serve.record.writer import Writer
from residency.serve.service import Service
from residency.serve.settings import Settings
from residency.serve.store.database import open_database, upgrade
from residency.serve.store.keys import Seal
from residency.serve.types import Engine
from residency.serve.workspace import routers as page_routers
from residency.serve.workspace.render import problem

WARM = (
    "The patient has a cold. Dr Smith saw Anna Lopez in Boston on 05/03/2021.",
    "El paciente tiene un resfriado. El Dr. Pérez vio a Ana López en Sevilla el 3 de mayo de 2021.",
)
"""Texts with names, so that all that looks for them is ready."""


def open_service(settings: Settings, names: Sequence[str]) -> Service:
    """Return a service that is ready to answer with these models; what was opened is closed where a part fails.

    Raises UserError where a model, an index or the database is not there, or another process holds the record.
    """
    ends: list[Any] = []
    found = {name: find(name) for name in names}  # a model that is not there leaves no folder behind
    try:
        seal, database = Seal(settings.folder), open_database(settings)
        ends.append(database.dispose)
        upgrade(database)
        recorder = Writer(database, seal, keep_text=settings.keep_text)
        ends.append(recorder.close)
        about = {"numbers": Numbers(), "ledgers": _ledgers(names), **_grounds(settings)}
        places = [settings.folder, *(place for name, source in found.items() for place in _places(name, source))]
        ours: dict[str, Any] = {"own": settings.rules, "emergency": settings.emergency, "crisis": settings.crisis}
        guard = open_guard(models=places, **ours)
        for text in WARM:  # what finds names is loaded and compiled now, not while the first answers wait
            guard.after(text, [text], "chat")
        engines = _engines(found, settings, ends)
        limits = {"workers": settings.parallel, "waiting": settings.queue}
        flow = Flow(engines, guard, recorder, watch=about["numbers"].watch, **limits)
        access = Access(database, seal, recorder, settings)
        sessions.sweep(access)
        return Service(settings, database, seal, recorder, access, guard, engines, flow, about, ends)
    except BaseException:
        while ends:
            ends.pop()()
        raise


def create(service: Service) -> FastAPI:
    """Return the app of a service: every route in the table of permissions, every reply through the door."""

    @asynccontextmanager
    async def lived(app: FastAPI) -> AsyncIterator[None]:
        yield
        await service.flow.settle()

    app = FastAPI(title="Residency", version=__version__, docs_url=None, redoc_url=None, lifespan=lived)
    app.state.service = service
    for router in (*api_routers(), *page_routers()):
        app.include_router(router)
    in_openai_shape(app)
    guarded(app, service.access, page=problem)
    app.add_middleware(Counted, numbers=service.about["numbers"])
    return app


def _ledgers(names: Sequence[str]) -> list[Path]:
    """Return the ledgers that an application's score is looked up in: those of the models' runs and of evaluations."""
    return list(dict.fromkeys(path for name in names for path in ledgers_of(name)))


def _places(name: str, source: Source) -> list[Path]:
    """Return where calibrations of a model may lie: its run, and beside its weights."""
    run, weights = Path(name.partition(":")[0]), Path(source.path)
    return [] if source.is_remote else [run, weights if weights.is_dir() else weights.parent]


def _engines(sources: Mapping[str, Source], settings: Settings, ends: list[Any]) -> dict[str, Engine]:
    """Return the models by name; what closes them is added to ``ends``."""
    found: dict[str, Engine] = {}
    for name, source in sources.items():
        engine = open_engine(name, settings, source)
        ends.append(engine.close)
        if engine.name in found:
            raise UserError(f"{name} is called {engine.name}, as another model here is: each model once")
        found[engine.name] = engine
    return found


def _grounds(settings: Settings) -> dict[str, Any]:
    """Return the opened indexes and the graph."""
    from residency.infer.graph import open_graph
    from residency.infer.retrieve import open_index

    graph = None
    if settings.graph:
        graph = open_graph(None if settings.graph == "hpo" else Path(settings.graph))
    return {"indexes": [open_index(path) for path in settings.sources], "graph": graph}
