"""Chats in the wire format, from what training sets hold: TRL's and OpenAI's messages, ShareGPT's turns, plain strings.

Whatever is wrong is said with the path of the field, such as messages[2].content, and never with its value.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from residency.core.types import Message
from residency.corpus.readers.guard import Limits, TooMuch, load_json

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
"""The names that turns are published under, and the role of the wire format that each stands for."""


class Wrong(Exception):
    """A row is not what its shape asks for; the message names the field and never quotes it."""


def text_of(value: Any, path: str) -> str:
    """Return a text that has words. Raises Wrong."""
    if not isinstance(value, str):
        raise Wrong(f"{path} is no text")
    if not value or value.isspace():
        raise Wrong(f"{path} is empty")
    if "\0" in value:
        raise Wrong(f"{path} has a NUL character")
    return value


def list_of(value: Any, path: str, limits: Limits) -> list[Any]:
    """Return a list, or the list that a JSON text holds (as a column of a CSV file does). Raises Wrong."""
    if isinstance(value, str):
        with suppress(ValueError, TooMuch):
            value = load_json(value, limits)
    if not isinstance(value, list | tuple) or not value:
        raise Wrong(f"{path} is no list, or an empty one")
    return list(value)


def chat_of(value: Any, role: str, path: str, limits: Limits) -> list[Message]:
    """Return messages: a list of turns, one turn, or a plain text, which is said by ``role``. Raises Wrong."""
    if isinstance(value, dict):
        return [_message(value, path)]
    if isinstance(value, str):
        turns = _turns_in(value, limits)
        if turns is None:
            return [{"role": role, "content": text_of(value, path)}]
        value = turns
    listed = list_of(value, path, limits)
    said = (_message(turn, f"{path}[{at}]") for at, turn in enumerate(listed))
    return [message for message in said if message["content"] or message["role"] != "system"]


def with_system(system: Any, messages: list[Message]) -> list[Message]:
    """Return the chat with a system message before it, where one is given and the chat has none."""
    if system is None or system == "" or (messages and messages[0]["role"] == "system"):
        return messages
    return [{"role": "system", "content": text_of(system, "system")}, *messages]


def rendered(messages: Sequence[Message]) -> str:
    """Return the turns of a chat as plain text, with blank lines between them."""
    return "\n\n".join(message["content"] for message in messages)


def kind_of(messages: Sequence[Message]) -> str:
    """Return "dialogue" where the user speaks more than once, else "instruction"."""
    return "dialogue" if sum(message["role"] == "user" for message in messages) > 1 else "instruction"


def pair_of(
    prompt: list[Message], chosen: list[Message], rejected: list[Message]
) -> tuple[list[Message], list[Message], list[Message]]:
    """Return prompt, chosen and rejected with the prompt in the first alone.

    Where there is no prompt it is what both answers begin with; where they repeat it, it is cut off. Raises Wrong.
    """
    if chosen == rejected:
        raise Wrong("chosen and rejected are the same")
    most = min(len(chosen), len(rejected)) - 1
    shared = next((at for at in range(most) if chosen[at] != rejected[at]), max(most, 0))
    size = len(prompt)
    ends = (at for at in range(max(size, 1), shared + 1) if not size or chosen[at - size : at] == prompt)
    cut = shared if not size else next(ends, 0)
    prompt = chosen[:cut] or prompt
    if not prompt:
        raise Wrong("there is no prompt, and chosen and rejected do not begin with the same messages")
    return prompt, chosen[cut:], rejected[cut:]


def split_words(chosen: str, rejected: str) -> tuple[str, str, str]:
    """Return the words that two texts begin with, and what is left of each, as TRL reads a pair without a prompt."""
    ends = zip(chosen, rejected, strict=False)
    size = next((at for at, (one, other) in enumerate(ends) if one != other), min(len(chosen), len(rejected)))
    while size and not chosen[size - 1].isspace():
        size -= 1
    return chosen[:size].strip(), chosen[size:].strip(), rejected[size:].strip()


def _turns_in(value: str, limits: Limits) -> list[Any] | None:
    """Return the turns that a JSON text holds; None where it is simply a text."""
    if value.lstrip()[:1] != "[":
        return None
    with suppress(ValueError, TooMuch):
        turns = load_json(value, limits)
        if turns and isinstance(turns, list) and all(isinstance(turn, dict) for turn in turns):
            return turns if all("role" in turn or "from" in turn for turn in turns) else None
    return None


def _message(turn: Any, path: str) -> Message:
    if not isinstance(turn, dict):
        raise Wrong(f"{path} is no turn with role and content (or from and value)")
    who, what = ("role" if "role" in turn else "from"), ("content" if "content" in turn else "value")
    name = turn.get(who)
    role = ROLES.get(name.lower()) if isinstance(name, str) else None
    if role is None:
        raise Wrong(f"{path}.{who} is no known role; legal: {', '.join(ROLES)}")
    calls = turn.get("tool_calls")
    content = _content(turn.get(what), f"{path}.{what}", blank=bool(calls) or role == "system")
    if calls:
        content = "\n".join(part for part in (content, json.dumps(calls, ensure_ascii=False, default=str)) if part)
    return {"role": role, "content": content}


def _content(value: Any, path: str, *, blank: bool) -> str:
    """Return what a turn says; of a list of parts, the texts, one below another."""
    if isinstance(value, list):
        value = "\n".join(_part(part, f"{path}[{at}]") for at, part in enumerate(value))
    if blank and (value is None or (isinstance(value, str) and not value.strip())):
        return ""
    return text_of(value, path)


def _part(part: Any, path: str) -> str:
    if not isinstance(part, dict) or part.get("type", "text") != "text":
        raise Wrong(f"{path} is no part of type text")
    return text_of(part.get("text"), f"{path}.text")
