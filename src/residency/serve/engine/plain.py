"""What a model is asked, without the marks of its chat template: a note cannot end its turn and play another's.

llama.cpp reads such marks wherever they stand in a prompt, and so does transformers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from residency.core.types import Message, Model, Reply

if TYPE_CHECKING:
    import numpy as np

    from residency.core.types import TokenScores

_MARKS = re.compile(
    r"<[|｜][^<>\n]{0,64}[|｜]>|</?s>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_\w{4,8})\]|<</?SYS>>|</?(?:start|end)_of_turn>|<(?:bos|eos|pad|unk|mask)>"
    r"|</?(?:tool_call|tool_response|tools)>",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"[<>|｜\[\]]")


def plain(text: str) -> str:
    """Return a text without marks of a chat template: the words of a mark stay, its brackets go."""
    before = ""
    while text != before:  # what is left of one mark may be the middle of another
        before, text = text, _MARKS.sub(lambda found: _SIGNS.sub("", found[0]), text)
    return text


def plain_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages whose contents hold no marks; their roles and calls to tools are as they were."""
    return [{**one, "content": _content(one["content"])} if one.get("content") else dict(one) for one in messages]


def plain_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a body asks, its messages or its prompt, without marks."""
    if "messages" in body:
        return {"messages": plain_messages(body["messages"])}
    prompt = body["prompt"]
    return {"prompt": plain(prompt) if isinstance(prompt, str) else [plain(one) for one in prompt]}


def _content(content: Any) -> Any:
    if isinstance(content, str):
        return plain(content)
    return [{**part, "text": plain(part["text"])} if isinstance(part.get("text"), str) else part for part in content]


class PlainModel:
    """A model that is asked without marks; all else that it can do is as it was."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.name, self.hash = model.name, model.hash

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def generate(self, prompts: Sequence[list[Message]], *, max_tokens: int, **how: Any) -> list[Reply]:
        """Return the model's replies."""
        return self._model.generate([plain_messages(prompt) for prompt in prompts], max_tokens=max_tokens, **how)

    def stream(self, prompt: list[Message], **how: Any) -> Iterator[str]:
        """Yield the model's reply in pieces."""
        return self._model.stream(plain_messages(prompt), **how)

    def loglik(self, prompts: Sequence[list[Message]], answers: Sequence[str]) -> list[TokenScores]:
        """Return the token scores of each answer after its prompt."""
        return self._model.loglik([plain_messages(prompt) for prompt in prompts], answers)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit-length vectors, ``[batch, width]``."""
        return self._model.embed(texts)
