"""The reader: what a patient or anyone asks is compared with example lines, where no rule has the words for it.

It is made at start from ``examples`` alone (two seconds), without chance, and keeps nothing of what it reads. It errs
as rules do: ``bench/guard.py`` measures what it catches of a writer's requests that it never saw, and where it alarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from residency.serve.guard.asked import CRISES, Read, Spoken, read
from residency.serve.guard.examples import CLASSES, Line, Thresholds, read_examples, read_thresholds
from residency.serve.guard.learning import Weights, learn
from residency.serve.guard.rules import Rule, Rules, read_rules
from residency.serve.guard.traits import Known, Traits, traits

STRENGTH = 10.0
"""The inverse of the penalty on weights, chosen across writers (docs/lab.md)."""
AUDIENCES = ("patient", "anyone", "clinician")
"""For whom it speaks; what a tutor is asked, and notes, are not its matter."""
WISHES = "wishes"
"""The rules' concept of a living will, which sounds like a crisis: of one the reader is never sure."""
_DOES = {"emergency": {"patient": "answer", "anyone": "mark"}, "crisis": {"patient": "answer", "anyone": "answer"}}


@dataclass(frozen=True, slots=True)
class Reader:
    """What was learned of example lines, and from where on it is acted upon, by language."""

    known: Known
    weights: Weights
    thresholds: Mapping[str, Thresholds]
    lines: int = 0

    def shares(self, found: Read, *, since: int = 0) -> np.ndarray:
        """Return the probability of each of ``CLASSES`` for a text from its word ``since`` on."""
        ids, values = self.known.of(traits(found.words, found.mentions, since=since))
        return self.weights.shares(ids, values)

    def speaks(self, found: Read, audience: str, spoken: Sequence[Spoken], *, since: int = 0) -> list[Spoken]:
        """Return what the reader adds to the rules that spoke about a request: one thing, or nothing.

        Rules decide where they spoke of an urgency, but for a crisis that the reader is sure of. Before a clinician's
        answer it puts a line where it is sure, and no more: most of what clinicians ask sounds like danger.
        """
        if audience not in AUDIENCES or len(found.words) <= since:
            return []
        shares, limits = self.shares(found, since=since), self.thresholds[found.language]
        danger = 1 - float(shares[0])
        what, sure = CLASSES[1 + int(shares[2] > shares[1])], danger >= limits.high and WISHES not in found.mentions
        decided = any(one.rule.urgency for one in spoken)
        clinical = audience == "clinician"
        crisis = any(one.rule.name.startswith(CRISES) and not (clinical and _silent(one, found)) for one in spoken)
        least = limits.high if clinical else limits.low
        if danger < least or crisis or (decided and not (sure and what == "crisis")):
            return []
        rule = _RULES[what, sure and not clinical]
        return [Spoken(rule, rule.does[audience])]


def _silent(spoken: Spoken, found: Read) -> bool:
    """Return whether a rule only notes an urgency in words that nobody else is quoted with."""
    return spoken.action == "pass" and not any(found.words.quoted)


def _rule(what: str, sure: bool) -> Rule:
    does = _DOES[what] if sure else dict.fromkeys(AUDIENCES, "mark")
    text = f"reader-{what}" if sure else f"reader-{what}-maybe"
    return Rule(f"reader.{what}", (), does, "emergency" if sure else "urgent", text)


_RULES = {(what, sure): _rule(what, sure) for what in CLASSES[1:] for sure in (True, False)}


@lru_cache(maxsize=4)
def read_reader(own: Path | None = None) -> Reader:
    """Return the reader of our examples and of those in a hospital's folder; RecipeError says what is wrong there."""
    return made(read_examples(own), read_rules(own), read_thresholds())


def made(lines: Iterable[Line], rules: Rules, thresholds: Mapping[str, Thresholds]) -> Reader:
    """Return a reader that learned from these lines."""
    lines, names = list(lines), dict[str, str]()
    texts = [_kept(traits(one.words, one.mentions), names) for one in (read(line.text, rules) for line in lines)]
    known = Known(texts)
    classes = np.array([line.number for line in lines])
    counts = np.array([line.counts for line in lines])
    weights = learn([known.of(one) for one in texts], classes, counts, size=len(known), strength=STRENGTH)
    return Reader(known, weights, thresholds, len(lines))


def _kept(text: Traits, names: dict[str, str]) -> Traits:
    """Return the traits of a text with each name in memory once for all texts."""
    return tuple(tuple(names.setdefault(name, name) for name in block) for block in text)
