"""Items in the one stable form, and what becomes of them: an ``Example`` that a model can be asked.

The form is that of a user's own task and of every public set: by kind,
``choice``    {"id", "context"?, "question", "choices", "answer"}      (``answer`` is the index)
``classify``  {"id", "text", "text_b"?, "label"}
``extract``   {"id", "text", "entities": [{"start", "end", "label"}]}
``generate``  {"id", "input", "reference"}                             (one reference or a list)
``rubric``    {"id", "prompt", "rubrics": [{"criterion", "points"}]}     (``prompt`` is a chat; as in HealthBench)
and for all ``group`` (what intervals keep whole; default: the id) and ``meta``.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from residency.core.types import Example, Message, Span

Item = dict[str, Any]
KINDS = ("choice", "classify", "extract", "generate", "rubric")
"""The kinds of a user's own task; public sets have "relate" too, pairs of phrases."""
STYLES = ("letters", "options")
LETTERS = string.ascii_uppercase


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a prompt in one language."""

    answer: str = "Answer with the letter."
    options: str = "Answer with one of: {}."
    listed: str = "Give the exact phrases as a JSON list of strings."
    paired: str = "Give a JSON list of pairs of exact phrases."
    labelled: str = 'Give a JSON list of objects {{"text": the exact phrase, "label": one of {}}}.'


WORDS = {
    "en": Words(),
    "es": Words(
        "Responda con la letra.",
        "Responda con una de estas opciones: {}.",
        "Dé las frases exactas como una lista JSON de cadenas.",
        "Dé una lista JSON de pares de frases exactas.",
        'Dé una lista JSON de objetos {{"text": la frase exacta, "label": una de {}}}.',
    ),
    "fr": Words(
        "Répondez par la lettre.",
        "Répondez par l'une de ces options : {}.",
        "Donnez les expressions exactes sous forme de liste JSON de chaînes.",
        "Donnez une liste JSON de paires d'expressions exactes.",
        'Donnez une liste JSON d\'objets {{"text": l\'expression exacte, "label": un de {}}}.',
    ),
    "zh": Words(
        "请只回答选项字母。",
        "请回答以下之一：{}。",
        "请以 JSON 字符串列表给出原文短语。",
        "请以 JSON 列表给出原文短语对。",
        '请给出 JSON 对象列表 {{"text": 原文短语, "label": 其中之一 {}}}。',
    ),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """How a kind's items are put: an instruction, the labels of a closed set, and the style of options.

    ``style``: "letters" lists the options and wants a letter; "options" compares the options' own text.
    """

    instruction: str = ""
    labels: tuple[str, ...] = ()
    style: str = "letters"
    language: str = "en"

    @property
    def words(self) -> Words:
        """Return the prompt's words in the task's language (English where there are none)."""
        return WORDS.get(self.language, WORDS["en"])


@dataclass(frozen=True, slots=True)
class Asked:
    """What an item's kind makes of it: the prompt, what is wanted, the choices, the spans."""

    prompt: str | list[Message]
    wanted: Sequence[str]
    choices: Sequence[str] = ()
    spans: Sequence[Span] = ()
    meta: dict[str, Any] = field(default_factory=dict)


def example_of(kind: str, ask: Ask, item: Item, *, task: str, source: str = "", split: str = "test") -> Example:
    """Return the example of one item of a kind."""
    made = _MAKE[kind](ask, item)
    prompt = made.prompt if isinstance(made.prompt, list) else [{"role": "user", "content": made.prompt}]
    facts = [item[key] for key in ("context", "question", "text", "text_b", "input") if item.get(key)]
    return Example(
        item["id"],
        prompt,
        list(made.wanted),
        choices=list(made.choices),
        spans=list(made.spans),
        source=source,
        group=str(item.get("group", item["id"])),
        split=split,
        meta={"task": task, "facts": facts, **item.get("meta", {}), **made.meta},
    )


def _choice(ask: Ask, item: Item) -> Asked:
    options, right = [str(c) for c in item["choices"]], item["answer"]
    head = _joined(ask.instruction, item.get("context", ""), item["question"])
    if ask.style == "options":
        return Asked(_joined(head, ask.words.options.format(", ".join(options))), [options[right]], options)
    listed = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, options, strict=False))
    letters = list(LETTERS[: len(options)])
    return Asked(_joined(head, listed, ask.words.answer), [letters[right]], letters, meta={"options": options})


def _classify(ask: Ask, item: Item) -> Asked:
    head = _joined(item["text"], item.get("text_b", ""), ask.instruction)
    labels = ask.labels
    return Asked(_joined(head, ask.words.options.format(", ".join(labels))), [item["label"]], labels)


def _extract(ask: Ask, item: Item) -> Asked:
    spans = [Span(e["start"], e["end"], e["label"]) for e in item["entities"]]
    spans = sorted((s for s in spans if not ask.labels or s.label in ask.labels), key=lambda s: (s.start, s.end))
    form = ask.words.listed if len(ask.labels) == 1 else ask.words.labelled.format(", ".join(ask.labels))
    text = item["text"]
    prompt = _joined(ask.instruction, form) + "\n\n" + text
    return Asked(
        prompt, [answer_of(spans, text, ask.labels)], spans=spans, meta={"text": text, "labels": list(ask.labels)}
    )


def _relate(ask: Ask, item: Item) -> Asked:
    prompt = _joined(ask.instruction, ask.words.paired) + "\n\n" + item["text"]
    meta = {"text": item["text"], "concepts": item["concepts"], "relations": item["relations"]}
    return Asked(prompt, [json.dumps(item["pairs"], ensure_ascii=False)], meta=meta)


def answer_of(spans: Sequence[Span], text: str, labels: Sequence[str]) -> str:
    """Return the JSON list that names these spans of a text, each phrase once, in the order of the text."""
    if len(labels) == 1:
        return json.dumps(list(dict.fromkeys(text[s.start : s.end] for s in spans)), ensure_ascii=False)
    pairs = dict.fromkeys((text[s.start : s.end], s.label) for s in spans)
    return json.dumps([{"text": words, "label": label} for words, label in pairs], ensure_ascii=False)


def _generate(ask: Ask, item: Item) -> Asked:
    reference = item["reference"]
    return Asked(_joined(ask.instruction, item["input"]), [reference] if isinstance(reference, str) else reference)


def _rubric(ask: Ask, item: Item) -> Asked:
    first, *rest = ({"role": m["role"], "content": m["content"]} for m in item["prompt"])
    chat: list[Message] = [{**first, "content": _joined(ask.instruction, first["content"])}, *rest]
    rubrics = [{"criterion": r["criterion"], "points": r["points"]} for r in item["rubrics"]]
    return Asked(chat, [json.dumps(rubrics, ensure_ascii=False)], meta={"rubrics": rubrics})


def is_chat(found: Any) -> bool:
    """Return whether this is a chat to be answered: messages with a role and a content, the last by the user."""
    if not isinstance(found, list) or not found:
        return False
    whole = all(isinstance(m, dict) and _is_said(m.get("role")) and _is_said(m.get("content")) for m in found)
    return whole and found[-1]["role"] == "user"


def _is_said(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _joined(*parts: str) -> str:
    return "\n\n".join(part.strip() for part in parts if part and part.strip())


_MAKE: dict[str, Callable[[Ask, Item], Asked]] = {
    "choice": _choice,
    "classify": _classify,
    "extract": _extract,
    "relate": _relate,
    "generate": _generate,
    "rubric": _rubric,
}
