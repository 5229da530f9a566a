"""A model that says what it was told to say: the one double of all tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from residency.core.types import Message, Reply, TokenScores


class ScriptedModel:
    """Answers each prompt by a function of its last message, or from a mapping; remembers what it was asked."""

    def __init__(self, script: Callable[[str], str | None] | dict[str, str], *, name: str = "scripted") -> None:
        self.script = script if callable(script) else lambda said: script.get(said, "")
        self.name, self.hash = name, f"scripted:{name}"
        self.asked: list[list[Message]] = []

    def generate(
        self,
        prompts: Sequence[list[Message]],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        schema: dict[str, Any] | None = None,
        n: int = 1,
    ) -> list[Reply]:
        """Return the scripted replies; None in the script abstains."""
        self.asked += prompts
        texts = [self.script(p[-1]["content"]) for p in prompts for _ in range(n)]
        return [Reply(t, 0 if t is None else len(t.split()), "abstain" if t is None else "stop") for t in texts]

    def stream(self, prompt: list[Message], **settings: Any) -> Iterator[str]:
        """Yield the scripted reply word by word."""
        yield from ((self.script(prompt[-1]["content"]) or "").split(" "))

    def loglik(self, prompts: Sequence[list[Message]], answers: Sequence[str]) -> list[TokenScores]:
        """Return 0 nats for the scripted answer and -1 a character for any other."""
        said = [self.script(p[-1]["content"]) for p in prompts]
        return [
            TokenScores([0.0 if a == s else -1.0] * len(a), [a == s] * len(a))
            for a, s in zip(answers, said, strict=True)
        ]

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors [batch, 26] of letter counts."""
        counts = np.array([[t.lower().count(chr(97 + i)) for i in range(26)] for t in texts], dtype=float)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)
