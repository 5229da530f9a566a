"""Items in the one stable form, and what becomes of them: an ``Example`` that a model can be asked.

The form is that of a user's own task and of every public set: by kind,
``choice``    {"id", "context"?, "question", "choices", "answer"}      (``answer`` is the index)
``classify``  {"id", "text", "text_b"?, "label"}
``tag``       {"id", "text", "labels"}                                  (a list, which may be empty)
``similar``   {"id", "text", "text_b", "score"}                        (a number on the task's scale)
``extract``   {"id", "text", "entities": [{"start", "end", "label"}]}
``generate``  {"id", "input", "reference"}                             (one reference or a list)
``rubric``    {"id", "prompt", "rubrics": [{"criterion", "points"}]}     (``prompt`` is a chat; as in HealthBench)
and for all ``group`` (what intervals keep whole; default: the id) and ``meta``.
Public sets have three kinds more: ``relate``, pairs of phrases, and
``converse``  {"id", "turns": [{"role", "content"}], "reference"}      (the last turn is the user's)
``prefer``    {"id", "input", "chosen", "rejected"}                    (two answers, the first judged better by people)
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from residency.core.types import Example, Message, Span
from residency.infer.prompts import extraction
from residency.infer.prompts.extraction import answer_of, joined
from residency.infer.prompts.library import ours
from residency.infer.prompts.prompt import Prompt, Said
from residency.infer.prompts.words import Words, words_of

Item = dict[str, Any]
KINDS = ("choice", "classify", "tag", "similar", "extract", "generate", "rubric")
"""The kinds of a user's own task."""
STYLES = ("letters", "options")
LETTERS = string.ascii_uppercase


@dataclass(frozen=True, slots=True)
class Ask:
    """How a kind's items are put: an instruction, the labels of a closed set, the style of options, a scale's ends.

    ``style``: "letters" lists the options and wants a letter; "options" compares the options' own text. ``wording`` is
    which of the language's ways to ask; ``turn`` moves the first options of a choice behind the others, so many.
    ``said`` are words of a prompt file's own, in place of those of the first wording.
    """

    instruction: str = ""
    labels: tuple[str, ...] = ()
    style: str = "letters"
    language: str = "en"
    wording: int = 0
    turn: int = 0
    scale: tuple[int, ...] = ()
    said: Said = ()

    @property
    def words(self) -> Words:
        """Return the prompt's words in the task's language (English where there are none)."""
        usual = words_of(self.language, self.wording)
        return usual if self.wording else replace(usual, **dict(self.said))

    def by(self, prompt: Prompt) -> Ask:
        """Return how the same items are put by a prompt; what they are stays: labels, scale, language."""
        return replace(self, instruction=prompt.instruction, style=prompt.style or self.style, said=prompt.said)


def asked_by(name: str, *labels: str, language: str = "en") -> Ask:
    """Return how a task is put by one of our prompts."""
    prompt = ours(name)
    said = prompt.said if prompt.words else ()
    return Ask(prompt.instruction, labels, prompt.style or "letters", language, said=said)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an item's kind makes of it: the prompt (one message, or turns), what is wanted, the choices, the spans.

    ``meta`` holds what scoring needs, and the raw ``text`` (and ``text_b``, ``labels``) that an encoder reads.
    """

    prompt: str | list[Message]
    wanted: Sequence[str]
    choices: Sequence[str] = ()
    spans: Sequence[Span] = ()
    unwanted: Sequence[str] = ()
    meta: dict[str, Any] = field(default_factory=dict)


def example_of(kind: str, ask: Ask, item: Item, *, task: str, source: str = "", split: str = "test") -> Example:
    """Return the example of one item of a kind."""
    made = _MAKE[kind](ask, item)
    prompt = made.prompt if isinstance(made.prompt, list) else [{"role": "user", "content": made.prompt}]
    facts = [item[key] for key in ("context", "question", "text", "text_b", "input") if item.get(key)]
    facts += [turn["content"] for turn in item.get("turns", ())]
    return Example(
        item["id"],
        prompt,
        list(made.wanted),
        list(made.unwanted),
        choices=list(made.choices),
        spans=list(made.spans),
        source=source,
        group=str(item.get("group", item["id"])),
        split=split,
        meta={**item.get("meta", {}), "task": task, "facts": facts, **made.meta},
    )


def _choice(ask: Ask, item: Item) -> Asked:
    options, right = [str(c) for c in item["choices"]], item["answer"]
    turn = ask.turn % len(options)
    options, right = [*options[turn:], *options[:turn]], (right - turn) % len(options)
    about = (ask.instruction, item.get("context", ""), item["question"])
    meta = {"turn": turn, "text": item["question"], "text_b": item.get("context", "")}
    if ask.style == "options":
        prompt = _put(ask, ask.words.options.format(", ".join(options)), *about)
        return Asked(prompt, [options[right]], options, meta=meta)
    listed = "\n".join(ask.words.mark.format(letter, text) for letter, text in zip(LETTERS, options, strict=False))
    letters = list(LETTERS[: len(options)])
    prompt = _put(ask, ask.words.answer, *about, listed)
    return Asked(prompt, [letters[right]], letters, meta={"options": options, **meta})


def _classify(ask: Ask, item: Item) -> Asked:
    wish = joined(ask.instruction, ask.words.options.format(", ".join(ask.labels)))
    meta = {"text": item["text"], "text_b": item.get("text_b", ""), "labels": list(ask.labels)}
    return Asked(_put(ask, wish, item["text"], meta["text_b"]), [item["label"]], ask.labels, meta=meta)


def _tag(ask: Ask, item: Item) -> Asked:
    """Return what asks for all labels; ``meta`` holds what asks for one: the words, and what is before and behind."""
    labels, words = list(ask.labels), ask.words
    one = _put(ask, joined(ask.instruction, words.applies), item["text"])
    parts = one.partition(words.applies) if words.turned else one.rpartition(words.applies)
    wish = joined(ask.instruction, words.several.format(", ".join(labels)))
    wanted = json.dumps([label for label in labels if label in item["labels"]], ensure_ascii=False)
    meta = {"text": item["text"], "labels": labels, "applies": list(parts), "verdict": list(words.verdict)}
    return Asked(_put(ask, wish, item["text"]), [wanted], meta=meta)


def _similar(ask: Ask, item: Item) -> Asked:
    """Return what asks for a number; the choices are the whole ones of the scale."""
    low, high = ask.scale
    wish = joined(ask.instruction, ask.words.scaled.format(low, high))
    meta = {"text": item["text"], "text_b": item["text_b"]}
    meta |= {"score": item["score"], "scale": [low, high], "language": ask.language}
    whole = [str(number) for number in range(low, high + 1)]
    return Asked(_put(ask, wish, item["text"], item["text_b"]), [f"{item['score']:g}"], whole, meta=meta)


def _extract(ask: Ask, item: Item) -> Asked:
    spans = [Span(e["start"], e["end"], e["label"]) for e in item["entities"]]
    spans = sorted((s for s in spans if not ask.labels or s.label in ask.labels), key=lambda s: (s.start, s.end))
    text = item["text"]
    prompt = extraction.put(ask.words, ask.instruction, extraction.wish(ask.words, ask.labels), text)
    meta = {"text": text, "labels": list(ask.labels)}
    return Asked(prompt, [answer_of(spans, text, ask.labels)], spans=spans, meta=meta)


def _relate(ask: Ask, item: Item) -> Asked:
    meta = {key: item[key] for key in ("text", "concepts", "relations")} | {"entities": item.get("entities", [])}
    wanted = json.dumps(item["pairs"], ensure_ascii=False)
    return Asked(extraction.put(ask.words, ask.instruction, ask.words.paired, item["text"]), [wanted], meta=meta)


def _generate(ask: Ask, item: Item) -> Asked:
    reference, text = item["reference"], item["input"]
    parts = (text, ask.instruction) if ask.words.turned else (ask.instruction, text)
    wanted = [reference] if isinstance(reference, str) else reference
    return Asked(joined(ask.words.opening, *parts), wanted)


def _put(ask: Ask, wish: str, *about: str) -> str:
    """Return what is asked about, then the wish; a turned wording has the wish first."""
    return joined(ask.words.opening, *((wish, *about) if ask.words.turned else (*about, wish)))


def _rubric(ask: Ask, item: Item) -> Asked:
    first, *rest = ({"role": m["role"], "content": m["content"]} for m in item["prompt"])
    chat: list[Message] = [{**first, "content": joined(ask.instruction, first["content"])}, *rest]
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


def _converse(ask: Ask, item: Item) -> Asked:
    """Return the turns so far, the instruction before the first: a chat begins with its user."""
    turns = list(item["turns"])
    opening = turns.pop(0)["content"] if turns[0]["role"] == "user" else ""
    return Asked([{"role": "user", "content": joined(ask.instruction, opening)}, *turns], [item["reference"]])


def _prefer(ask: Ask, item: Item) -> Asked:
    """Return the question alone: neither of the two answers is shown, and their order does not tell the better one."""
    answers = sorted((item["chosen"], item["rejected"]))
    prompt = joined(ask.instruction, item["input"])
    return Asked(prompt, [item["chosen"]], answers, unwanted=[item["rejected"]])


_MAKE: dict[str, Callable[[Ask, Item], Asked]] = {
    "choice": _choice,
    "classify": _classify,
    "tag": _tag,
    "similar": _similar,
    "extract": _extract,
    "relate": _relate,
    "generate": _generate,
    "rubric": _rubric,
    "converse": _converse,
    "prefer": _prefer,
}
