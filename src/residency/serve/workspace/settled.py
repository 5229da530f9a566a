"""A quoted answer as a page may show it: without what only repeats the question's subject, and none that misses its
point.

The heading of a text that has no title is no sentence of it. Facts of a graph of findings are no answer to how
something is treated, dosed or prevented, however well they know the disease: they are shown as what else was found.
"""

from __future__ import annotations

from dataclasses import replace

from residency.corpus.make.support import stems
from residency.infer.answer import Answer
from residency.infer.answer.cited import THIN
from residency.infer.answer.enough import SIDES, asked_about
from residency.infer.answer.parts import Sentence
from residency.infer.answer.said import composed
from residency.infer.answer.sentences import HEADING
from residency.infer.answer.sides import cues, side_words, speaks_of
from residency.infer.evidence import GRAPH

_ELSEWHERE = stems(
    "treatment treat treated treating therapy manage managed management cure medication remedy prevent prevention "
    "avoid vaccine dose dosed dosage interaction precaution warning contraindicated test exam screen prognosis"
)
"""Words of the sides of a matter that no fact of a graph of diseases and findings tells."""


def settled(found: Answer) -> Answer:
    """Return the answer without bare headings; one that abstains where only those, or facts beside the point, are left.

    The sources' own words stay as they are.
    """
    if found.abstained:
        return found
    kept = tuple(one for one in found.sentences if not _heading(found, one))
    if not kept or _beside_the_point(found.question, kept):
        missing = (*side_words(found.question), *found.missing)
        return replace(found, answer=None, sentences=(), why=THIN, missing=missing)
    if len(kept) == len(found.sentences):
        return found
    text, sentences = composed(kept)
    return replace(found, answer=text, sentences=sentences)


def _heading(found: Answer, one: Sentence) -> bool:
    """Return whether a sentence is the first of its passage and has no words but the question's, and not its point."""
    about, words = found.question, stems(one.text)
    if len(one.text.split()) > HEADING or any(sign.isdigit() for sign in one.text):
        return False
    first = any(
        e.text.lstrip().startswith(c.quote) for c in one.citations for e in found.evidence if e.id == c.evidence
    )
    return first and bool(cues(about)) and not speaks_of(about, one.text) and words - SIDES <= asked_about(about)


def _beside_the_point(question: str, kept: tuple[Sentence, ...]) -> bool:
    """Return whether all that is said are facts of a graph, and the question is about what no such fact tells."""
    facts = all(c.shelf == GRAPH for one in kept for c in one.citations)
    return facts and bool(stems(question) & _ELSEWHERE) and not any(speaks_of(question, one.text) for one in kept)
