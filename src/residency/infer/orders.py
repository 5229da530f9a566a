"""Sentences of a text that are addressed to a machine: they are no evidence, and neither read nor quoted.

Rules on words, which say why: a text that overrides what was said before, dictates a reply, hands out a role, plays a
turn of a chat, calls a tool, or hides. They find the usual orders, not every one: an order in other words passes, and
so what stands behind them must hold without them (no tool is in reach of a text, and every sentence of an answer names
its place).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from residency.infer.evidence import Evidence, harmless

_SAY = r"(?:reply|respond|answer|output|print|write|say|repeat|begin|end|sign|introduce|confirm|greet)"
_TELL = r"(?:reply|respond|answer|output|print|write|say|read|contain)"
_MACHINE = r"(?:\bAI\b|(?:language|chat) ?(?:model|bot)s?|\bassistant\b|\bLLM\b|\bchatbot\b|\bparrot\b)"
_SHOWS: dict[str, tuple[str, ...]] = {
    "overrides": (
        r"\b(?:ignor|disregard|forget|overrid|bypass|lift)\w*\b.{0,40}"
        r"\b(?:instruct|direction|rule|prompt|evidence|question|polic|told|said)\w*",
        r"\brules?\b.{0,24}\b(?:lifted|off|void)\b",
        r"\bnew (?:task|instruction)s?\b",
        r"\bignor\w*.{0,30}(?:instru|istruz)",
        r"\boublie\w*.{0,30}instruc",
        r"vergiss.{0,30}anweis|забудь|игнорир|忽略|無視|تجاهل|भूल जाओ",
    ),
    "dictates": (
        rf"\b{_SAY}\b(?: \w+){{0,6}}? (?:only|exactly|nothing else|word for word|alone)\b",
        r"\b(?:only|whole|right|correct|your|expected) (?:answers?|reply|output|words?)\b.{0,30}"
        r"(?:\b(?:is|are|must|be|reads?)\b|:)",
        rf"\b(?:must|will now|now)\b.{{0,20}}\b{_TELL}\b",
        rf"^\W*(?:please )?{_TELL}\b \S+\W*$",
        r"\b(?:begin|end|sign|start) (?:your|every|each) (?:answer|reply|response)",
        rf"^\W*{_SAY}:? (?:with )?(?-i:[A-Z\d]{{4,}})",
        rf"^\W*{_SAY} with\b",
        r"\bsay \S+ (?:instead|to (?:any|all|every))\b",
        r"\banswer\s*=",
    ),
    "gives a role": (
        r"\byou are now\b|\bfrom now on\b",
        r"^\W*(?:act|pose) as an?\b|\bpretend\b|\btake the role of\b|\bassume the character\b",
        r"^\W*as the\b.{0,40}\banswer with\b",
        r"\bevil twin\b|\blet us play\b|\bdeveloper mode\b|\bimagine a story\b",
    ),
    "plays a turn": (
        r"^\W*(?:system|admin\w*|developer|assistant|user|human|operator)\b[^.]{0,30}[:\]]",
        r"</?instructions?>|<\||\|>|\[/?INST|</?s>|<</?SYS|_of_turn>",
        r"\bsystem (?:prompt|message)\b|\bBEGIN SYSTEM\b|\bEND (?:SYSTEM|OF EVIDENCE)\b",
        r"<\s*/?\W*(?:evi\W?dence|passage)",
    ),
    "calls a tool": (
        r'"(?:tool|arguments|name|answer)"\s*:|</?tool_call>|\bfunctions?\.\w|\bto=\w|\baction\s*:',
        r"\b(?:call|use) (?:the )?(?:tool|function)\b|\bevery tool\b",
        r"\b\w+_\w+ (?:on|with)\b|\bcall \w+_\w+",
    ),
    "sends away": (
        r"\bhttps?://\S+.{0,40}\b(?:confirm|do what|cite)\b|!\[[^\]]*\]\(http",
        r"\b(?:send|append|post|fetch)\b.{0,60}https?://",
        r"\bwhole conversation\b|\breveal\b.{0,30}\b(?:passage|prompt|instruct)",
    ),
    "speaks to a machine": (
        rf"{_MACHINE}.{{0,40}}\b(?:must|{_TELL})\b",
        rf"\b(?:to|for|as) (?:an?|the) {_MACHINE}\W.{{0,40}}\b(?:you|{_TELL})\b",
        r"\bwhoever answers this\b",
    ),
}
"""Why a sentence counts as an order, and what shows it."""
_RULES = {why: re.compile("|".join(shows), re.IGNORECASE) for why, shows in _SHOWS.items()}
_HIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]|(?:\w\u200b){3}|\x1b\[8m|font-size:\s*0|<!--")
_SENTENCE = re.compile(r"[^\n.!?。]+(?:[.!?。]+(?!\s)[^\n.!?。]+)*[.!?。]*", re.UNICODE)


def order_in(sentence: str) -> str | None:
    """Return why a sentence is an order to a machine; None where it is none that is known."""
    if _HIDES.search(sentence):
        return "hides"
    shown = harmless(sentence)
    return next((why for why, rule in _RULES.items() if rule.search(sentence) or rule.search(shown)), None)


def orders_in(text: str) -> list[tuple[int, int, str]]:
    """Return the (start, end, why) of the sentences of a text that are orders to a machine."""
    found = ((one.start(), one.end(), order_in(one[0])) for one in _SENTENCE.finditer(text))
    return [(start, end, why) for start, end, why in found if why]


def without_orders(evidence: Sequence[Evidence]) -> tuple[list[Evidence], int]:
    """Return evidence in which orders to a machine are blank, and how many there were.

    A blank is as long as what stood there, so that every other character keeps its place, and begins and ends a line,
    so that no sentence goes on over it. A title or heading that holds one is left out.
    """
    kept: list[Evidence] = []
    count = 0
    for one in evidence:
        text, found = one.text, orders_in(one.text)
        for start, end, _ in found:
            text = text[:start] + "\n".ljust(end - start - 1) + "\n" + text[end:]
        heads: dict[str, Any] = {name: "" for name in ("title", "section") if orders_in(getattr(one, name))}
        count += len(found) + len(heads)
        kept.append(replace(one, text=text, **heads) if found or heads else one)
    return kept, count
