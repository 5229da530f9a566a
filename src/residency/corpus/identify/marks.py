"""What the tagger says of a text, as findings: its likeliest reading, and what else may be an identifier.

A word of a name that was read for sure is found wherever the text says it again, and a word beside one that is found
needs less to be found itself: names, addresses and numbers come in pieces.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.corpus.identify import likely, stretches
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import kind_of
from residency.corpus.identify.lexicon import CITY, COMMON, FAMILY, GIVEN, MEDICAL
from residency.corpus.identify.tagger import Read, Tagger

NEXT, BESIDE = 0.5, 0.25
"""Beside a word more probable than NEXT, a word is found from BESIDE times the threshold on."""
RARER, NAMES = 4, GIVEN | FAMILY | CITY
"""A word of medicine that is in none of these lists is found from RARER times the threshold on."""
SAID, LETTERS = 0.6, 4
"""A name read with this mean probability is looked for in the rest of the text: its words of so many letters."""


class Marks:
    """A tagger as a part of the detector."""

    def __init__(self, tagger: Tagger) -> None:
        self.tagger = tagger
        kinds = [kind_of(tag[2:]) if tag != "O" else "" for tag in tagger.tags]
        self.names = list(dict.fromkeys(kinds))
        self.kinds = np.array([self.names.index(kind) for kind in kinds])
        self.heads = len(tagger.labels) + 1
        self.steps = likely.steps_of(tagger.moves, len(tagger.labels))
        self.in_domain = bool(tagger.facts.get("labelled"))

    def marks(self, text: str, threshold: float | None) -> tuple[list[Found], list[Found]]:
        """Return what is read in a text, and what else is held possible above the threshold (None: nothing)."""
        read = self.tagger.read(text)
        if not len(read.spans):
            return [], []
        scores = self.tagger.scores(read)
        if threshold is None:
            tags = likely.likeliest(scores, self.tagger.moves, len(self.tagger.labels))
            some = likely.alone(scores, len(self.tagger.tags))
            return self._read_off(read, tags, some), []
        some, tags, other = likely.chances(scores, *self.steps)
        found = self._read_off(read, tags, some)
        return found, [*self._again(read, found, tags), *self._perhaps(read, some, tags, other, threshold)]

    def _read_off(self, read: Read, tags: np.ndarray, some: np.ndarray) -> list[Found]:
        """Return what a row of tags marks, each as probable as its words are in the mean."""
        rows, odds = stretches.read_off(read.spans, tags, some, self.kinds, self.heads)
        return self._told(rows, odds, "tagger")

    def _again(self, read: Read, found: list[Found], tags: np.ndarray) -> list[Found]:
        """Return where the words of names that were read for sure stand again."""
        names = [(f.start, f.end) for f in found if f.entity_type == "NAME" and f.score >= SAID]
        if not names:
            return []
        again = stretches.named_again(read.spans, read.facts, tags, np.array(names), LETTERS, np.uint64(COMMON))
        return [Found(a, b, "NAME", SAID, "tagger:again") for a, b in read.spans[again].tolist()]

    def _perhaps(
        self, read: Read, some: np.ndarray, tags: np.ndarray, other: np.ndarray, threshold: float
    ) -> list[Found]:
        """Return the words above the threshold, those of one kind that stand together as one."""
        limits = threshold, NEXT, BESIDE * threshold, RARER * threshold
        listed = np.uint64(MEDICAL), np.uint64(NAMES), np.uint64(COMMON)
        hot = stretches.picked(some, tags, read.gaps, read.facts, *limits, *listed)
        rows, odds = stretches.perhaps(read.spans, read.facts, read.gaps, tags, some, other, self.kinds, hot)
        return self._told(rows, odds, "tagger:perhaps")

    def _told(self, rows: np.ndarray, odds: np.ndarray, why: str) -> list[Found]:
        return [
            Found(start, end, self.names[kind], round(min(1.0, max(0.0, chance)), 3), why)
            for (start, end, kind), chance in zip(rows.tolist(), odds.tolist(), strict=True)
        ]

    def about(self) -> dict[str, Any]:
        """Return what tells this tagger from another."""
        facts = {key: self.tagger.facts.get(key) for key in ("language", "practice", "labelled")}
        return {"hash": self.tagger.hash, **facts}
