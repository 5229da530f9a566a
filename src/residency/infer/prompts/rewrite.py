"""Other instructions for the same task, written by a model: in other words, or mended after what went wrong.

Rewriting: Zhou et al. 2022, Large Language Models Are Human-Level Prompt Engineers (APE). Mending: Pryzant et al. 2023,
Automatic Prompt Optimization with Gradient Descent and Beam Search: a model says why answers were wrong (a gradient in
words) and changes the instruction against it. Every new instruction is checked, and one that repeats an item's text is
dropped, so that nothing of a patient gets into a prompt's file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from residency.core.types import Example, Message, Model
from residency.infer.evidence import RULE, Evidence, fenced, harmless
from residency.infer.prompts.edits import Candidate
from residency.infer.prompts.prompt import Prompt
from residency.infer.prompts.shots import told

AIMS = {
    "choice": "answer a question by choosing one of its options",
    "classify": "choose the label that fits a text",
    "tag": "say which labels apply to a text",
    "similar": "say how alike two texts are",
    "extract": "list exact phrases of a text",
    "relate": "list pairs of phrases of a text",
    "generate": "write a text",
    "rubric": "answer a message",
    "converse": "write the next turn of a conversation",
    "prefer": "answer a question",
}
"""What a kind of task wants, for a writer that is not shown its items."""
MANNERS = (
    "in other words",
    "shorter, in one plain sentence",
    "in more detail, saying what to look at and what not to do",
    "as to a colleague in medicine",
    "step by step",
)
LONGEST = 600
"""Characters of an instruction that a model has written, at most."""
QUOTED = 8
"""Words in a row that a new instruction and an item may not have in common."""
ERRORS, SHOWN = 4, 800
"""Wrong answers that are shown to the writer at once, and characters of each item."""
TOKENS = 200


@dataclass(slots=True)
class Written:
    """New candidates, how many texts were dropped for what, and the reasons that a writer gave for wrong answers."""

    candidates: list[Candidate] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)


def rewritten(prompt: Prompt, writer: Model, count: int, items: Sequence[Example], *, seed: int = 0) -> Written:
    """Return ``count`` rewritings of a prompt's instruction, or fewer; the writer is shown no item."""
    asked = [_ask(_wish(prompt, MANNERS[n % len(MANNERS)])) for n in range(count)]
    found = Written()
    said = _said(writer, asked, "instruction", seed)
    _take(found, prompt, said, items, f"rewritten by {writer.name}")
    return found


def mended(
    prompt: Prompt, writer: Model, wrong: Sequence[tuple[Example, str]], items: Sequence[Example], *, seed: int = 0
) -> Written:
    """Return instructions mended against reasons for wrong answers, one a reason.

    ``wrong`` are items with the answers given to them; the first few are shown to the writer, as data.
    """
    found = Written()
    if not wrong:
        return found
    shown = fenced([_error(*one) for one in wrong[:ERRORS]])
    why = f"An assistant is to {AIMS[prompt.kind]}. Its instruction is:\n{_instruction(prompt)}\n\n{shown}\n{RULE}\n\n"
    why += "These are its wrong answers. Give up to three short reasons why the instruction led to them."
    found.reasons = [reason for said in _said(writer, [_ask(why)], "reasons", seed) for reason in said or ()][:3]
    asked = [_ask(f"{_wish(prompt, 'so that this is mended')}\n\nWhat was wrong: {r}") for r in found.reasons]
    _take(found, prompt, _said(writer, asked, "instruction", seed + 1), items, f"mended by {writer.name}")
    return found


def _take(found: Written, prompt: Prompt, said: Iterable[str | None], items: Sequence[Example], how: str) -> None:
    """Add what is fit to be tried, and count what is not."""
    runs = {run for item in items for run in _runs(_texts(item))}
    for text in said:
        text = None if text is None else " ".join(harmless(text).split())
        if why := _unfit(text, runs):
            found.dropped[why] += 1
        elif text is not None:
            new = replace(prompt, instruction=text, parent=prompt.hash, measured=())
            found.candidates.append(Candidate(new, how))


def _unfit(text: str | None, runs: set[str]) -> str:
    """Return why a text is no instruction; "" where it is one."""
    if not text:
        return "not read"
    if len(text) > LONGEST:
        return "too long"
    if any(run in runs for run in _runs(text)):
        return "repeats an item"
    return ""


def _runs(text: str) -> Iterator[str]:
    words = text.lower().split()
    return (" ".join(words[i : i + QUOTED]) for i in range(len(words) - QUOTED + 1))


def _texts(item: Example) -> str:
    """Return what an item is about, apart from how it is asked: its instruction may well be repeated."""
    return "\n".join(item.meta.get("facts") or [turn["content"] for turn in item.prompt])


def _error(item: Example, given: str) -> Evidence:
    text = f"{told(item.prompt)[-SHOWN:]}\nGiven: {given[:SHOWN]}\nWanted: {item.wanted[0][:SHOWN]}"
    return Evidence(item.id, item.id, text)


def _instruction(prompt: Prompt) -> str:
    return prompt.instruction or f"{AIMS[prompt.kind].capitalize()}."


def _wish(prompt: Prompt, manner: str) -> str:
    return (
        f"This instruction tells an assistant to {AIMS[prompt.kind]}:\n{_instruction(prompt)}\n\n"
        f"Write another instruction for the same task, {manner}. It must ask for the same answers. "
        f"Write it in the language of the instruction."
    )


def _ask(wish: str) -> list[Message]:
    return [{"role": "user", "content": wish}]


def _said(writer: Model, asked: Sequence[list[Message]], name: str, seed: int) -> list[Any]:
    """Return what each reply holds under a name (None where that cannot be read); replies are drawn, not greedy."""
    if not asked:
        return []
    text: dict[str, Any] = {"type": "string", "maxLength": LONGEST}
    held = {"type": "array", "items": text, "maxItems": 3} if name == "reasons" else text
    schema = {"type": "object", "properties": {name: held}, "required": [name], "additionalProperties": False}
    replies = writer.generate(asked, max_tokens=TOKENS, temperature=0.9, seed=seed, schema=schema)
    return [_read(reply.text, name) for reply in replies]


def _read(text: str | None, name: str) -> Any:
    try:
        found = json.loads(text or "")[name]
    except (ValueError, KeyError, TypeError):
        return None
    if name == "reasons":
        return [one for one in found if isinstance(one, str) and one.strip()] if isinstance(found, list) else None
    return found if isinstance(found, str) else None
