"""A stream on its way through the guard: what may go out goes out, and how the answer ends waits until it is on record.

Each choice's answer, and its thoughts where the model tells them, are held back until a sentence is whole. What would
be handed to a tool goes out at the end, once it is known as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from residency.serve.engine.forms import THOUGHTS, Form, said
from residency.serve.engine.guarded import stopped_calls
from residency.serve.engine.told import STOPS
from residency.serve.types import Verdict

if TYPE_CHECKING:
    from residency.serve.engine.told import Asked
    from residency.serve.guard import Guard
    from residency.serve.guard.release import Release

Chunk = dict[str, Any]


@dataclass(slots=True)
class Choice:
    """One choice of a stream: its two texts in the guard's hands, and what waits for its end."""

    release: Release
    thoughts: Release | None = None
    thought: str = THOUGHTS[0]
    said: list[str] = field(default_factory=list)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    handed: list[dict[str, Any]] = field(default_factory=list)
    finish: str | None = None
    held: str = ""
    scores: list[tuple[int, Any]] = field(default_factory=list)
    clean: bool = True

    def wrote(self, text: str, scores: Any) -> str:
        """Return what may go out now that the model wrote one more piece."""
        if scores and self.clean:
            self.scores.append((len(text), scores))
        self.held += text
        return self._out(self.release.feed(text))

    def _out(self, text: str) -> str:
        """Note what goes out; from where it is not what was written, the tokens' scores are not told any more."""
        if text:
            self.said.append(text)
            self.clean = self.clean and self.held.startswith(text)
            self.held = self.held[len(text) :] if self.clean else ""
        return text

    def end(self) -> str:
        """Return the rest of the answer."""
        rest = self._out(self.release.end())
        self.clean = self.clean and not self.held
        return rest

    def scored(self) -> dict[str, Any] | None:
        """Return the scores of the tokens that have gone out since they were last asked for."""
        if not self.clean:
            self.scores.clear()
        waiting, ready = len(self.held), list[Any]()
        total = sum(size for size, _ in self.scores)
        while self.scores and total - self.scores[0][0] >= waiting:
            size, scores = self.scores.pop(0)
            total -= size
            ready.append(scores)
        if not ready or not isinstance(ready[0].get("content"), list):
            return None
        return {**ready[0], "content": [one for scores in ready for one in scores["content"]]}

    def called(self, delta: Mapping[str, Any]) -> None:
        """Keep a piece of a call to a tool; the pieces of its arguments are joined."""
        for piece in delta["tool_calls"]:
            call = self.calls.setdefault(piece.get("index", 0), {"index": piece.get("index", 0), "function": {}})
            call |= {name: value for name, value in piece.items() if name != "function" and value is not None}
            for name, value in (piece.get("function") or {}).items():
                if value is not None:
                    call["function"][name] = call["function"].get(name, "") + value


class Relay:
    """What passes the chunks of one request on; ``usage`` is what the engine counted."""

    def __init__(self, asked: Asked, guard: Guard, form: Form, head: Chunk) -> None:
        self.asked, self.guard, self.form, self.head, self.known = asked, guard, form, head, asked.all_known
        self.choices: dict[int, Choice] = {}
        self.usage: dict[str, Any] | None = None
        self.wants_scores = bool(asked.body.get("logprobs"))

    def feed(self, chunk: Mapping[str, Any]) -> Chunk | None:
        """Return the chunk that may go out for one of the engine's; None where nothing may yet."""
        if chunk.get("usage"):
            self.usage = chunk["usage"]
        out = [one for choice in chunk["choices"] if (one := self._passed(choice))]
        return {**self.head, "choices": out} if out else None

    def _passed(self, choice: Mapping[str, Any]) -> Chunk | None:
        at = choice.get("index", 0)
        held = self.choices.get(at) or self._opened(at)[1]
        held.finish = choice.get("finish_reason") or held.finish
        if not self.form.chat:
            text = held.wrote(choice["text"], choice.get("logprobs")) if choice.get("text") else ""
            return self._piece(at, held, {"text": text}) if text else None
        delta, out = choice.get("delta") or {}, dict[str, Any]()
        if delta.get("role"):
            out |= {"role": delta["role"], "content": delta.get("content") and ""}
        if delta.get("content") and (text := held.wrote(delta["content"], choice.get("logprobs"))):
            out["content"] = text
        for name in THOUGHTS:
            if delta.get(name) and (text := self._thought(held, name, delta[name])):
                out[name] = text
        if delta.get("tool_calls"):
            held.called(delta)
        return self._piece(at, held, {"delta": out}) if out else None

    def _opened(self, at: int) -> tuple[int, Choice]:
        self.choices[at] = Choice(self._release(note=not self.asked.wants_json))
        return at, self.choices[at]

    def _thought(self, held: Choice, name: str, text: str) -> str:
        if held.thoughts is None:
            held.thoughts, held.thought = self._release(note=False), name
        return held.thoughts.feed(text)

    def _release(self, *, note: bool) -> Release:
        how: dict[str, Any] = {"hidden": self.asked.hidden, "asked": self.asked.question}
        return self.guard.sentences(self.known, self.asked.kind, note=note, **how)

    def _piece(self, at: int, held: Choice, part: dict[str, Any]) -> Chunk:
        scores = held.scored() if self.wants_scores else None
        return {"index": at, **part, "logprobs": scores, "finish_reason": None}

    # --- the end ---------------------------------------------------------------------------------------------------

    def end(self, *, usage: bool) -> list[Chunk]:
        """Return the chunks that end the answer, and note what the guard says of it as a whole."""
        held = sorted(self.choices.items()) or [self._opened(0)]
        rests = [one for at, choice in held if (one := self._rest(at, choice))]
        last = [{**self.head, "choices": [one]} for one in (*rests, *(self._end(at, choice) for at, choice in held))]
        self.asked.answer = self.said()
        counted = self.usage or {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        self.asked.tokens = {"in": counted["prompt_tokens"], "out": counted["completion_tokens"]}
        last[-1]["residency"] = self.asked.about()
        return [*last, {**self.head, "choices": [], "usage": counted}] if usage else last

    def said(self) -> str:
        """Return what has gone out so far, one choice a line."""
        return "\n".join(said("".join(choice.said), choice.handed) for _, choice in sorted(self.choices.items()))

    def _rest(self, at: int, held: Choice) -> Chunk | None:
        """Return what was still held back of a choice, with what the guard says of it, and its calls to tools."""
        text, thought = held.end(), held.thoughts.end() if held.thoughts else ""
        self.asked.verdicts.append(held.release.verdict)
        if held.release.verdict.action in STOPS:
            held.finish = "content_filter"
        calls = self._checked_calls(held)
        if not self.form.chat:
            return self._piece(at, held, {"text": text}) if text else None
        out: dict[str, Any] = {"content": text} if text else {}
        out |= {held.thought: thought} if thought else {}
        out |= {"tool_calls": calls} if calls else {}
        return self._piece(at, held, {"delta": out}) if out else None

    def _checked_calls(self, held: Choice) -> list[dict[str, Any]]:
        """Return the calls to tools, none where what they hand over may not go out as it is."""
        calls = [call for _, call in sorted(held.calls.items())]
        handed = " ".join(call["function"].get("arguments", "") for call in calls)
        if handed and (stopped := stopped_calls(self.asked, self.guard, handed)):
            self.asked.verdicts.append(stopped)
            held.finish = "content_filter"
            return []
        held.handed = calls
        return calls

    def _end(self, at: int, held: Choice) -> Chunk:
        part: dict[str, Any] = {"delta": {}} if self.form.chat else {"text": ""}
        return {"index": at, **part, "logprobs": None, "finish_reason": held.finish or "stop"}


def first_words(verdict: Verdict, chat: bool, head: Chunk) -> Iterator[Chunk]:
    """Yield the chunk that puts a mark before an answer, where there is one."""
    if verdict.action == "mark" and verdict.text:
        text = f"{verdict.text}\n\n"
        part: dict[str, Any] = {"delta": {"role": "assistant", "content": text}} if chat else {"text": text}
        yield {**head, "choices": [{"index": 0, **part, "logprobs": None, "finish_reason": None}]}
