"""Whether somebody still waits for a strategy in its thread: where not, it ends at its next word, not at its end.

A thread cannot be stopped from without. So its model looks, before each call and each piece, whether who asked has
gone, and a connection that it waits for is shut.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from residency.core.errors import ResidencyError
from residency.core.types import Message, Model, Reply

if TYPE_CHECKING:
    import numpy as np

    from residency.core.types import TokenScores


class Left(ResidencyError):
    """Nobody waits for this any more."""

    def __init__(self) -> None:
        super().__init__("whoever asked has gone")


class Leave:
    """Whether who asked has gone; ``now`` says so, once, from any thread."""

    def __init__(self) -> None:
        self.gone = False
        self._ends: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    def now(self) -> None:
        """Say that nobody waits any more, and end what is being waited for."""
        with self._lock:
            self.gone = True
            ends = tuple(self._ends)
        for end in ends:
            end()

    def check(self) -> None:
        """Raise Left where nobody waits any more."""
        if self.gone:
            raise Left

    @contextmanager
    def ending(self, end: Callable[[], object]) -> Iterator[None]:
        """Have something ended, as long as the block runs, when nobody waits any more; raises Left."""
        with self._lock:
            self.check()
            self._ends.append(end)
        try:
            yield
        except Exception:
            self.check()  # it broke because it was ended
            raise
        finally:
            with self._lock:
                self._ends.remove(end)


class Wanted:
    """A model for as long as somebody waits; then each of its calls raises Left."""

    def __init__(self, model: Model, leave: Leave) -> None:
        self._model, self._leave = model, leave
        self.name, self.hash = model.name, model.hash

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, prompts: Sequence[list[Message]], *, max_tokens: int, **how: Any) -> list[Reply]:
        """Return the model's replies."""
        self._leave.check()
        return self._model.generate(prompts, max_tokens=max_tokens, **how)

    def stream(self, prompt: list[Message], **how: Any) -> Iterator[str]:
        """Yield the model's reply in pieces."""
        self._leave.check()
        for piece in self._model.stream(prompt, **how):
            yield piece
            self._leave.check()

    def loglik(self, prompts: Sequence[list[Message]], answers: Sequence[str]) -> list[TokenScores]:
        """Return the token scores of each answer after its prompt."""
        self._leave.check()
        return self._model.loglik(prompts, answers)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit-length vectors, ``[batch, width]``."""
        self._leave.check()
        return self._model.embed(texts)
