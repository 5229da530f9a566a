"""The cited answer: evidence first, then sentences that stand on it, or no answer and what is missing.

What is found is put aside where it is expired, in another language than the question, or not about what is asked. The
sentences are quoted from the rest, or written from it and checked. A patient's own record and what is known outside are
told apart. An answer is None where the evidence is thin, where it contradicts itself, or where nothing of what was
written holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from residency.core.errors import UserError
from residency.core.types import Model
from residency.infer.answer.conflict import conflicts
from residency.infer.answer.enough import fitting, missing, valid
from residency.infer.answer.language import language_of
from residency.infer.answer.parts import QUOTED, UNSUPPORTED, Answer, Citation, Conflict, Sentence, Stretch, cite
from residency.infer.answer.quote import Rank, by_words, in_order, quotable, quoted
from residency.infer.answer.sides import side_words, speaks_of
from residency.infer.answer.support import Support, all_supported
from residency.infer.answer.write import written
from residency.infer.evidence import CHART, EVIDENCE, GRAPH, Evidence, Found, harmless
from residency.infer.orders import without_orders

Search = Callable[[str], Found]
Style = Literal["quote", "write"]
NO_HIT = "nothing was found"
EXPIRED = "all that was found is no longer valid"
LANGUAGE = "the question is in {question}, and what was found is in {found}"
THIN = "what was found does not speak of what is asked"
CONTRADICTS = "the sources contradict each other"
UNSAID = "nothing that could be said is supported by what was found"
NAMES = {EVIDENCE: "index", CHART: "chart", GRAPH: "graph"}
"""What was searched for each shelf, as an answer names its snapshots."""
HEADS = {True: "From the patient's record:", False: "From the sources:"}
COMPARED = 8
"""Of the sentences nearest to the question, how many are looked through for contradictions."""


@dataclass(slots=True)
class Laid:
    """What lies before an answer: the evidence that may be used, and why there may be none of it."""

    evidence: list[Evidence] = field(default_factory=list)
    why: str | None = None
    missing: list[str] = field(default_factory=list)
    snapshots: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    orders: int = 0
    said: dict[str, str] = field(default_factory=dict)


def answer(
    question: str,
    model: Model,
    search: Search,
    *,
    facts: Search | None = None,
    chart: Search | None = None,
    check: Support = Support(),  # noqa: B008
    style: Style = "quote",
    rank: Rank | None = None,
    still: Callable[[str], Evidence | None] | None = None,
    most: int = 3,
    max_tokens: int = 160,
    today: date | None = None,
) -> Answer:
    """Return an answer of at most ``most`` sentences with the places that support each, or one that abstains.

    ``search`` asks the outside evidence, ``facts`` a knowledge graph and ``chart`` one patient's record. Style "quote"
    gives sentences of the evidence that ``rank`` (default: by words) scores best; "write" lets the model write and
    leaves what ``check`` finds supported. ``still`` (an index's ``passage``) is asked for each passage cited: one that
    was deleted meanwhile, or says something else, is not cited. Raises UserError for an empty question or charts of two
    patients.
    """
    if not question.strip():
        raise UserError("the question is empty; ask something, such as: What are the symptoms of gout?")
    day = today or date.today()
    laid = lay(question, {EVIDENCE: search, CHART: chart, GRAPH: facts}, day)
    base = Answer(question, None, evidence=tuple(laid.evidence), language=laid.language, snapshots=laid.snapshots)
    base = replace(base, about={"orders": laid.orders} if laid.orders else {})
    if laid.why:
        return replace(base, why=laid.why, missing=tuple(laid.missing))
    rank = rank or by_words
    if style == "quote":
        said = _quotations(question, laid.evidence, rank, most)
    else:
        texts = written(question, laid.evidence, model, most=most, max_tokens=max_tokens)
        said = all_supported(texts, laid.evidence, check)
    said = [_as_it_stands(one, laid.said) for one in said]
    kept, removed = parted([_current(one, still, day) for one in said], check)
    held = [one for one in laid.evidence if _stands(one, still, day)]
    if not any(one.support != UNSUPPORTED for one in kept):
        lacking = tuple(missing(question, held) or side_words(question)) or ("a passage that answers the question",)
        return replace(base, why=UNSAID, missing=lacking, removed=(*kept, *removed))
    if found := conflicts(_nearest(question, held, rank, kept), check.judge):
        return _contradicted(base, found, [*kept, *removed])
    text, sentences = composed(kept)
    dates = [c.date for one in sentences for c in one.citations if c.date]
    return replace(base, answer=text, sentences=sentences, removed=tuple(removed), dated=max(dates, default=None))


def _contradicted(base: Answer, found: Sequence[Conflict], said: Sequence[Sentence]) -> Answer:
    """Return that there is no answer where sources contradict each other, and which these are."""
    both = "; ".join(dict.fromkeys(c.title or c.document for one in found for c in (one.first, one.second)))
    lacking = f"a source that settles what these say: {both}"
    return replace(base, why=CONTRADICTS, missing=(lacking,), removed=tuple(said), conflicts=tuple(found))


# --- what lies before it ---------------------------------------------------------------------------------------------


def lay(question: str, shelves: dict[str, Search | None], today: date) -> Laid:
    """Return the evidence of all shelves that is valid, in the question's language and about what is asked."""
    laid = Laid(language=language_of(question))
    reasons: dict[str, None] = {}
    for shelf, search in shelves.items():
        if search is None:
            continue
        found = search(question)
        if found.snapshot:
            laid.snapshots[NAMES[shelf]] = found.snapshot
        shown, orders = without_orders([replace(one, shelf=shelf) for one in found.evidence])
        laid.orders += orders
        laid.said |= {one.id: one.text for one in found.evidence} if orders else {}
        kept, why = _usable(question, shown, found, laid.language, today)
        laid.evidence += kept
        reasons |= {why: None} if why else {}
    patients = {one.patient for one in laid.evidence if one.shelf == CHART and one.patient}
    if len(patients) > 1:
        raise UserError(f"the chart that was searched holds {len(patients)} patients; search that of one (patient=…)")
    if not laid.evidence:
        laid.why, laid.missing = "; ".join(reasons) or NO_HIT, missing(question, [])
    return laid


def _usable(
    question: str, evidence: list[Evidence], found: Found, language: str | None, today: date
) -> tuple[list[Evidence], str | None]:
    """Return what of a shelf may be used, and why there is nothing where there is nothing."""
    if not evidence:
        return [], found.why or (EXPIRED if found.expired else NO_HIT)
    current, _ = valid(evidence, today)
    if not current:
        return [], EXPIRED
    same = [one for one in current if not language or not one.language or _base(one.language) == language]
    if not same:
        others = ", ".join(sorted({_base(one.language) for one in current}))
        return [], LANGUAGE.format(question=language, found=others)
    fit = fitting(question, same) if evidence[0].shelf != GRAPH else same  # a graph's are linked already, by any name
    return fit, None if fit else THIN


def _base(language: str) -> str:
    return language.partition("-")[0].lower()


# --- what is said ----------------------------------------------------------------------------------------------------


def _quotations(question: str, evidence: Sequence[Evidence], rank: Rank, most: int) -> list[Sentence]:
    """Return the best sentences of each side, the chart's and the outside ones, as they are read.

    Chosen by their words alone, they have to speak of the side that is asked about (the treatment, say), or there is no
    answer. Facts of a graph are found by their relation, and a chart is brief: of these it is not asked.
    """
    found: list[Stretch] = []
    for chart in (True, False):
        part = [one for one in evidence if (one.shelf == CHART) == chart]
        best = in_order(quoted(question, part, rank, most), part)
        if rank is not by_words or any(one.evidence.shelf != EVIDENCE or speaks_of(question, one.text) for one in best):
            found += best
    return [Sentence(" ".join(harmless(one.text).split()), QUOTED, 1.0, (cite(one),)) for one in found]


def _nearest(question: str, evidence: Sequence[Evidence], rank: Rank, kept: Sequence[Sentence]) -> list[Stretch]:
    """Return what is looked through for contradictions: what is cited, and what is as near to the question."""
    cited = {(c.evidence, c.quote) for one in kept for c in one.citations}
    pool = [one for one in quotable(question, evidence) if (one.evidence.id, one.text) in cited]
    near = quoted(question, evidence, rank, COMPARED)
    return pool + [one for one in near if one not in pool]


def _current(sentence: Sentence, still: Callable[[str], Evidence | None] | None, today: date) -> Sentence:
    """Return a sentence without citations of what is gone; without any it is not supported."""
    if still is None or not sentence.citations:
        return sentence
    left = tuple(c for c in sentence.citations if _is_there(c, still(c.evidence), today))
    if left == sentence.citations:
        return sentence
    return Sentence(sentence.text, UNSUPPORTED, 0.0, left, reason="what it stood on was deleted or has changed")


def _as_it_stands(sentence: Sentence, texts: dict[str, str]) -> Sentence:
    """Return a sentence; one that goes on over an order that was left out is not supported."""
    if all(c.quote in texts.get(c.evidence, c.quote) for c in sentence.citations):
        return sentence
    return Sentence(sentence.text, UNSUPPORTED, 0.0, reason="an order to a machine stood within it")


def _is_there(citation: Citation, now: Evidence | None, today: date) -> bool:
    if citation.shelf == GRAPH:  # the index does not hold it
        return True
    return now is not None and citation.quote in now.text and not (now.valid_until and now.valid_until < str(today))


def _stands(one: Evidence, still: Callable[[str], Evidence | None] | None, today: date) -> bool:
    return still is None or _is_there(cite(Stretch(one, 0, len(one.text))), still(one.id), today)


def parted(said: Sequence[Sentence], check: Support) -> tuple[list[Sentence], list[Sentence]]:
    """Return (what stays, what is removed): a sentence without support goes, or stays with its mark."""
    if check.unsupported == "mark":
        return list(said), []
    removed = [one for one in said if one.support == UNSUPPORTED]
    return [one for one in said if one.support != UNSUPPORTED], removed


def composed(sentences: Sequence[Sentence]) -> tuple[str, tuple[Sentence, ...]]:
    """Return the answer's text and its sentences with their places; both sides have a heading where there are both."""
    sides = {side: [one for one in sentences if one.of_chart == side] for side in (True, False)}
    both = all(sides.values())
    text, placed = "", []
    for side, members in sides.items():
        if both:
            text += f"{chr(10) * 2 if text else ''}{HEADS[side]}\n"
        for place, one in enumerate(members):
            text += " " if place else ""
            placed.append(replace(one, start=len(text), end=len(text) + len(one.text)))
            text += one.text
    return text, tuple(placed)
