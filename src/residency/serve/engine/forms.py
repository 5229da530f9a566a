"""The two forms in which a model answers, chat and plain text: where their texts stand, and how one is put in place.

A guard reads all that a model wrote: the answer, its thoughts where the model tells them, and what it would hand to a
tool.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from residency.serve.types import Engine

OPENAI = ("id", "object", "created", "model", "system_fingerprint", "choices", "usage")
"""What a completion has; an engine's own keys (its timings) stay inside."""
THOUGHTS = ("reasoning_content", "reasoning")


@dataclass(frozen=True, slots=True)
class Form:
    """How a form of answer is called in the wire format."""

    name: str
    route: str
    prefix: str
    whole: str
    piece: str
    messages: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]]

    @property
    def chat(self) -> bool:
        """Return whether it is chat."""
        return self.name == "chat"

    def text_of(self, choice: Mapping[str, Any]) -> str:
        """Return the answer of a choice, "" where it has none."""
        return (choice["message"].get("content") if self.chat else choice["text"]) or ""

    def said(self, choice: Mapping[str, Any]) -> str:
        """Return all that a choice says for the record: its answer, and what it would hand to tools."""
        return said(self.text_of(choice), (choice.get("message") or {}).get("tool_calls"))

    def put(self, choice: dict[str, Any], text: str) -> None:
        """Put a text in the place of the model's; what was said of its tokens goes."""
        choice["logprobs"] = None
        if self.chat:
            choice["message"]["content"] = text
        else:
            choice["text"] = text

    def replace(self, choice: dict[str, Any], text: str, *, refusal: bool, wants_json: bool) -> None:
        """Put a guard's or a hand-over's words in the place of all that the model wrote.

        Where JSON was asked for it stands as the refusal and there is no content, as OpenAI has it.
        """
        choice["logprobs"] = None
        choice["finish_reason"] = "content_filter" if refusal else "stop"
        if not self.chat:
            choice["text"] = text
        elif wants_json:
            choice["message"] = {"role": "assistant", "content": None, "refusal": text}
        else:
            choice["message"] = {"role": "assistant", "content": text}

    def reply(self, request: str, model: str, text: str) -> dict[str, Any]:
        """Return a completion that no model wrote."""
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop", "logprobs": None}
        choice |= {"message": {"role": "assistant", "content": text}} if self.chat else {"text": text}
        usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        head = {"id": self.prefix + request, "object": self.whole, "created": int(time.time()), "model": model}
        return {**head, "choices": [choice], "usage": usage}

    def own(self, reply: Mapping[str, Any], request: str, engine: Engine) -> dict[str, Any]:
        """Return an engine's completion under our id and the model's name here, without keys of the engine's own."""
        kept = {name: reply[name] for name in OPENAI if name in reply}
        kept |= {"id": self.prefix + request, "object": self.whole, "model": engine.name}
        kept["system_fingerprint"] = fingerprint(engine)
        kept["choices"] = [_copied(choice) for choice in reply["choices"]]
        return kept

    def pieces(self, reply: Mapping[str, Any], *, usage: bool) -> list[dict[str, Any]]:
        """Return the chunks that a whole completion is streamed in: its text, its end, and its usage if wanted."""
        head = {name: reply[name] for name in OPENAI if name in reply and name not in ("choices", "usage")}
        head["object"] = self.piece
        body = [{**head, "choices": [_opening(choice, self.chat)]} for choice in reply["choices"]]
        ends = [{**head, "choices": [_ending(choice, self.chat)]} for choice in reply["choices"]]
        ends[-1]["residency"] = reply["residency"]
        return [*body, *ends, *([{**head, "choices": [], "usage": reply["usage"]}] if usage else [])]


def fingerprint(engine: Engine) -> str:
    """Return what tells one model's weights from another's in a completion: how their hash begins."""
    return engine.hash[:12]


def said(text: str, calls: Sequence[Mapping[str, Any]] | None) -> str:
    """Return an answer, and behind it the calls to tools, each by name with its arguments."""
    handed = [f"{call['function'].get('name')}({call['function'].get('arguments')})" for call in calls or ()]
    return "\n".join([*([text] if text else []), *handed])


def _copied(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Return a choice whose message can be changed without the engine's being changed."""
    return {**choice, "message": dict(choice["message"])} if "message" in choice else dict(choice)


def _opening(choice: Mapping[str, Any], chat: bool) -> dict[str, Any]:
    piece = {"index": choice["index"], "finish_reason": None, "logprobs": choice.get("logprobs")}
    if not chat:
        return {**piece, "text": choice["text"]}
    delta = dict(choice["message"])
    if delta.get("tool_calls"):
        delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(delta["tool_calls"])]
    return {**piece, "delta": delta}


def _ending(choice: Mapping[str, Any], chat: bool) -> dict[str, Any]:
    piece = {"index": choice["index"], "finish_reason": choice["finish_reason"], "logprobs": None}
    return {**piece, "delta": {}} if chat else {**piece, "text": ""}


def _prompts(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return several prompts as one message: they are asked at once, and a guard reads all of each."""
    prompt = body["prompt"]
    return [{"role": "user", "content": prompt if isinstance(prompt, str) else "\n\n".join(prompt)}]


def choices_of(body: Mapping[str, Any]) -> int:
    """Return how many choices a body asks for: ``n`` of each prompt."""
    prompt = body.get("prompt", "")
    return int(body.get("n") or 1) * (1 if isinstance(prompt, str) else len(prompt))


CHAT = Form(
    "chat",
    "/v1/chat/completions",
    "chatcmpl-",
    "chat.completion",
    "chat.completion.chunk",
    lambda body: body["messages"],
)
TEXT = Form("text", "/v1/completions", "cmpl-", "text_completion", "text_completion", _prompts)
