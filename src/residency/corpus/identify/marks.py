"""What the tagger says of a text, as findings: its likeliest reading, and what else may be an identifier.

A word of a name that was read for sure is found wherever the text says it again, and a word beside one that is found
needs less to be found itself: names, addresses and numbers come in pieces.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.corpus.identify import likely
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import kind_of
from residency.corpus.identify.lexicon import CITY, COMMON, FAMILY, GIVEN, MEDICAL
from residency.corpus.identify.tagger import Read, Tagger
from residency.corpus.identify.words import LOWER, SIGN, UPPER

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
        self.kinds = [kind_of(tag[2:]) if tag != "O" else "" for tag in tagger.tags]
        self.steps = np.exp(tagger.moves)
        self.onward = np.ascontiguousarray(self.steps[: len(tagger.labels) + 1].T)
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
        else:
            some, tags, other = likely.chances(scores, self.steps, self.onward, len(self.tagger.labels))
        found, known = self._found(read, tags, some), tags > 0
        if threshold is None:
            return found, []
        return found, [*self._echoes(read, found, known), *self._perhaps(read, some, other, known, threshold)]

    def _found(self, read: Read, tags: np.ndarray, some: np.ndarray) -> list[Found]:
        """Return what a row of tags marks, each as probable as its words are in the mean."""
        places, rows, chance = np.flatnonzero(tags).tolist(), tags.tolist(), some.tolist()
        made: list[Found] = []
        begun: list[int] = []
        inside = len(self.tagger.labels)
        for at, w in enumerate(places):
            begun.append(w)
            after = places[at + 1] if at + 1 < len(places) else -1
            kind = self.kinds[rows[w]]
            if after == w + 1 and rows[after] > inside and self.kinds[rows[after]] == kind:
                continue
            score = sum(chance[b] for b in begun) / len(begun)
            start, end = int(read.spans[begun[0], 0]), int(read.spans[w, 1])
            made.append(Found(start, end, kind, round(min(1.0, max(0.0, score)), 3), "tagger"))
            begun = []
        return made

    def _perhaps(
        self, read: Read, some: np.ndarray, other: np.ndarray, known: np.ndarray, threshold: float
    ) -> list[Found]:
        """Return the words above the threshold, those of one kind that stand together as one."""
        listed = read.facts[:, 6]
        medical = ((listed & np.uint64(MEDICAL)) > 0) & ((listed & np.uint64(NAMES)) == 0)
        some = np.where(medical & (some < RARER * threshold), np.float32(0), some)
        hot = likely.picked(
            some, known, read.gaps, read.facts, threshold, NEXT, BESIDE * threshold, np.uint64(SIGN), np.uint64(COMMON)
        )
        places = np.flatnonzero(hot)
        kinds = [self.kinds[t] for t in other[places].tolist()]
        made: list[Found] = []
        last = -2
        for w, kind in zip(places.tolist(), kinds, strict=True):
            start, end, odds = int(read.spans[w, 0]), int(read.spans[w, 1]), round(float(some[w]), 3)
            if w == last + 1 and made[-1].entity_type == kind and read.gaps[w] < 2:
                made[-1] = Found(made[-1].start, end, kind, max(made[-1].score, odds), "tagger:perhaps")
            elif read.facts[w, 5] != SIGN:
                made.append(Found(start, end, kind, odds, "tagger:perhaps"))
            else:
                continue
            last = w
        return made

    def _echoes(self, read: Read, found: list[Found], known: np.ndarray) -> list[Found]:
        """Return where the words of names that were read for sure stand again."""
        names = np.zeros(len(read.spans), bool)
        for f in found:
            if f.entity_type == "NAME" and f.score >= SAID:
                first, last = np.searchsorted(read.spans[:, 0], (f.start, f.end))
                names[first:last] = True
        facts = read.facts
        if not names.any():
            return []
        letters = (facts[:, 4] >= LETTERS) & ((facts[:, 5] == UPPER) | (facts[:, 5] == LOWER))
        told, free = names & letters, ~known & letters
        if not told.any() or not free.any():
            return []
        again = free & np.isin(facts[:, 0], facts[told, 0])
        ordinary = (facts[:, 6] & np.uint64(COMMON)) > 0
        again &= ~ordinary | ((facts[:, 5] == UPPER) & np.isin(facts[:, 1], facts[told, 1]))
        return [Found(int(a), int(b), "NAME", SAID, "tagger:again") for a, b in read.spans[again].tolist()]

    def about(self) -> dict[str, Any]:
        """Return what tells this tagger from another."""
        facts = {key: self.tagger.facts.get(key) for key in ("language", "practice", "labelled")}
        return {"hash": self.tagger.hash, **facts}
