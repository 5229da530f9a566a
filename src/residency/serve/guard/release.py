"""What of a streamed answer may go out: a sentence once it is whole and looked at, and never more than a little held.

A sentence that does not end goes out in parts: after 400 characters, or 2 seconds. A part is cut between words, and
never within what may be an identifier.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from residency.serve.guard.identifiers import Hider
from residency.serve.guard.told import Told, echoes
from residency.serve.types import Verdict

HELD, SECONDS = 400, 2.0
KEPT = 60
"""Characters that stay behind where a sentence goes out in parts, since an identifier may go on in the next."""
SEEN = 4_000
"""Characters of an answer that are compared with the question: one that repeats it is no longer."""
_END = re.compile(r"(?:[.!?]['\"”’)\]]*\s+(?=\S)|\n)")
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|Dr|Dra|Mr|Mrs|Ms|Prof|Sr|Sra|D|Fig|No|approx|cf|etc|p\.ej|ej|aprox)"
    r"|(?<!\S)\d{1,2}|(?<!\w)[A-Z])\.\s+$"
)
"""A stop that ends no sentence."""
_LOOK = 12
MARKS = ("dose-told", "advice-told", "reassured", "repeated", "leak")
"""What is told before or behind an answer, in this order."""
URGENT = {"reassured": "emergency", "method-told": "emergency"}


@dataclass(slots=True)
class Release:
    """Lets an answer out by sentences. ``verdict`` is what the guard says of all of it, once ``end`` was called."""

    told: Told
    hider: Hider
    language: str
    texts: dict[str, str]
    note: bool = True
    clock: Callable[[], float] = time.monotonic
    verdict: Verdict = field(default_factory=Verdict)
    _held: str = ""
    _since: float = 0.0
    _seen: str = ""
    _stopped: bool = False

    def feed(self, piece: str) -> str:
        """Return what may go out now that the model wrote a further piece; mostly "" within a sentence."""
        if not self._held:
            self._since = self.clock()
        self._held += piece
        if not self._stopped and len(self._seen) < SEEN:
            self._seen += piece
        out = ""
        if _may_end(piece):
            out = self._sentences()
        if len(self._held) > HELD or (len(self._held) > KEPT and self.clock() - self._since > SECONDS):
            out += self._part()
        return out

    def end(self) -> str:
        """Return the rest, and behind it what has to be said of the answer where it is a text and no JSON."""
        out = self._sentences() + self._let(self._held)
        self._held = ""
        self.told.end()
        if self.told.asked and not self.told.repeats and echoes(self._seen, self.told.asked[0]):
            self.told.note("echo")
        if self.hider.hidden:
            self.told.note("leak")
        self.verdict = self._verdict()
        if self._stopped:
            return out + self._apart(self.texts["method-told"])
        text = self.verdict.text
        return out + (self._apart(text) if text and self.note and not self.structured else "")

    @property
    def structured(self) -> bool:
        """Whether the answer is JSON, in which nothing may be put."""
        return self._seen.lstrip()[:1] in ("{", "[") and bool(self._seen.strip())

    def _apart(self, text: str) -> str:
        return f"\n\n{text}" if self._seen.strip() else text

    def _sentences(self) -> str:
        """Return the whole sentences that are held."""
        out, at = "", 0
        for found in _END.finditer(self._held):
            if not _SHORT.search(self._held[max(at, found.end() - _LOOK) : found.end()]):
                out += self._let(self._held[at : found.end()])
                at = found.end()
        if at:
            self._held, self._since = self._held[at:], self.clock()
        return out

    def _part(self) -> str:
        """Return the beginning of a sentence that is too long to be held."""
        cut = self._held.rfind(" ", 0, len(self._held) - KEPT) + 1
        cut = cut or (len(self._held) - KEPT if len(self._held) > 2 * HELD else 0)
        for one in self.hider.spans(self._held, self.language):
            if one.start < cut < one.end:
                cut = one.start
        if cut <= 0:
            return ""
        part, self._held = self._held[:cut], self._held[cut:]
        self._since = self.clock()
        return self._let(part)

    def _let(self, sentence: str) -> str:
        """Return what may be shown of a sentence."""
        if self._stopped:
            return ""
        shown = self.told.look(sentence, whole=self.structured)
        if "method-told" in self.told.found:
            self._stopped = True
            return ""
        return self.hider.hide(shown, self.hider.spans(shown, self.language)) if shown else ""

    def _verdict(self) -> Verdict:
        found = tuple(f"after.{name}" for name in self.told.found)
        if not found:
            return Verdict()
        if self._stopped:
            return Verdict("answer", self.texts["method-told"], "emergency", found)
        said = [self.texts[name] for name in MARKS if name in self.told.found]
        said += [self.texts["echo"]] if "echo" in self.told.found else []
        urgency = next((URGENT[name] for name in self.told.found if name in URGENT), None)
        return Verdict("mark" if said else "pass", "\n".join(said), urgency, found)


def _may_end(piece: str) -> bool:
    """Return whether a piece may have ended a sentence: the white space behind a stop, or a new line."""
    return any(sign in piece for sign in " \n\t") or not piece.isalnum()
