"""From a model's name to an engine: a GGUF or a run's GGUF, a folder, an endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from residency.core.errors import Unsupported
from residency.models.load import Source, find, open_source
from residency.serve.types import Engine

if TYPE_CHECKING:
    from residency.serve.settings import Settings


def open_engine(name: str, settings: Settings, source: Source | None = None) -> Engine:
    """Return the engine of a model; it is ready when this returns, and ``close`` ends it.

    Raises UserError, ModelError or Unsupported where there is no such model, or it writes nothing.
    """
    source = source or find(name)
    called = called_by(name, source)
    if source.is_remote:
        from residency.serve.engine.remote import RemoteEngine

        return RemoteEngine(source.path, queue=settings.queue, at_once=settings.parallel)
    if source.is_gguf:
        return _llama(source, called, settings)
    if source.reader or source.is_reward:
        raise Unsupported(f"{name} writes nothing: a service needs a model that does, such as runs/latest or a .gguf")
    from residency.serve.engine.local import LocalEngine

    return LocalEngine(open_source(source), name=called, queue=settings.queue)


def called_by(name: str, source: Source) -> str:
    """Return what a model is called by those who ask it: of a run, the run's own name and the stage."""
    run = Path(name.partition(":")[0])
    if not source.is_remote and (run / "recipe.yaml").exists():
        return f"{run.resolve().name}-{source.name}"
    return source.name


def _llama(source: Source, called: str, settings: Settings) -> Engine:
    from residency.models.llama import check_magic, usual_threads
    from residency.serve.engine.gguf import is_encoder
    from residency.serve.engine.llama import LlamaEngine
    from residency.serve.engine.process import Load

    path = Path(source.path)
    check_magic(path)
    embedding = is_encoder(path)
    load = Load(
        str(path),
        called,
        settings.context,
        settings.parallel,
        threads=usual_threads(),
        share=settings.share_prefix,
        embedding=embedding,
    )
    return LlamaEngine(load, hash=source.hash, queue=settings.queue, hung=settings.hung)
