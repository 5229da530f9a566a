"""What the OpenAI-compatible routes take, field by field; a field that is not here is refused by its name.

What OpenAI knows and a model here cannot do is in ``REFUSED``, with what to do instead. Four fields have no effect on
an answer by OpenAI's own definition (``user``, ``metadata``, ``safety_identifier``, ``prompt_cache_key``): they are
taken, and go no further.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from residency.serve.types import Refused

KINDS = Literal["chat", "clinician", "patient", "tutor", "note"]
REFUSED = {
    "functions": "give tools",
    "function_call": "give tool_choice",
    "audio": "answers are text",
    "prediction": "give the text in a message",
    "web_search_options": "the service reaches no network; lay evidence before the model in a message",
    "moderation": "the service's own guard reads every request",
    "reasoning_effort": "say it in a message",
    "verbosity": "say it in a message, or give max_tokens",
    "prompt_cache_retention": "prompts are held in memory alone, while there is room",
    "prompt_cache_options": "prompts are held in memory alone, while there is room",
    "suffix": "a model here writes on from a prompt alone",
    "best_of": "give n",
    "dimensions": "vectors have the width of their model",
}
"""Fields of OpenAI's that are refused, each with what to do instead."""
ANY_JSON = dict[str, Any]
Text = Annotated[str, Field(max_length=1_000_000)]
Stop = str | Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=4)]
Name = Annotated[str, Field(max_length=200)]
Token = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]
FunctionName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class Strict(BaseModel):
    """A body that takes no field it does not name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Part(Strict):
    """A part of a message: text."""

    type: Literal["text"]
    text: Text


class Function(Strict):
    """A function that the model called, with its arguments as JSON."""

    name: FunctionName
    arguments: Text


class Call(Strict):
    """A call of the model to a tool, as it stands in an earlier turn."""

    id: Name
    type: Literal["function"] = "function"
    function: Function


class Turn(Strict):
    """What is said to the model: by whom, and what; a tool's result names the call that it is of."""

    role: Literal["system", "developer", "user", "tool"]
    content: Text | list[Part]
    name: Name | None = None
    tool_call_id: Name | None = None


class Earlier(Strict):
    """What the model said in an earlier turn, or which tools it called."""

    role: Literal["assistant"]
    content: Text | list[Part] | None = None
    name: Name | None = None
    tool_calls: Annotated[list[Call], Field(max_length=64)] | None = None
    refusal: Text | None = None
    reasoning_content: Text | None = None


Message = Annotated[Turn | Earlier, Field(discriminator="role")]


class Shape(Strict):
    """A JSON schema that the answer obeys."""

    name: FunctionName = "answer"
    description: Text | None = None
    schema_: Annotated[ANY_JSON | None, Field(alias="schema")] = None
    strict: bool | None = None


class Format(Strict):
    """The form of an answer: text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: Shape | None = None


class Described(Strict):
    """A function that the model may call; ``parameters`` is the JSON schema of its arguments."""

    name: FunctionName
    description: Text | None = None
    parameters: ANY_JSON | None = None
    strict: bool | None = None


class Tool(Strict):
    """A tool that the model may call. The service calls none itself: calls go back to who asked."""

    type: Literal["function"]
    function: Described


class Named(Strict):
    """A function by its name."""

    name: FunctionName


class Choice(Strict):
    """The one tool that the model must call."""

    type: Literal["function"]
    function: Named


class StreamOptions(Strict):
    """Whether a stream ends with the tokens it used."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


class Ours(Strict):
    """What this service takes beside OpenAI's fields: for whom the answer is, by which the guard judges it."""

    kind: KINDS = "chat"


class Sampling(Strict):
    """How an answer is drawn."""

    model: Annotated[Name, Field(description="A model of /v1/models; without it the first one.")] = ""
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0, le=100_000, description="Not OpenAI's; llama.cpp's.")] | None = None
    min_p: Annotated[float, Field(ge=0, le=1, description="Not OpenAI's; llama.cpp's.")] | None = None
    n: Annotated[int, Field(ge=1, le=8)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    stop: Stop | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[Token, Annotated[float, Field(ge=-100, le=100)]] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Name | None = None
    residency: Ours | None = None


class Chat(Sampling):
    """The body of /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=2000)]
    max_completion_tokens: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: Format | None = None
    tools: Annotated[list[Tool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | Choice | None = None
    parallel_tool_calls: bool | None = None
    modalities: list[Literal["text"]] | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    metadata: dict[Name, Annotated[str, Field(max_length=512)]] | None = None
    safety_identifier: Name | None = None
    prompt_cache_key: Name | None = None


class Completion(Sampling):
    """The body of /v1/completions."""

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=16)]
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    echo: Literal[False] | None = None


class Embedding(Strict):
    """The body of /v1/embeddings."""

    input: Text | Annotated[list[Text], Field(min_length=1, max_length=256)]
    model: Name = ""
    encoding_format: Literal["float", "base64"] | None = None
    user: Name | None = None


_INSIDE = frozenset(
    "stream user residency metadata safety_identifier prompt_cache_key store service_tier modalities echo".split()
)
"""What an engine does not get."""


def sent(body: Chat | Completion) -> dict[str, Any]:
    """Return a body as it goes on to an engine; Refused where fields of it do not go together."""
    found = body.model_dump(by_alias=True, exclude_none=True, exclude=set(_INSIDE))
    if "max_completion_tokens" in found:
        found["max_tokens"] = found.pop("max_completion_tokens")
    if "seed" in found:
        found["seed"] %= 2**32  # as many as llama.cpp tells apart
    if isinstance(body, Chat):
        _agree(body)
    return found


def _agree(body: Chat) -> None:
    """Raise Refused where a chat's fields do not go together."""
    if body.top_logprobs is not None and not body.logprobs:
        raise Refused("top_logprobs needs logprobs: true", param="top_logprobs")
    form = body.response_format
    if form and (form.type == "json_schema") != (form.json_schema is not None and form.json_schema.schema_ is not None):
        raise Refused("response_format: json_schema goes with type json_schema", param="response_format")
    if body.tool_choice not in (None, "none", "auto") and not body.tools:
        raise Refused("tool_choice needs tools", param="tool_choice")
    if isinstance(body.tool_choice, Choice):
        names = {tool.function.name for tool in body.tools or ()}
        if body.tool_choice.function.name not in names:
            raise Refused("tool_choice names a function that is not in tools", param="tool_choice")
    for at, message in enumerate(body.messages):
        if isinstance(message, Earlier) and message.content is None and not message.tool_calls:
            raise Refused("a message needs content", param=f"messages.{at}.content")


def refuse(body: Any) -> None:
    """Raise Refused for the first field that OpenAI knows and that is refused here by name; null ones are taken out."""
    if not isinstance(body, dict):
        return
    for name, instead in REFUSED.items():
        if body.pop(name, None) is not None:
            raise Refused(f"{name} is not taken here: {instead}", code="unsupported_parameter", param=name)
    tokens = body.get("prompt", body.get("input"))
    if isinstance(tokens, list) and tokens and not all(isinstance(one, str) for one in tokens):
        what = "prompt" if "prompt" in body else "input"
        raise Refused("lists of tokens are not taken: give text", code="unsupported_parameter", param=what)
