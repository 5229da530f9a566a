"""Sentence vectors beside an engine that writes: the packaged encoder, read in when first asked, in one thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from residency.serve.engine.turns import Turns

if TYPE_CHECKING:
    import numpy as np


class Vectors:
    """The packaged encoder; ``queue`` requests may wait for it, the next raises Busy."""

    name = "minilm"

    def __init__(self, *, queue: int) -> None:
        self.turns = Turns(1, queue)
        self._encoder: Any = None
        self._lock = threading.Lock()

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """Return a unit vector for each text, and how many tokens they have."""
        async with self.turns.turn():
            vectors, tokens = await asyncio.to_thread(self._read, list(texts))
        return vectors.tolist(), tokens

    def now(self, texts: Sequence[str]) -> np.ndarray:
        """Return the vectors, [texts, width], in a thread that may wait."""
        with self.turns.turn_now(bounded=False):
            return self._read(list(texts))[0]

    def _read(self, texts: list[str]) -> tuple[np.ndarray, int]:
        from residency.models.load import load

        with self._lock:
            self._encoder = self._encoder or load("minilm")
            tokens = sum(len(each.ids) for each in self._encoder.reader.encode(texts))
            return self._encoder.embed(texts), tokens
