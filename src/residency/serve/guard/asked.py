"""Which rules speak about a text: all parts of one of a rule's lines stand in it, as the rule wants them meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from residency.serve.guard.context import Meant, meant
from residency.serve.guard.rules import ACTIONS, Line, Rule, Rules
from residency.serve.guard.words import Words, language, words_of
from residency.serve.types import URGENCIES, Verdict

BEFORE = 2
"""So many earlier messages of the asker are read with the last one, which alone can make a rule speak."""
STILL = 4
"""So many earlier messages of the asker are read each by itself, for what still holds of them."""
MOST_PLACES = 12
"""Mentions of one part of a rule that are compared with those of the others, the last ones."""
CRISES = ("self-harm.", "harm.", "reader.crisis")
"""How the names of rules begin that speak of a crisis."""
FIRST = (*CRISES, "reader.")
"""How the names of rules begin beside which nothing is declined."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """A rule that spoke, and what it does."""

    rule: Rule
    action: str


@dataclass(frozen=True, slots=True)
class Read:
    """A text as it was read: its words, and its mentions as they are meant, by concept."""

    words: Words
    mentions: Mapping[str, Sequence[Meant]]
    language: str

    def of(self, concepts: frozenset[str], rule: Rule) -> list[Meant]:
        """Return the mentions of any of these concepts that a rule counts."""
        return [
            one
            for concept in concepts
            for one in self.mentions.get(concept, ())
            if (one.now or rule.meant == "any") and (rule.quoted or not one.quoted)
        ]


def read(text: str, rules: Rules) -> Read:
    """Return a text as rules see it."""
    words = words_of(text)
    mentions: dict[str, list[Meant]] = {}
    for one in meant(words, rules.phrases.find(words)):
        mentions.setdefault(one.concept, []).append(one)
    return Read(words, mentions, language(words, rules.tongues))


def earlier_said(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the asker's messages before the last one, at most ``STILL``, each by itself, and the last few as one."""
    said = [text_of(one.get("content")) for one in messages if one.get("role") == "user"]
    return [*said[-1 - STILL : -1], "\n".join(said[-1 - BEFORE :])] if len(said) > 1 else []


def is_crisis(spoken: Spoken) -> bool:
    """Return whether a rule speaks of self-harm or of harm to others, and hands over."""
    return spoken.action == "answer" and spoken.rule.name.startswith(CRISES)


def said_by(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the asker's earlier messages that count, and the last one, as texts."""
    said = [text_of(one.get("content")) for one in messages if one.get("role") == "user"]
    return "\n".join(said[-1 - BEFORE : -1]), said[-1] if said else ""


def text_of(content: Any) -> str:
    """Return the text of a message's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def speaking(found: Read, rules: Rules, audience: str, *, since: int = 0) -> Iterator[Spoken]:
    """Yield the rules that speak, in the files' order; one mention at least stands at word ``since`` or behind it."""
    if not found.mentions:
        return
    for rule in rules.rules:
        action = rule.does.get(audience) if not rule.most or len(found.words) <= rule.most else None
        if action and any(_holds(line, found, rule, since) for line in rule.when):
            yield Spoken(rule, action)


def _holds(line: Line, found: Read, rule: Rule, since: int) -> bool:
    """Return whether all parts of a line stand in a text, as near as the rule wants them."""
    if any(part.isdisjoint(found.mentions.keys()) for part in line.parts):
        return False
    if line.unless and found.of(line.unless, rule):
        return False
    places = [found.of(part, rule)[-MOST_PLACES:] for part in line.parts]
    if not all(places) or all(one.start < since for part in places for one in part):
        return False
    return not rule.near or any(_close(chosen, rule.near) for chosen in product(*places))


def _close(chosen: Sequence[Meant], near: int) -> bool:
    return max(one.start for one in chosen) - min(one.end for one in chosen) <= near


def verdict_of(spoken: Sequence[Spoken], texts: Mapping[str, str]) -> Verdict:
    """Return what the rules that spoke come to: the strongest action, its text, and the nearest urgency."""
    if not spoken:
        return Verdict()
    spoken = _standing(spoken)
    strongest = min(spoken, key=lambda one: ACTIONS.index(one.action))
    same = [one for one in spoken if one.action == strongest.action]
    said = same if strongest.action == "mark" else same[:1]
    text = "\n".join(dict.fromkeys(texts[one.rule.text] for one in said if one.action != "pass"))
    urgencies = [one.rule.urgency for one in spoken if one.rule.urgency]
    urgency = min(urgencies, key=URGENCIES.index, default=None)
    return Verdict(strongest.action, text, urgency, tuple(dict.fromkeys(one.rule.name for one in spoken)))


def _standing(spoken: Sequence[Spoken]) -> Sequence[Spoken]:
    """Return the rules that spoke, without refusals where somebody may be in danger; an animal's danger is declined."""
    said = [one for one in spoken if one.action in ("answer", "mark")]
    kept = "scope.animal" if any(one.rule.urgency == "emergency" for one in said) else "scope."
    if any(one.rule.name.startswith(FIRST) for one in said):
        kept = "no refusal"
    return [one for one in spoken if one.action != "refuse" or one.rule.name.startswith(kept)]
