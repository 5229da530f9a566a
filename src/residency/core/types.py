"""The nouns every room shares: documents, examples, replies, scores, and the one protocol a model obeys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np

Message = dict[str, str]
"""One chat turn, ``{"role", "content"}``: the wire format itself."""


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled stretch of text: characters ``start`` to ``end``, half open."""

    start: int
    end: int
    label: str
    score: float = 1.0


@dataclass(slots=True)
class Document:
    """A text with its origin; ``patient`` and ``date`` (ISO 8601) are None where they do not apply.

    ``place`` is the file and the line (None: the file as a whole) that it was read from; ``person`` is what the
    record's own fields say of its patient, as a FHIR Patient. Both are for the reading alone, and not kept.
    """

    id: str
    text: str
    source: str
    licence: str
    language: str = "en"
    patient: str | None = None
    date: str | None = None
    spans: list[Span] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    place: tuple[str, int | None] = field(default=("", None), compare=False)
    person: dict[str, Any] | None = field(default=None, compare=False, repr=False)


@dataclass(slots=True)
class Example:
    """One item for tuning, preference, distillation or test.

    ``wanted`` holds acceptable answers (the first is the training target), ``unwanted`` known wrong ones,
    ``choices`` the closed set for likelihood tasks. ``group`` is the patient, document or concept that
    splits and bootstraps keep whole. ``spans`` index ``meta["text"]`` where the task reads a text.
    """

    id: str
    prompt: list[Message]
    wanted: list[str]
    unwanted: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    source: str = ""
    group: str = ""
    split: str = "train"
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer; ``text`` None means it abstained. ``finish`` is "stop", "length", "loop" or "abstain".

    ``about`` is what a strategy tells of its way: the votes and their margin, the reasoning, the drafts.
    """

    text: str | None
    tokens: int = 0
    finish: str = "stop"
    logprob: float | None = None
    about: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class TokenScores:
    """Per-token log-probabilities (nats) of a given answer, and whether each token was the greedy choice."""

    logprobs: list[float]
    greedy: list[bool]

    @property
    def total(self) -> float:
        """Return the log-probability of the whole answer, in nats."""
        return sum(self.logprobs)


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its confidence limits (95% unless said otherwise); nan means "not scored"."""

    value: float
    low: float
    high: float


@runtime_checkable
class Model(Protocol):
    """What every model can be asked; one that cannot raises ``Unsupported`` naming those that can."""

    name: str
    hash: str

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
        """Return ``n`` replies a prompt, in prompt order."""
        ...

    def stream(
        self,
        prompt: list[Message],
        *,
        max_tokens: int = ...,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        schema: dict[str, Any] | None = None,
    ) -> Iterator[str]:
        """Yield the reply to one prompt in pieces, as they are made."""
        ...

    def loglik(self, prompts: Sequence[list[Message]], answers: Sequence[str]) -> list[TokenScores]:
        """Return the token scores of each answer after its prompt."""
        ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit-length vectors, ``[batch, width]``."""
        ...
