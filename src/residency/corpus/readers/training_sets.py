"""The shapes of rows, one function each: plain texts, and what TRL, Alpaca, ShareGPT and OMOP call their columns.

A function takes the fields that the shape uses and returns the document's text and what ``meta`` says of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from residency.core.types import Message
from residency.corpus.readers.chats import (
    Wrong,
    chat_of,
    kind_of,
    list_of,
    pair_of,
    rendered,
    split_words,
    text_of,
    with_system,
)
from residency.corpus.readers.guard import Limits

Built = tuple[str, dict[str, Any]]


def _chat(messages: list[Message], **more: Any) -> Built:
    if not any(message["role"] != "system" for message in messages):
        raise Wrong("the chat has no turn")
    return rendered(messages), {"kind": kind_of(messages), "messages": messages, **more}


def _text(known: dict[str, Any], _: Limits) -> Built:
    return text_of(known["text"], "text"), {}


def _note(known: dict[str, Any], _: Limits) -> Built:
    return text_of(known["note_text"], "note_text"), {"kind": "note"}


def _messages(known: dict[str, Any], limits: Limits) -> Built:
    name = "messages" if "messages" in known else "conversations"
    turns = chat_of(list_of(known[name], name, limits), "user", name, limits)
    return _chat(with_system(known.get("system"), turns), **({"tools": known["tools"]} if "tools" in known else {}))


def _asked(known: dict[str, Any], limits: Limits) -> list[Message]:
    """Return the prompt of a row as messages: under its own name, as turns before the answer, or as Alpaca has it."""
    name = next((name for name in ("prompt", "messages", "conversations") if name in known), None)
    if name:
        return with_system(known.get("system"), chat_of(known[name], "user", name, limits))
    turns: list[Message] = []
    for at, pair in enumerate(list_of(known["history"], "history", limits) if known.get("history") else []):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Wrong(f"history[{at}] is no pair of texts")
        for role, said in zip(("user", "assistant"), pair, strict=True):
            turns.append({"role": role, "content": text_of(said, f"history[{at}]")})
    asked = text_of(known["instruction"], "instruction")
    if known.get("input"):
        asked = f"{asked}\n{text_of(known['input'], 'input')}"
    return with_system(known.get("system"), [*turns, {"role": "user", "content": asked}])


def _prompt(known: dict[str, Any], limits: Limits) -> Built:
    prompt = _asked(known, limits)
    return rendered(prompt), {"kind": kind_of(prompt), "prompt": prompt}


def _alpaca(known: dict[str, Any], limits: Limits) -> Built:
    return _chat([*_asked(known, limits), {"role": "assistant", "content": text_of(known["output"], "output")}])


def _answered(known: dict[str, Any], _: Limits) -> Built:
    question, answer = (text_of(known[name], name) for name in ("question", "answer"))
    return _chat([{"role": "user", "content": question}, {"role": "assistant", "content": answer}])


def _completed(known: dict[str, Any], limits: Limits) -> Built:
    prompt, answer = _asked(known, limits), chat_of(known["completion"], "assistant", "completion", limits)
    return _chat([*prompt, *answer], **({"prompt_turns": len(prompt)} if len(answer) > 1 else {}))


def _judged(known: dict[str, Any], limits: Limits) -> Built:
    prompt, answer = _asked(known, limits), chat_of(known["completion"], "assistant", "completion", limits)
    meta = {"kind": "preference", "prompt": prompt, "completion": answer, "label": _truth(known["label"], "label")}
    return rendered([*prompt, *answer]), meta


def _stepwise(known: dict[str, Any], limits: Limits) -> Built:
    prompt = _asked(known, limits)
    steps, labels = (list_of(known[name], name, limits) for name in ("completions", "labels"))
    steps = [text_of(step, f"completions[{at}]") for at, step in enumerate(steps)]
    labels = [_truth(label, f"labels[{at}]") for at, label in enumerate(labels)]
    if len(steps) != len(labels):
        raise Wrong(f"completions and labels are of different length ({len(steps)} and {len(labels)})")
    text = "\n\n".join([rendered(prompt), *steps])
    return text, {"kind": "preference", "prompt": prompt, "completions": steps, "labels": labels}


def _truth(value: Any, path: str) -> bool:
    word = str(value).strip().lower() if isinstance(value, str | int | float) else ""
    if word not in ("true", "false", "1", "0", "1.0", "0.0"):
        raise Wrong(f"{path} is neither true nor false")
    return word[0] in "t1"


def _preference(known: dict[str, Any], limits: Limits) -> Built:
    """All three texts are seen by the checks and by deduplication: one prompt may stand in several pairs."""
    asked = any(name in known for name in ("prompt", "messages", "conversations", "instruction"))
    prompt = _asked(known, limits) if asked else []
    chosen, rejected = (chat_of(known[name], "assistant", name, limits) for name in ("chosen", "rejected"))
    sides = [[{"role": "assistant", "content": known[name]}] for name in ("chosen", "rejected")]
    if not asked and [chosen, rejected] == sides:
        shared, one, other = split_words(known["chosen"], known["rejected"])
        if shared and one and other:
            prompt = [{"role": "user", "content": shared}]
            chosen, rejected = ([{"role": "assistant", "content": words}] for words in (one, other))
    prompt, chosen, rejected = pair_of(prompt, chosen, rejected)
    text = rendered([*prompt, *chosen, *rejected])
    return text, {"kind": "preference", "prompt": prompt, "chosen": chosen, "rejected": rejected}


class Shape(NamedTuple):
    """The keys that make a shape, those it may have beside them, and the function that reads it."""

    needs: tuple[str, ...]
    build: Callable[[dict[str, Any], Limits], Built]
    may: tuple[str, ...] = ()


_ASKED = ("system", "input", "history")
SHAPES: dict[str, Shape] = {
    "preference": Shape(
        ("chosen", "rejected"), _preference, ("prompt", "messages", "conversations", "instruction", *_ASKED)
    ),
    "stepwise": Shape(("prompt", "completions", "labels"), _stepwise, ("system",)),
    "unpaired": Shape(("prompt", "completion", "label"), _judged, ("system",)),
    "prompt-completion": Shape(("prompt", "completion"), _completed, ("system",)),
    "messages": Shape(("messages",), _messages, ("system", "tools")),
    "sharegpt": Shape(("conversations",), _messages, ("system", "tools")),
    "alpaca": Shape(("instruction", "output"), _alpaca, _ASKED),
    "text": Shape(("text",), _text),
    "question-answer": Shape(("question", "answer"), _answered),
    "omop": Shape(("note_text",), _note),
    "prompt": Shape(("prompt",), _prompt, ("system",)),
}
"""The known shapes by name, in the order that they are looked for; the first whose keys a row has is its own."""
