"""What is known of one request while it is worked on, the line it leaves in the record, and what is told of it.

The record gets keyed hashes of prompt and answer, never a word of them; texts go beside, for a record that keeps them
sealed.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from residency.serve.engine.ending import Stopping
from residency.serve.types import URGENCIES, Busy, Confidence, Down, Entry, Principal, Refused, Verdict

if TYPE_CHECKING:
    from residency.serve.types import Engine

_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
STOPS = ("answer", "refuse")
"""What a guard says where the model is not asked, or not heard."""


@dataclass(slots=True)
class Told:
    """An answer that is on record: the OpenAI completion, what the guard said, and where it stands in the record."""

    reply: dict[str, Any]
    verdicts: list[Verdict]
    confidence: Confidence
    request: str
    seq: int

    @property
    def about(self) -> dict[str, Any]:
        """Return what goes out beside the completion under ``residency``."""
        return self.reply["residency"]

    @property
    def text(self) -> str | None:
        """Return the text of the first choice; None where there is none."""
        choice = self.reply["choices"][0]
        return choice["message"]["content"] if "message" in choice else choice["text"]

    @property
    def stopped(self) -> bool:
        """Return whether a rule answered or refused in the model's place, or the model abstained."""
        return bool(self.about["abstained"]) or any(verdict.action in STOPS for verdict in self.verdicts)


@dataclass(slots=True)
class Asked:
    """One request: who asks what of which engine, and what has been found of it so far."""

    principal: Principal
    engine: Engine
    body: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
    kind: str
    route: str
    question: str = ""
    known: tuple[str, ...] = ()
    application: str = ""
    evidence: tuple[str, ...] = ()
    snapshots: dict[str, Any] = field(default_factory=dict)
    request: str = field(default_factory=lambda: uuid.uuid4().hex)
    began: float = field(default_factory=time.monotonic)
    first: float | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    confidence: Confidence = Confidence()
    tokens: dict[str, int] = field(default_factory=lambda: {"in": 0, "out": 0})
    answer: str | None = None
    abstained: bool = False
    altered: bool = False
    decided: str = ""
    prompt: str = field(init=False)
    _hash: str = ""

    @property
    def rules(self) -> list[str]:
        """Return the names of the rules that spoke, each once, in their order."""
        return list(dict.fromkeys(rule for verdict in self.verdicts for rule in verdict.rules))

    @property
    def urgency(self) -> str | None:
        """Return the most urgent of what the guard said."""
        said = [verdict.urgency for verdict in self.verdicts if verdict.urgency]
        return min(said, key=URGENCIES.index, default=None)

    @property
    def wants_json(self) -> bool:
        """Return whether the answer must be JSON, so that no word may be put beside it."""
        form = self.body.get("response_format") or {}
        return form.get("type") in ("json_object", "json_schema")

    @property
    def all_known(self) -> tuple[str, ...]:
        """Return the texts whose identifiers may come back: what was asked, and what the answer may stand on."""
        said = said_in([one for one in self.messages if one.get("role") != "system" or not self.application])
        return (*said, *self.known)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Return the texts that are nobody's to read: the instructions of an application."""
        return tuple(said_in([one for one in self.messages if one.get("role") == "system"])) if self.application else ()

    @property
    def note(self) -> str:
        """Return what the guard put before or after the answer."""
        marks = [verdict.text for verdict in self.verdicts if verdict.action == "mark" and verdict.text]
        return "\n\n".join(dict.fromkeys(marks))

    def __post_init__(self) -> None:
        """Write the messages as one text, which two entries of the record may need."""
        self.prompt = written(self.messages)

    def outcome(self) -> str:
        """Return what came of it, for the record."""
        actions = {verdict.action for verdict in self.verdicts}
        if self.abstained:
            return "abstained"
        by_rule = "answered by rule" if "answer" in actions else self.decided or "answered"
        return "refused" if "refuse" in actions else by_rule

    def about(self) -> dict[str, Any]:
        """Return what goes out under ``residency``; every answer of a model is a draft."""
        told = {
            "request": self.request,
            "calibrated": self.confidence.calibrated,
            "confidence": self.confidence.value,
            "abstained": self.abstained,
            "urgency": self.urgency,
            "rules": self.rules,
            "draft": True,
        }
        if self.confidence.measured:
            told["measured"] = self.confidence.measured
        return {**told, "note": self.note} if self.note else told

    def line(self, decision: str, digest: Callable[[str], str], **more: Any) -> dict[str, Any]:
        """Return the body of its entry in the record."""
        self._hash = self._hash or digest(self.prompt)
        return {
            "route": self.route,
            "kind": self.kind,
            "application": self.application,
            "model": self.engine.name,
            "model_hash": self.engine.hash,
            "prompt": self._hash,
            "answer": digest(self.answer) if self.answer is not None else None,
            "evidence": list(self.evidence),
            "snapshots": self.snapshots,
            "decision": decision,
            "rules": self.rules,
            "urgency": self.urgency,
            "calibrated": self.confidence.calibrated,
            "confidence": self.confidence.value,
            "tokens": dict(self.tokens),
            "ms": round((time.monotonic() - self.began) * 1000, 1),
            "first_ms": round((self.first - self.began) * 1000, 1) if self.first is not None else None,
            **more,
        }

    def entry(self, kind: str, line: dict[str, Any]) -> Entry:
        """Return its entry, with the texts for a record that keeps them."""
        texts = {"prompt": self.prompt}
        if self.answer is not None:
            texts["answer"] = self.answer
        return Entry(kind, self.principal.actor, line, self.request, texts)


def written(messages: Iterable[Mapping[str, Any]]) -> str:
    """Return messages as one text, the same for the same messages."""
    return _JSON.encode(list(messages))


def said_in(messages: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the texts of messages, also those that come in parts."""
    found: list[str] = []
    for message in messages:
        content = message.get("content")
        parts: Any = content if isinstance(content, list) else [{"text": content}]
        found += [part["text"] for part in parts if isinstance(part.get("text"), str)]
    return found


def why(error: BaseException) -> str:
    """Return in a word why a request failed, never a word of it."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "client gone"
    if isinstance(error, Refused):
        return error.code
    return {Busy: "busy", Down: "engine down", Stopping: "service stopped"}.get(type(error), type(error).__name__)
