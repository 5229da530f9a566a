"""What an agent did, whole: each call with what came of it, what was asked of the model, and how it ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from residency.core.types import Message
from residency.infer.evidence import Evidence
from residency.infer.tools.inputs import Refusal
from residency.infer.tools.tool import Result


@dataclass(frozen=True, slots=True)
class Call:
    """One call: the tool by name, its arguments as JSON has them, and what it gave or why it did not.

    ``unmentioned`` are the inputs that were given although nobody stated them: numbers, and a calculator's findings and
    choices of which no word stands in the question, the record or a result. Such a call is not carried out.
    """

    tool: str
    arguments: dict[str, Any]
    outcome: Result | Refusal
    seconds: float = 0.0
    unmentioned: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the tool gave a result."""
        return isinstance(self.outcome, Result)

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        outcome = {"result": self.outcome.told()} if isinstance(self.outcome, Result) else {
            "refused": asdict(self.outcome)}  # fmt: skip
        return {"tool": self.tool, "arguments": self.arguments, **outcome, "seconds": round(self.seconds, 3),
                "unmentioned": list(self.unmentioned)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Turn:
    """What the model was asked at one step, and what it replied (None: it abstained)."""

    prompt: list[Message]
    reply: str | None
    tokens: int


@dataclass(slots=True)
class Transcript:
    """How a question was solved: the answer, or None and ``why`` not.

    ``why`` is one of: abstained, steps, seconds, tokens, repeats, unreadable, invented (the answer had a number that
    nothing gave), unfounded (it answered before anything was found), unsupported (nothing bears the answer); or
    "missing: " and the inputs that a calculator lacked, which ``missing`` lists. ``evidence`` are the texts that the
    answer was written from, ``cited`` the ids of those that it has its words and numbers from (none: it stands on
    results alone), ``snapshots`` what was searched. An answer that was found although a tool failed ends with its name.
    """

    question: str
    answer: str | None = None
    why: str | None = None
    calls: list[Call] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    cited: list[str] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0

    @property
    def snapshots(self) -> list[str]:
        """The hashes of what was searched, each once, in order."""
        results = [call.outcome for call in self.calls if isinstance(call.outcome, Result)]
        return list(dict.fromkeys(result.snapshot for result in results if result.snapshot))

    @property
    def missing(self) -> list[str]:
        """The inputs that nobody stated, of the calculators that were called with them and never gave a result."""
        done = {call.tool for call in self.calls if call.done}
        names = [name for call in self.calls if call.tool not in done for name in call.unmentioned]
        return list(dict.fromkeys(names))

    @property
    def failed(self) -> list[str]:
        """The tools that raised or took too long, and never gave a result."""
        done = {call.tool for call in self.calls if call.done}
        failed = [call.tool for call in self.calls
                  if isinstance(call.outcome, Refusal) and call.outcome.kind in ("hung", "raised")]  # fmt: skip
        return [name for name in dict.fromkeys(failed) if name not in done]

    def told(self) -> dict[str, Any]:
        """Return it as JSON has it: all of it."""
        return {
            "question": self.question, "answer": self.answer, "abstained": self.answer is None, "why": self.why,
            "missing": self.missing, "failed": self.failed, "cited": self.cited,
            "calls": [call.told() for call in self.calls], "evidence": [one.told() for one in self.evidence],
            "snapshots": self.snapshots, "tokens": self.tokens, "seconds": round(self.seconds, 3),
            "turns": [asdict(turn) for turn in self.turns],
        }  # fmt: skip
