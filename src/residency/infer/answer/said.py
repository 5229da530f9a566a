"""What a cited answer says: sentences of the evidence, those of what is written that still stand, and their text.

A sentence stands on places; one whose places are gone meanwhile, or that goes on over an order that was blanked, is not
supported any more. The chart's sentences and the outside ones stand under headings of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from datetime import date

from residency.infer.answer.enough import terms
from residency.infer.answer.parts import QUOTED, UNSUPPORTED, Citation, Place, Sentence, Stretch, cite
from residency.infer.answer.quote import Rank, by_words, in_order, quoted
from residency.infer.answer.sentences import stretches
from residency.infer.answer.sides import speaks_of
from residency.infer.answer.support import Support
from residency.infer.evidence import CHART, EVIDENCE, GRAPH, Evidence, harmless

HEADS = {True: "From the patient's record:", False: "From the sources:"}
SILENT = "Nothing that answers this."
"""What stands under the record's heading where it was asked and nothing is quoted from it."""
COMPARED = 8
"""Of the sentences nearest to the question, how many are looked through for contradictions."""


def quotations(
    question: str, evidence: Sequence[Evidence], rank: Rank, most: int, out: Container[Place] = ()
) -> list[Sentence]:
    """Return the best sentences of each side, the chart's and the outside ones, as they are read; none of ``out``.

    Chosen by their words alone, they have to speak of the side that is asked about (the treatment, say), or there is no
    answer. Facts of a graph are found by their relation, and a chart is brief: of these it is not asked.
    """
    found: list[Stretch] = []
    for chart in (True, False):
        part = [one for one in evidence if (one.shelf == CHART) == chart]
        best = in_order(quoted(question, part, rank, most, out), part)
        if rank is not by_words or any(one.evidence.shelf != EVIDENCE or speaks_of(question, one.text) for one in best):
            found += best
    return [_quotation(one) for one in found]


def _quotation(one: Stretch) -> Sentence:
    return Sentence(" ".join(harmless(one.text).split()), QUOTED, 1.0, (cite(one),))


def of_record(said: Sequence[Sentence], chart: Sequence[Evidence], most: int) -> list[Sentence]:
    """Return the record's sentences, at most ``most``, that speak of a term which outside ``said`` ones name.

    A term is two words that stand beside each other in both (creatinine clearance), or one long word (ibuprofen).
    """
    named = frozenset[str]().union(*(terms(c.quote) for one in said for c in one.citations if c.shelf != CHART))
    known = {c.key for one in said for c in one.citations}
    every = [one for passage in chart for one in stretches(passage) if one.key not in known]
    return [_quotation(one) for one in every if terms(one.text) & named][:most]


def nearest(question: str, evidence: Sequence[Evidence], rank: Rank, kept: Sequence[Sentence]) -> list[Stretch]:
    """Return what is looked through for contradictions: what is cited, and what is as near to the question."""
    cited = {c.key for one in kept for c in one.citations}
    pool = [one for passage in evidence for one in stretches(passage) if one.key in cited]
    near = quoted(question, evidence, rank, COMPARED)
    return pool + [one for one in near if one not in pool]


def current(sentence: Sentence, still: Callable[[str], Evidence | None] | None, today: date) -> Sentence:
    """Return a sentence without citations of what is gone; without any it is not supported."""
    if still is None or not sentence.citations:
        return sentence
    left = tuple(c for c in sentence.citations if _is_there(c, still(c.evidence), today))
    if left == sentence.citations:
        return sentence
    return Sentence(sentence.text, UNSUPPORTED, 0.0, left, reason="what it stood on was deleted or has changed")


def as_it_stands(sentence: Sentence, texts: dict[str, str]) -> Sentence:
    """Return a sentence; one that goes on over an order that was left out is not supported."""
    if all(c.quote in texts.get(c.evidence, c.quote) for c in sentence.citations):
        return sentence
    return Sentence(sentence.text, UNSUPPORTED, 0.0, reason="an order to a machine stood within it")


def _is_there(citation: Citation, now: Evidence | None, today: date) -> bool:
    if citation.shelf == GRAPH:  # the index does not hold it
        return True
    return now is not None and citation.quote in now.text and not (now.valid_until and now.valid_until < str(today))


def stands(one: Evidence, still: Callable[[str], Evidence | None] | None, today: date) -> bool:
    """Return whether a passage still says what it said; any does where nothing can be asked."""
    return still is None or _is_there(cite(Stretch(one, 0, len(one.text))), still(one.id), today)


def parted(said: Sequence[Sentence], check: Support) -> tuple[list[Sentence], list[Sentence]]:
    """Return (what stays, what is removed): a sentence without support goes, or stays with its mark."""
    if check.unsupported == "mark":
        return list(said), []
    removed = [one for one in said if one.support == UNSUPPORTED]
    return [one for one in said if one.support != UNSUPPORTED], removed


def composed(sentences: Sequence[Sentence], *, asked: bool = False) -> tuple[str, tuple[Sentence, ...]]:
    """Return the answer's text and its sentences with their places; both sides have a heading where there are both.

    Where a record was ``asked`` and nothing is said from it, the text says so before it says what is known outside.
    """
    sides = {side: [one for one in sentences if one.of_chart == side] for side in (True, False)}
    both = all(sides.values())
    unheard = asked and not sides[True]
    text, placed = f"{HEADS[True]}\n{SILENT}\n\n{HEADS[False]}\n" if unheard else "", []
    for side, members in sides.items():
        if both:
            text += f"{chr(10) * 2 if text else ''}{HEADS[side]}\n"
        for place, one in enumerate(members):
            text += " " if place else ""
            placed.append(replace(one, start=len(text), end=len(text) + len(one.text)))
            text += one.text
    return text, tuple(placed)
