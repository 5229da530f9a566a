"""A guard and a record that do what they are told, for tests of the way between them."""

from __future__ import annotations

import asyncio
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from residency.serve.guard.rules import Rules, read_rules
from residency.serve.types import Confidence, Entry, Principal, Unrecorded, Verdict

ANNA = Principal("u1", "anna", "clinician", key="k1", scopes=frozenset({"chat", "embed", "medical", "models"}))
NUMBER = re.compile(r"\d{3}-\d{4}")


class MemoryRecord:
    """Keeps entries in a list. ``gone``: it cannot be written. ``slow`` seconds pass before one is durable."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.gone, self.slow = False, 0.0

    async def write(self, entry: Entry) -> int:
        """Return its number, or raise Unrecorded."""
        await asyncio.sleep(self.slow)
        return self.write_now(entry)

    def write_now(self, entry: Entry) -> int:
        """Return its number, or raise Unrecorded."""
        if self.gone:
            raise Unrecorded
        self.entries.append(entry)
        return len(self.entries)

    def digest(self, text: str) -> str:
        """Return a hash that tells nobody anything here."""
        return hashlib.sha256(b"key" + text.encode()).hexdigest()


@dataclass
class Sentences:
    """Holds back until a full stop, masks numbers such as 555-1234 that are not known, and stops at "method"."""

    known: tuple[str, ...]
    note: bool = True
    held: str = ""
    seen: str = ""
    masked: bool = False
    json: bool = False
    dose: bool = False
    method: bool = False
    verdict: Verdict = field(default_factory=Verdict)

    def feed(self, piece: str) -> str:
        """Return what is whole."""
        self.held += piece
        self.json = self.json or (not self.seen and piece.lstrip()[:1] == "{")
        self.seen = (self.seen + piece)[-200:]
        self.dose, self.method = self.dose or "500 mg" in self.seen, self.method or "method" in self.seen
        at = max(self.held.rfind(". "), self.held.rfind("\n")) + 1
        out, self.held = self.held[:at], self.held[at:]
        return self._shown(out)

    def end(self) -> str:
        """Return the rest."""
        out, self.held = self.held, ""
        out = self._shown(out)
        rules = (["after.leak"] if self.masked else []) + (["dosing.told"] if self.dose else [])
        text = "This dose has no source." if self.dose else ""
        self.verdict = Verdict("mark" if text else "pass", text, None, tuple(rules))
        if self.method:
            self.verdict = Verdict("answer", "Withheld.", "emergency", ("after.method",))
            return "Withheld."
        return f"{out}\n\n{text}" if text and self.note and not self.json else out

    def _shown(self, text: str) -> str:
        clean = NUMBER.sub(lambda m: m[0] if any(m[0] in k for k in self.known) else "[…]", text)
        self.masked = self.masked or clean != text
        return "" if self.method else clean


@dataclass
class WordGuard:
    """Speaks when it reads certain words. ``sure``: how sure an answer is; under one half it abstains."""

    sure: float | None = None
    rules: Rules = field(default_factory=read_rules)

    def before(self, messages: Any, kind: str) -> Verdict:
        """Return what the question's words call for."""
        text = " ".join(str(message.get("content")) for message in messages)
        if "stroke" in text:
            return Verdict("answer", "Call the emergency number now.", "emergency", ("emergency.stroke",))
        if "my dog" in text:
            return Verdict("refuse", "That is not medicine.", None, ("scope.animals",))
        if "chest" in text:
            return Verdict("mark", "Call 112.", "emergency", ("emergency.heart",))
        if "dose" in text:
            return Verdict("mark", "Check every dose.", "soon", ("dosing.asked",))
        return Verdict()

    def sentences(self, known: Any, kind: str, *, hidden: Any = (), asked: str = "", note: bool = True) -> Sentences:
        """Return what releases a stream."""
        return Sentences(tuple(known), note)

    def confidence(self, model_hash: str, kind: str, reply: Any) -> Confidence:
        """Return how sure the answer is, where it tells the odds of its options."""
        if self.sure is None or not reply.get("choice_logprobs"):
            return Confidence()
        return Confidence(True, self.sure, self.sure < 0.5)

    def texts(self, language: str) -> dict[str, str]:
        """Return what it says."""
        return {"emergency": "Call the emergency number now."}

    def hand_over(self, urgency: str | None, language: str = "en") -> str:
        """Return what is said where the model abstains."""
        return f"Ask a colleague: {urgency}."
