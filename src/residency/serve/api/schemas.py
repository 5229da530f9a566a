"""The replies of the OpenAI-compatible routes as /openapi.json describes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel


class Residency(BaseModel):
    """What is known of an answer beside its words; OpenAI's clients pass over it.

    ``request`` is its name in the record and ``seq`` its number there (of a stream, that of its end);
    ``confidence`` is in [0, 1] where ``calibrated``, and ``measured`` says on what; ``rules`` are those of the
    guard that spoke, and ``note`` what it put beside the answer. Every answer of a model is a ``draft``.
    """

    request: str
    seq: int
    calibrated: bool
    confidence: float | None
    abstained: bool
    urgency: Literal["emergency", "urgent", "soon", "routine"] | None
    rules: list[str]
    draft: bool
    note: str = ""
    measured: str = ""


class Usage(BaseModel):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Said(BaseModel):
    """A message of the model."""

    role: str
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class ChatChoice(BaseModel):
    """One answer of a chat."""

    index: int
    message: Said
    finish_reason: Literal["stop", "length", "tool_calls", "content_filter"]
    logprobs: dict[str, Any] | None = None


class TextChoice(BaseModel):
    """One continuation of a prompt."""

    index: int
    text: str
    finish_reason: Literal["stop", "length", "content_filter"]
    logprobs: dict[str, Any] | None = None


class ChatReply(BaseModel):
    """A chat completion."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str = ""
    choices: list[ChatChoice]
    usage: Usage
    residency: Residency


class TextReply(BaseModel):
    """A text completion."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str = ""
    choices: list[TextChoice]
    usage: Usage
    residency: Residency


class Vector(BaseModel):
    """A text's vector of unit length: numbers, or base64 of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class Read(BaseModel):
    """Tokens read."""

    prompt_tokens: int
    total_tokens: int


class Vectors(BaseModel):
    """Vectors in the order of the texts."""

    object: Literal["list"]
    data: list[Vector]
    model: str
    usage: Read
    residency: Residency


class Held(BaseModel):
    """A model that answers here; ``hash`` is the SHA-256 of its weights, ``context`` the tokens that fit."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    hash: str
    context: int


class Models(BaseModel):
    """All models that answer here."""

    object: Literal["list"]
    data: list[Held]
