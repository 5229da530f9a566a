"""A quoted answer as a page may show it: without what only repeats the question's subject, and none that misses its
point.

The heading of a text that has no title is no sentence of it. Facts of a graph of findings answer only what such a graph
tells (``told_by_graph``), however well they know the disease: else they are shown as what was found.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from residency.corpus.make.support import stems
from residency.infer.answer import Answer, answer
from residency.infer.answer.cited import THIN
from residency.infer.answer.enough import SIDES, asked_about, lacking, valid
from residency.infer.answer.parts import Sentence
from residency.infer.answer.said import composed
from residency.infer.answer.sentences import HEADING
from residency.infer.answer.sides import cues, side_words, speaks_of
from residency.infer.evidence import GRAPH
from residency.infer.orders import without_orders
from residency.serve.workspace.told_by_graph import told_by_graph

if TYPE_CHECKING:
    from residency.core.types import Model
    from residency.serve.engine.sources import Sources


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
    return all(c.shelf == GRAPH for one in kept for c in one.citations) and not told_by_graph(question)


def from_shelves(question: str, model: Model, sources: Sources) -> Answer:
    """Return the settled answer of documents, and of facts where a graph tells what is asked.

    Where it does not and the documents give no answer, what was found on either shelf is shown all the same.
    """
    tells = not sources.graph or told_by_graph(question)
    facts = sources.facts if sources.graph and tells else None
    found = settled(answer(question, model, sources.search, facts=facts, still=sources.still))
    return found if tells or not found.abstained else _with_what_was_found(found, sources)


def _with_what_was_found(found: Answer, sources: Sources) -> Answer:
    """Return an answer that abstains with the passages and facts for its words, that are valid and give no orders."""
    clean, orders = without_orders(sources.evidence(found.question))
    every, _ = valid(clean, date.today())
    known = {one.id for one in found.evidence}
    evidence = (*found.evidence, *(one for one in every if one.id not in known))
    if found.evidence or not every:
        return replace(found, evidence=evidence)
    about = {**found.about, **({"orders": orders} if orders else {})}
    why = found.why if any(one.shelf != GRAPH for one in every) else THIN
    return replace(found, evidence=evidence, why=why, missing=tuple(lacking(found.question, every)), about=about)
