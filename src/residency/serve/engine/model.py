"""The model of a running engine for a thread that may wait: what ``GgufModel`` does, over the engine's own process.

Its requests stand in the same line as those of the event loop. The first of them is turned away where the line is full;
a strategy that has begun is let finish, unless who asked has gone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from residency.models.gguf import GgufModel
from residency.serve.engine.client import ask_now, chunks_now

if TYPE_CHECKING:
    import numpy as np

    from residency.serve.engine.llama import LlamaEngine

COMPLETE = "/v1/completions"


class LlamaModel(GgufModel):
    """Generation and scoring by the process of an engine; raises Busy, Down and Refused as the engine does."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.path, self.name, self.hash = Path(engine.load.path), engine.name, engine.hash
        self.context, self.parallel = engine.context, engine.load.parallel
        self._engine, self._server = engine, _Line(engine)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors, [texts, width]."""
        return self._engine.vectors.now(texts)

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return ask_now(self._engine.kept.socket, path, body, leave=self._engine.leave)


class _Line:
    """Completions over the socket, each in its turn, in the form that llama.cpp has for its own process."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.engine, self.admitted = engine, False

    def handle_completions(
        self, job: dict[str, Any], receive: Callable[[dict[str, Any]], bool] | None = None
    ) -> dict[str, Any]:
        """Return a completion; with ``receive`` its pieces go there, until it returns True."""
        engine = self.engine
        with engine.turns.turn_now(bounded=not self.admitted), engine.slots.place(engine.user, job["prompt"]) as where:
            self.admitted = True
            if receive is None:
                return ask_now(engine.kept.socket, COMPLETE, job | where, leave=engine.leave)
            with closing(chunks_now(engine.kept.socket, COMPLETE, job | where, leave=engine.leave)) as pieces:
                any(receive(piece) for piece in pieces)
        return {}
