"""The cited answer: evidence first, then sentences that stand on it, or no answer and what is missing.

What is found is put aside where it is expired, in another language than the question, or not about what is asked. The
sentences are quoted from the rest, or written from it and checked. A patient's own record and what is known outside are
told apart, and a record that has nothing is named. An answer is None where the evidence is thin, where it contradicts
itself, or where nothing of what was written holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from residency.core.errors import UserError
from residency.core.types import Model
from residency.infer.answer.conflict import conflicts
from residency.infer.answer.enough import expired, fitting, lacking, valid
from residency.infer.answer.language import language_of
from residency.infer.answer.parts import UNSUPPORTED, Answer, Conflict, Sentence
from residency.infer.answer.quote import Rank, by_words
from residency.infer.answer.said import as_it_stands, composed, current, nearest, parted, quotations, stands
from residency.infer.answer.support import Support, all_supported
from residency.infer.answer.write import written
from residency.infer.evidence import CHART, EVIDENCE, GRAPH, Evidence, Found
from residency.infer.orders import without_orders

Search = Callable[[str], Found]
Style = Literal["quote", "write"]
NO_HIT = "nothing was found"
EXPIRED = "all that was found is no longer valid"
LANGUAGE = "the question is in {question}, and what was found is in {found}"
THIN = "what was found does not speak of what is asked"
STALE = "what was found of what is asked is no longer valid"
OLD = "passages left out because they are no longer valid: {count}"
LANGUAGE_TOO = "the question is in {question}, and some of what was found is in {found}"
CONTRADICTS = "the sources contradict each other"
UNSAID = "nothing that could be said is supported by what was found"
UNWRITTEN = 'the model wrote nothing that could be used (style "quote" takes sentences of the evidence instead)'
NO_RECORD = "nothing in the record of this patient"
"""What is missing where a chart was asked and gave nothing, whatever the other shelves gave."""
NAMES = {EVIDENCE: "index", CHART: "chart", GRAPH: "graph"}
"""What was searched for each shelf, as an answer names its snapshots."""


@dataclass(slots=True)
class Laid:
    """What lies before an answer: the evidence that may be used, and why there may be none of it.

    ``shelves`` tells of each shelf that was asked how many passages it gave, how many of these are used, how many were
    no longer valid, and why none is used where none is.
    """

    evidence: list[Evidence] = field(default_factory=list)
    why: str | None = None
    missing: list[str] = field(default_factory=list)
    snapshots: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    orders: int = 0
    said: dict[str, str] = field(default_factory=dict)
    shelves: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return what is missing of the patient's record: that it gave nothing, where it was asked."""
        return (NO_RECORD,) if "chart" in self.shelves and not self.shelves["chart"]["used"] else ()

    @property
    def about(self) -> dict[str, Any]:
        """Return what an answer tells of it beside the evidence: orders left out, and a record that gave nothing."""
        told: dict[str, Any] = {"orders": self.orders} if self.orders else {}
        return {**told, "chart": f"{NO_RECORD}: {self.shelves['chart']['why']}"} if self.lacks else told


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
    was deleted meanwhile, or says something else, is not cited. A chart that was asked and gave nothing is told in
    ``missing`` and ``about["chart"]``, of an answer too. Raises UserError for an empty question or charts of two
    patients.
    """
    if not question.strip():
        raise UserError("the question is empty; ask something, such as: What are the symptoms of gout?")
    day = today or date.today()
    laid = lay(question, {EVIDENCE: search, CHART: chart, GRAPH: facts}, day)
    base = Answer(question, None, evidence=tuple(laid.evidence), language=laid.language, snapshots=laid.snapshots)
    base = replace(base, about=laid.about, shelves=laid.shelves, missing=(*laid.missing, *laid.lacks))
    if laid.why:
        return replace(base, why=laid.why)
    rank = rank or by_words
    if style == "quote":
        said = quotations(question, laid.evidence, rank, most)
    else:
        texts = written(question, laid.evidence, model, most=most, max_tokens=max_tokens)
        if not texts:
            return replace(base, why=UNWRITTEN)
        said = all_supported(texts, laid.evidence, check)
    said = [as_it_stands(one, laid.said) for one in said]
    kept, removed = parted([current(one, still, day) for one in said], check)
    held = [one for one in laid.evidence if stands(one, still, day)]
    if not any(one.support != UNSUPPORTED for one in kept):
        return replace(base, why=UNSAID, missing=(*lacking(question, held), *laid.lacks), removed=(*kept, *removed))
    if found := conflicts(nearest(question, held, rank, kept), check.judge):
        return _contradicted(base, found, [*kept, *removed])
    text, sentences = composed(kept, asked="chart" in laid.shelves)
    dates = [c.date for one in sentences for c in one.citations if c.date]
    return replace(base, answer=text, sentences=sentences, removed=tuple(removed), dated=max(dates, default=None))


def _contradicted(base: Answer, found: Sequence[Conflict], said: Sequence[Sentence]) -> Answer:
    """Return that there is no answer where sources contradict each other, and which these are."""
    both = "; ".join(dict.fromkeys(c.title or c.document for one in found for c in (one.first, one.second)))
    settles = f"a source that settles what these say: {both}"
    lack = (settles, *base.missing)
    return replace(base, why=CONTRADICTS, missing=lack, removed=tuple(said), conflicts=tuple(found))


# --- what lies before it ---------------------------------------------------------------------------------------------


def lay(question: str, shelves: dict[str, Search | None], today: date) -> Laid:
    """Return the evidence of all shelves that is valid, in the question's language and about what is asked."""
    laid = Laid(language=language_of(question))
    seen: list[Evidence] = []
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
        gone = found.expired + len(expired(shown, today))
        laid.shelves[NAMES[shelf]] = {"found": len(shown), "used": len(kept), "expired": gone, "why": why}
        laid.evidence += kept
        seen += shown
    patients = {one.patient for one in laid.evidence if one.shelf == CHART and one.patient}
    if len(patients) > 1:
        raise UserError(f"the chart that was searched holds {len(patients)} patients; search that of one (patient=…)")
    if not laid.evidence:
        reasons = dict.fromkeys(one["why"] for one in laid.shelves.values() if one["why"])
        laid.why, laid.missing = "; ".join(reasons) or NO_HIT, lacking(question, seen)
    return laid


def _usable(
    question: str, evidence: list[Evidence], found: Found, language: str | None, today: date
) -> tuple[list[Evidence], str | None]:
    """Return what of a shelf may be used, and why there is nothing where there is nothing."""
    if not evidence:
        return [], found.why or (EXPIRED if found.expired else NO_HIT)
    still_valid, _ = valid(evidence, today)
    if not still_valid:
        return [], EXPIRED
    same = [one for one in still_valid if not language or not one.language or _base(one.language) == language]
    foreign = ", ".join(sorted({_base(one.language) for one in still_valid if one not in same}))
    if not same:
        return [], LANGUAGE.format(question=language, found=foreign)
    fit = fitting(question, same) if evidence[0].shelf != GRAPH else same  # a graph's are linked already, by any name
    if fit:
        return fit, None
    stale = expired(evidence, today)
    if fitting(question, stale):
        return [], STALE
    left = [OLD.format(count=found.expired + len(stale))] if found.expired or stale else []
    left += [LANGUAGE_TOO.format(question=language, found=foreign)] if foreign else []
    return [], "; ".join([THIN, *left])


def _base(language: str) -> str:
    return language.partition("-")[0].lower()
