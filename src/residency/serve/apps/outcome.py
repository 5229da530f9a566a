"""What an application comes to: a checked reply with its marks, or none and why; and how urgent it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from residency.serve.types import URGENCIES

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Mark:
    """A place of the reply that a check does not let pass as it is: ``at`` its path, characters ``start`` to ``end``.

    ``code`` is one word for programs, ``says`` the words for people, ``text`` the sentence that it is about, if any.
    ``removed``: it was taken out of the reply, and ``at`` is where it stood.
    """

    at: str
    code: str
    says: str
    start: int = 0
    end: int = 0
    removed: bool = False
    text: str = ""


@dataclass(slots=True)
class Solved:
    """What came of a case in a thread: the reply (None: abstained, and ``why``), its marks, and what was reckoned.

    A check that sets ``why`` leaves no reply.     ``ruled``: a rule answered with ``text``, and no model was asked.
    """

    reply: Json | None
    why: str = ""
    text: str = ""
    urgency: str | None = None
    ruled: bool = False
    marks: list[Mark] = field(default_factory=list)
    facts: Json = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What goes back to who asked. ``reply`` is the checked JSON, None where it abstained or a rule answered.

    ``text`` is for people where there is no reply. ``urgency`` is the most urgent of what the reply, the rules and the
    guard say. ``decision`` is that of the record: answered, abstained, answered by rule, or refused.
    """

    application: str
    version: int
    hash: str
    output: str
    decision: str
    reply: Json | None
    text: str
    urgency: str
    why: str
    marks: tuple[Mark, ...]
    facts: Mapping[str, Any]
    rules: tuple[str, ...]
    note: str
    request: str
    seq: int
    model: str
    model_hash: str
    calibrated: bool
    confidence: float | None
    evidence: tuple[Json, ...] = ()
    tokens: int = 0
    measured: str = ""

    @property
    def abstained(self) -> bool:
        """Return whether there is no reply of a model."""
        return self.reply is None

    def told(self) -> Json:
        """Return it as JSON has it."""
        found = asdict(self)
        return {**found, "abstained": self.abstained, "draft": self.output == "draft"}


def most_urgent(*urgencies: str | None) -> str:
    """Return the most urgent of several; "routine" where none is said."""
    return min((one for one in urgencies if one), key=URGENCIES.index, default=URGENCIES[-1])
