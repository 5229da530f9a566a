"""The cited answer: evidence first, then sentences that stand on it, or no answer and what is missing.

What is found is put aside where it is expired, in another language than the question, or not about what is asked. The
sentences are quoted from the rest, or written from it and checked. What found evidence contradicts is not said, and
the contradiction is told. A patient's own record and what is known outside are told apart; of the record is shown what
speaks of a term that the outside sentences name, and a record that has nothing is named. An answer is None where the
evidence is thin, also without what it contradicts, or where nothing of what was written holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal

from residency.core.errors import UserError
from residency.core.types import Model
from residency.infer.answer.agreed import Said, agreed, stand
from residency.infer.answer.enough import expired, fitting, lacking, valid
from residency.infer.answer.language import language_of
from residency.infer.answer.parts import Answer, Conflict, Place, Sentence
from residency.infer.answer.quote import Rank, by_words
from residency.infer.answer.said import as_it_stands, composed, current, of_record, parted, quotations, stands
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
OLD = "no longer valid, and left out: {names}"
LANGUAGE_TOO = "the question is in {question}, and some of what was found is in {found}"
CONTRADICTS = "the sources contradict each other"
DENIED = "the sources contradict what it stands on"
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
    no longer valid, and why none is used where none is. ``beside`` is what was found, may be used and is not about what
    is asked; ``orders`` are the orders left out by document, ``first`` the documents that were found best.
    """

    evidence: list[Evidence] = field(default_factory=list)
    why: str | None = None
    missing: list[str] = field(default_factory=list)
    snapshots: dict[str, str] = field(default_factory=dict)
    language: str | None = None
    orders: Counter[str] = field(default_factory=Counter)
    first: set[str] = field(default_factory=set)
    beside: list[Evidence] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)
    shelves: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, ids: Iterable[str]) -> None:
        """Make evidence out of what lies beside, the chart's."""
        wanted = set(ids)
        taken = [one for one in self.beside if one.id in wanted]
        self.beside = [one for one in self.beside if one.id not in wanted]
        self.evidence += taken
        if taken:
            shelf = self.shelves[CHART]
            self.shelves[CHART] = {**shelf, "used": shelf["used"] + len(taken), "why": None}

    @property
    def lacks(self) -> tuple[str, ...]:
        """Return what is missing of the patient's record: that it gave nothing, where it was asked."""
        return (NO_RECORD,) if "chart" in self.shelves and not self.shelves["chart"]["used"] else ()

    def about(self, cited: Iterable[str] = ()) -> dict[str, Any]:
        """Return what an answer tells of it beside the evidence: orders left out, and a record that gave nothing.

        Orders count where they stood in a document that is ``cited``, or was found best.
        """
        orders = sum(self.orders[one] for one in self.first.union(cited))
        told: dict[str, Any] = {"orders": orders} if orders else {}
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
    was deleted meanwhile, or says something else, is not cited. A chart that was asked and gave nothing, and what
    sources contradict, are told in ``missing``, ``about["chart"]`` and ``conflicts``, of an answer too. Raises
    UserError for an empty question or charts of two patients.
    """
    if not question.strip():
        raise UserError("the question is empty; ask something, such as: What are the symptoms of gout?")
    day = today or date.today()
    laid = lay(question, {EVIDENCE: search, CHART: chart, GRAPH: facts}, day)
    if laid.why:
        return replace(_blank(question, laid), why=laid.why)
    rank = rank or by_words
    made: list[Sentence] | None = None
    if style == "write":
        texts = written(question, laid.evidence, model, most=most, max_tokens=max_tokens)
        if not texts:
            return replace(_blank(question, laid), why=UNWRITTEN)
        made = all_supported(texts, laid.evidence, check)

    def standing(said: Sequence[Sentence]) -> Said:
        return parted([current(as_it_stands(one, laid.said), still, day) for one in said], check)

    def say(out: frozenset[Place]) -> Said:
        if made is None:
            return standing(quotations(question, laid.evidence, rank, most, out))
        kept, removed = standing(made)
        denied = [one for one in kept if any(c.key in out for c in one.citations)]
        return [one for one in kept if one not in denied], [*removed, *(replace(one, reason=DENIED) for one in denied)]

    held, beside = ([one for one in part if stands(one, still, day)] for part in (laid.evidence, laid.beside))
    (kept, removed), against = agreed(question, say, held, beside, rank, check.judge)
    if not stand(kept):
        why, lack = (CONTRADICTS, _settling(against)) if against else (UNSAID, lacking(question, held))
        base = replace(_blank(question, laid), why=why, missing=(*lack, *laid.lacks), conflicts=tuple(against))
        return replace(base, removed=(*kept, *removed))
    if CHART in laid.shelves:
        record, _ = standing(of_record(kept, [one for one in (*held, *beside) if one.shelf == CHART], most))
        laid.take(c.evidence for one in record for c in one.citations)
        kept = [*kept, *record]
    text, sentences = composed(kept, asked=CHART in laid.shelves)
    cited = [c for one in sentences for c in one.citations]
    base = replace(_blank(question, laid, {c.document for c in cited}), answer=text, sentences=sentences)
    base = replace(base, missing=(*_settling(against), *laid.lacks), conflicts=tuple(against), removed=tuple(removed))
    return replace(base, dated=max((c.date for c in cited if c.date), default=None))


def _blank(question: str, laid: Laid, cited: Iterable[str] = ()) -> Answer:
    """Return what is told of an answer before anything is said."""
    base = Answer(question, None, evidence=tuple(laid.evidence), language=laid.language, snapshots=laid.snapshots)
    return replace(base, about=laid.about(cited), shelves=laid.shelves, missing=(*laid.missing, *laid.lacks))


def _settling(found: Sequence[Conflict]) -> list[str]:
    """Return what is missing where sources contradict each other: what settles it."""
    both = "; ".join(dict.fromkeys(c.title or c.document for one in found for c in (one.first, one.second)))
    return [f"a source that settles what these say: {both}"] if found else []


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
        shown: list[Evidence] = []
        for one in found.evidence:
            clean, orders = without_orders([replace(one, shelf=shelf)])
            laid.orders[one.document] += orders
            laid.said |= {one.id: one.text} if orders else {}
            shown += clean
        laid.first |= {one.document for one in shown[:1]}
        kept, same, why = _usable(question, shown, found, laid.language, today)
        laid.beside += [one for one in same if one not in kept]
        gone = found.expired + len(expired(shown, today))
        laid.shelves[NAMES[shelf]] = {"found": len(shown), "used": len(kept), "expired": gone, "why": why}
        laid.evidence += kept
        seen += shown
    patients = {one.patient for one in (*laid.evidence, *laid.beside) if one.shelf == CHART and one.patient}
    if len(patients) > 1:
        raise UserError(f"the chart that was searched holds {len(patients)} patients; search that of one (patient=…)")
    if not laid.evidence:
        whys = [one["why"] for one in laid.shelves.values() if one["why"]]
        reasons = dict.fromkeys(part for why in whys for part in why.split("; "))
        laid.why, laid.missing = "; ".join(reasons) or NO_HIT, lacking(question, seen)
    return laid


def _usable(
    question: str, evidence: list[Evidence], found: Found, language: str | None, today: date
) -> tuple[list[Evidence], list[Evidence], str | None]:
    """Return what of a shelf may be used, what is valid and in the language, and why there is nothing if so."""
    if not evidence:
        return [], [], found.why or (EXPIRED if found.expired else NO_HIT)
    still_valid, _ = valid(evidence, today)
    if not still_valid:
        return [], [], EXPIRED
    same = [one for one in still_valid if not language or not one.language or _base(one.language) == language]
    foreign = ", ".join(sorted({_base(one.language) for one in still_valid if one not in same}))
    if not same:
        return [], [], LANGUAGE.format(question=language, found=foreign)
    fit = fitting(question, same) if evidence[0].shelf != GRAPH else same  # a graph's are linked already, by any name
    if fit:
        return fit, same, None
    stale = expired(evidence, today)
    if fitting(question, stale):
        return [], same, STALE
    left = [found.why] if found.expired and found.why else []
    left += [OLD.format(names="; ".join(dict.fromkeys(one.title or one.document for one in stale)))] if stale else []
    left += [LANGUAGE_TOO.format(question=language, found=foreign)] if foreign else []
    return [], same, "; ".join([THIN, *left])


def _base(language: str) -> str:
    return language.partition("-")[0].lower()
