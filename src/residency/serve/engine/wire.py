"""What goes to llama.cpp and what comes back: bodies in its dialect, its errors in our words, its usage made whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from residency.core.errors import ResidencyError
from residency.serve.types import Down, Refused

Body = dict[str, Any]
ANY_OBJECT = {"type": "object"}


def outgoing(body: Body, *, stream: bool) -> Body:
    """Return a body as llama.cpp reads it; what a stream used is asked for always."""
    sent = {key: value for key, value in body.items() if key not in ("model", "stream_options", "user")}
    sent["stream"] = stream
    if stream:
        sent["stream_options"] = {"include_usage": True}
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_object" and "schema" not in wanted:  # by itself llama.cpp holds to nothing here
        sent["response_format"] = {"type": "json_schema", "json_schema": {"name": "object", "schema": ANY_OBJECT}}
    return sent


def singles(body: Body) -> list[Body]:
    """Return a body for each choice that one asks for: for each prompt of a list, and ``n`` times, seeds apart.

    llama.cpp writes several choices itself, but counts the tokens of one alone, and no more choices than it has slots.
    """
    prompts = body.get("prompt")
    several = prompts if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int) else [prompts]
    count, seed = body.get("n") or 1, body.get("seed")
    plain = {key: value for key, value in body.items() if key != "n"}
    return [
        {**plain, **({"prompt": prompt} if prompts is not None else {}), **({} if seed is None else {"seed": seed + i})}
        for prompt in several
        for i in range(count)
    ]


def joined(answers: Sequence[Body], *, count: int) -> Body:
    """Return answers of one choice each, ``count`` of them to each prompt, as one answer."""
    first = answers[0]
    choices = [{**answer["choices"][0], "index": i} for i, answer in enumerate(answers)]
    return {**first, "choices": choices, "usage": used([answer["usage"] for answer in answers], count=count)}


def used(each: Sequence[Body], *, count: int = 0) -> Body:
    """Return the tokens of answers together, ``count`` of them to each prompt (0: all to one): it counts once."""
    count = count or len(each)
    read = sum(max(one["prompt_tokens"] for one in each[at : at + count]) for at in range(0, len(each), count))
    written = sum(usage["completion_tokens"] for usage in each)
    total = {"completion_tokens": written, "prompt_tokens": read, "total_tokens": read + written}
    details = each[0].get("prompt_tokens_details")
    return {**total, **({"prompt_tokens_details": details} if details else {})}


def refusal(found: Body) -> ResidencyError:
    """Return llama.cpp's error as ours. Its own words can quote the prompt: only names and numbers are taken."""
    error = found.get("error") or {}
    kind, said = str(error.get("type")), str(error.get("message"))
    if kind == "exceed_context_size_error":
        return _too_long(error.get("n_prompt_tokens"), error.get("n_ctx"))
    if kind == "unavailable_error":
        return Down()
    if kind == "not_supported_error":
        return Refused("this model cannot do that", code="unsupported")
    if "schema" in said.lower() or "grammar" in said.lower():
        what = "the JSON schema asked for cannot be held to: use types, enum, properties, items and anchored patterns"
        return Refused(what, code="invalid_schema", param="response_format")
    if field := re.match(r"Field '(\w{1,40})'", said):
        return Refused(f"{field[1]} has a value that cannot be used", param=field[1])
    if re.search(r"(image|audio|video) input", said):
        return Refused("this model reads text only", code="unsupported", param="messages")
    if re.search(r"(?i)compute error|decode|memory|no slot", said):
        return Down()
    return Refused("the model's server cannot read this request: look at the messages' roles and contents")


def _too_long(tokens: Any, context: Any) -> Refused:
    words = f"the prompt has {tokens} tokens, and {context} fit, with the answer"
    return Refused(words, code="context_length_exceeded", param="messages")
