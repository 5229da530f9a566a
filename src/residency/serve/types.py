"""The nouns of the service that its rooms share: who asks, what is put on record, what a guard says, what answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from residency.core.errors import ResidencyError

if TYPE_CHECKING:
    from residency.core.types import Model
    from residency.serve.engine.leaving import Leave

ROLES = ("clinician", "reviewer", "administrator", "auditor")
SCOPES = ("chat", "embed", "medical", "models", "metrics", "audit")
"""What an API key may be allowed. A key never has more than its user's role."""
URGENCIES = ("emergency", "urgent", "soon", "routine")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user in a session, or an API key of a user; ``scopes`` is None for a session (its role decides)."""

    user: str
    name: str
    role: str
    key: str | None = None
    scopes: frozenset[str] | None = None
    csrf: str | None = None
    language: str = "en"
    must_change: bool = False

    @property
    def actor(self) -> str:
        """Return the name under which the record knows them."""
        return f"key:{self.key}" if self.key else f"user:{self.name}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the record. ``body`` is JSON without a word of a patient; ``texts`` is sealed, where texts are kept."""

    kind: str
    actor: str
    body: dict[str, Any] = field(default_factory=dict)
    request: str = ""
    texts: dict[str, str] | None = None


class Recorder(Protocol):
    """What puts entries on record; it returns once they are durable, and raises Unrecorded where they are not."""

    async def write(self, entry: Entry) -> int:
        """Return the entry's number."""
        ...

    def write_now(self, entry: Entry) -> int:
        """Return the entry's number; for a thread that may wait."""
        ...

    def digest(self, text: str) -> str:
        """Return the keyed hash under which a text stands in the record: no one without the key can try texts on it."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a guard says: "pass"; "answer" (``text`` instead of the model's, handed over with ``urgency``); "refuse".

    "mark" lets an answer pass with ``text`` put before it. ``rules`` are the names of the rules that spoke.
    """

    action: str = "pass"
    text: str = ""
    urgency: str | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Confidence:
    """How sure an answer is: ``value`` in [0, 1] where ``calibrated``; ``abstain`` where that is under a threshold."""

    calibrated: bool = False
    value: float | None = None
    abstain: bool = False
    measured: str = ""


class Engine(Protocol):
    """What writes answers, in the wire format of the OpenAI API: bodies and chunks are dictionaries.

    Raises Busy where the queue is full, Down where it has crashed and is started again, Refused where a request cannot
    be answered as it stands.
    """

    name: str
    hash: str
    context: int

    def of(self, user: str, leave: Leave | None = None) -> Engine:
        """Return the same engine as one user has it: what it read for others is no use to them.

        With ``leave`` its model stops what it does once nobody waits for it.
        """
        ...

    async def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a chat completion."""
        ...

    def chat_stream(self, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield the chunks of a chat completion; closing the iterator stops the generation."""
        ...

    async def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return a text completion."""
        ...

    def complete_stream(self, body: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """Yield the chunks of a text completion."""
        ...

    async def embed(self, texts: Sequence[str]) -> tuple[list[list[float]], int]:
        """Return a unit vector for each text, and how many tokens they have."""
        ...

    def as_model(self) -> Model:
        """Return the same engine as a ``Model`` for a thread that may wait (cited answers, tools)."""
        ...

    def close(self) -> None:
        """End it, and what it started."""
        ...

    def about(self) -> dict[str, Any]:
        """Return numbers for /metrics and the pages: slots in use, requests waiting, restarts, alive or not."""
        ...


class Busy(ResidencyError):
    """The queue is full; ``after`` is in how many seconds to come back."""

    def __init__(self, after: int) -> None:
        self.after = after
        super().__init__(f"too many requests are waiting: come back in {after} s")


class Down(ResidencyError):
    """What answers is not there; ``after`` is in how many seconds it should be."""

    def __init__(self, after: int = 5) -> None:
        self.after = after
        super().__init__(f"the model is being started again: come back in {after} s")


class Refused(ResidencyError):
    """A request that cannot be answered as it stands; ``status`` and ``code`` go back, never a word of the prompt."""

    def __init__(
        self, message: str, *, status: int = 400, code: str = "invalid_request_error", param: str = ""
    ) -> None:
        self.status, self.code, self.param = status, code, param
        super().__init__(message)


class Unrecorded(ResidencyError):
    """The record cannot be written, so nothing is answered."""

    def __init__(self) -> None:
        super().__init__("the record cannot be written: nothing is answered until it can (residency log verify)")
