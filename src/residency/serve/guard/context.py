"""How a mention is meant: denied, past, of anyone at all (a question about a disease), or quoted.

Scope by words near a mention, in kind like NegEx and ConText: Chapman et al. (2001), A simple algorithm for identifying
negated findings and diseases in discharge summaries; Harkema et al. (2009), ConText.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from residency.serve.guard.phrases import Mention
from residency.serve.guard.words import Words

REACH, AFTER = 7, 4
"""Words over which a denial reaches forward, and back."""
SCOPES = frozenset({"not", "not-after", "no-denial", "past", "general", "personal", "someone", "stops"})
"""Concepts that say how others are meant, and are in no rule."""
_SUBJECTS = frozenset("i im ive my he she hes shes his her they we me tengo siento estoy mi el ella le".split())


@dataclass(frozen=True, slots=True)
class Meant:
    """A mention with how it is meant; ``now`` where it is neither denied, nor past, nor of anyone at all."""

    concept: str
    start: int
    end: int
    denied: bool
    past: bool
    general: bool
    quoted: bool

    @property
    def now(self) -> bool:
        """Whether it is said of somebody as it stands now."""
        return not (self.denied or self.past or self.general)


def meant(words: Words, mentions: Iterable[Mention]) -> list[Meant]:
    """Return the mentions of a text with how each is meant, without those that only say how others are."""
    scopes = _Scopes(words)
    rest = [one for one in mentions if not scopes.takes(one)]
    scopes.after_not.sort()
    return [
        Meant(
            one.concept,
            one.start,
            one.end,
            denied=scopes.denied(one),
            past=words.sentence[one.start] in scopes.sentences["past"],
            general=scopes.general(words.sentence[one.start]),
            quoted=words.quoted[one.start],
        )
        for one in rest
    ]


class _Scopes:
    """The words of a text that say how others are meant, in its order."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.sentences: dict[str, set[int]] = {name: set() for name in SCOPES}
        self.after_not: list[int] = []
        self.before_not: list[int] = []
        self.stops: list[int] = []
        self.spared: set[int] = set()

    def takes(self, one: Mention) -> bool:
        """Return whether a mention is one of these, and note it."""
        if one.concept not in SCOPES:
            return False
        self.sentences[one.concept].add(self.words.sentence[one.start])
        if one.concept == "not":
            self.after_not.append(one.end)
        elif one.concept == "not-after":
            self.before_not.append(one.start)
        elif one.concept == "stops":
            self.stops.append(one.start)
        elif one.concept == "no-denial":
            self.spared.update(range(one.start, one.end))
        return True

    def general(self, sentence: int) -> bool:
        """Return whether a sentence speaks of anyone at all."""
        if sentence in self.sentences["someone"]:
            return True
        return sentence in self.sentences["general"] and not self.sentences["personal"]

    def denied(self, one: Mention) -> bool:
        """Return whether a denial before or after reaches a mention: in its sentence, and with no turn between."""
        low = bisect_left(self.after_not, one.start - REACH)
        before = self.after_not[low : bisect_right(self.after_not, one.start)]
        if any(end - 1 not in self.spared and not self._turned(end, one.start) for end in before):
            return True
        low = bisect_left(self.before_not, one.end)
        behind = self.before_not[low : bisect_right(self.before_not, one.end + AFTER)]
        return any(not self._turned(one.end, start) for start in behind)

    def _turned(self, start: int, end: int) -> bool:
        """Return whether a sentence ends, or turns ("but", ", my …"), between two places."""
        words = self.words
        if words.sentence[start - 1] != words.sentence[end]:
            return True
        if bisect_left(self.stops, start) < bisect_left(self.stops, end):
            return True
        return any(words.parted[at] and words.words[at] in _SUBJECTS for at in range(start, end + 1))
