"""All finders together: one pass over a text, and spans that do not overlap.

What any of them is sure of is found. Where two overlap, the surer says what it is, and what only the other covers stays
found as well: no character that somebody took for an identifier is let through.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from residency.corpus.identify.fields import Fields
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import KINDS, kind_of
from residency.corpus.identify.rules import Rules, rules_for
from residency.corpus.identify.tagger import Tagger
from residency.corpus.identify.view import view_of

Language = Literal["en", "es"]
SURE = 0.95
"""A rule that is at least so sure (a label or a check digit stands by it) goes before the tagger."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Finds identifiers in the texts of a language.

    ``threshold`` is the user's: a word whose probability of being part of an identifier is above it is found. None
    takes the likeliest reading as it is, and of the rules those that are sure.
    """

    language: Language
    tagger: Tagger | None
    rules: Rules
    threshold: float | None = None

    def find(self, text: str, patient: Mapping[str, Any] | None = None) -> list[Found]:
        """Return the identifiers of a text in its order; ``patient`` is the FHIR Patient that it is about, if known."""
        view = view_of(text)
        found = self.rules.find(view)
        fields = Fields(patient).find(view) if patient else []
        sure = [f for f in found if f.score >= SURE]
        unsure = [f for f in found if f.score < SURE] if self.threshold is not None or self.tagger is None else []
        tagged, perhaps = self._tagged(text) if self.tagger else ([], [])
        return resolved(text, (fields, sure, tagged, unsure, perhaps))

    def _tagged(self, text: str) -> tuple[list[Found], list[Found]]:
        """Return what the tagger reads in a text, and what else it holds possible above the threshold."""
        assert self.tagger is not None
        read = self.tagger.read(text)
        scores = self.tagger.scores(read)
        odds = self.tagger.odds(scores)
        some = 1 - odds[:, 0] if len(odds) else np.zeros(0)
        words = read.spans
        made = []
        for start, end, label in self.tagger.marked(read, scores):
            first, last = np.searchsorted(words[:, 0], (start, end))
            made.append(Found(start, end, kind_of(label), round(float(some[first:last].mean()), 3), "tagger"))
        perhaps = []
        if self.threshold is not None:
            for w in np.flatnonzero(some > self.threshold).tolist():
                tag = self.tagger.tags[1 + int(odds[w, 1:].argmax())]
                perhaps.append(
                    Found(int(words[w, 0]), int(words[w, 1]), kind_of(tag[2:]), round(float(some[w]), 3), "tagger:perhaps")
                )
        return made, perhaps


def detector(language: Language, tagger: Tagger | None, threshold: float | None = None) -> Detector:
    """Return the detector of a language."""
    return Detector(language, tagger, Rules(rules_for(language)), threshold)


def resolved(text: str, layers: Sequence[Iterable[Found]]) -> list[Found]:
    """Return spans without overlap: each layer gives what the ones before it left, longer spans first."""
    owner = np.zeros(len(text), bool)
    kept: list[Found] = []
    for layer in layers:
        for f in sorted(layer, key=lambda f: (-f.score, f.start - f.end, f.start)):
            free = ~owner[f.start : f.end]
            if not free.any():
                continue
            owner[f.start : f.end] = True
            if free.all():
                kept.append(f)
                continue
            edges = np.flatnonzero(np.diff(np.concatenate(([0], free.view(np.int8), [0]))))
            for a, b in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
                if any(c.isalnum() for c in text[f.start + a : f.start + b]):
                    kept.append(Found(f.start + a, f.start + b, f.entity_type, f.score, f.why))
    return sorted(kept, key=lambda f: f.start)


def direct(found: Iterable[Found]) -> list[Found]:
    """Return those that tell who somebody is, or nearly."""
    return [f for f in found if KINDS[f.entity_type].direct]
