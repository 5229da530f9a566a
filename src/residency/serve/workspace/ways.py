"""The two ways in which a question is answered where the service has sources: quoted from them, or written.

Quoted are sentences of the sources, word for word, and no model is asked. Written are the model's own words, each of
whose sentences is held against the passages once all is written. Without sources there is only the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from residency.infer.answer import Answer
from residency.infer.answer.cited import UNWRITTEN
from residency.infer.evidence import RULE, Evidence, fenced
from residency.infer.orders import without_orders
from residency.serve.engine.sources import Sources, sources_of
from residency.serve.engine.told import STOPS, Told
from residency.serve.workspace.settled import from_shelves
from residency.serve.workspace.shown import QUOTED, WRITTEN, Piece, Shown, checked, cut, quoted, shown
from residency.serve.workspace.words import LANGUAGES

if TYPE_CHECKING:
    from residency.serve.service import Service
    from residency.serve.types import Principal, Verdict

KIND = "ask"
TOKENS = 640
"""Tokens of a written answer."""
WAYS = (QUOTED, WRITTEN)
CITE = "Answer the question for a clinician. After each sentence give the number of the passage it stands on: [1]."


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form asks: the question, of which model, and in which way."""

    question: str = ""
    engine: str = ""
    way: str = WRITTEN


@dataclass(frozen=True, slots=True)
class Before:
    """What lies before a written answer: the passages, and how many sentences were left out as orders to a machine."""

    evidence: tuple[Evidence, ...] = ()
    withheld: int = 0

    @property
    def told(self) -> list[dict[str, Any]]:
        """Return the passages as JSON has them."""
        return [one.told() for one in self.evidence]


def ruling(service: Service, asked: Asked) -> Verdict:
    """Return what the rules say of a question before anything is looked for: an emergency is told at once."""
    return service.guard.before([{"role": "user", "content": asked.question}], KIND)


async def before(service: Service, asked: Asked) -> Before:
    """Return the passages for a question, without sentences that are addressed to a machine."""
    sources = sources_of(service.about)
    if not sources.any:
        return Before()
    found = await asyncio.to_thread(sources.evidence, asked.question)
    clean, orders = without_orders(found)
    return Before(tuple(clean), orders)


def body(asked: Asked, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return the request. Passages stand in the system's turn: what they say is not what the clinician says, and the
    guard reads the clinician's turn for signs of an emergency.
    """
    first = f"{CITE}\n{RULE}\n{fenced(evidence)}"
    turns = [{"role": "system", "content": first}] if evidence else []
    messages = [*turns, {"role": "user", "content": asked.question}]
    return {"messages": messages, "max_tokens": TOKENS, "temperature": 0}


def about(asked: Asked, found: Before) -> dict[str, Any]:
    """Return how a body is asked."""
    return {"kind": KIND, "engine": asked.engine, "evidence": found.told, "route": "/ask"}


def written(
    service: Service, asked: Asked, text: str, told: Mapping[str, Any], found: Before, language: str, *, ruled: bool
) -> Shown:
    """Return a written answer as it is shown; ``ruled``: the text is the guard's, and no model's."""
    model = "" if ruled or told["abstained"] else asked.engine or service.engine.name
    more: dict[str, Any] = {"ruled": ruled, "withheld": found.withheld}
    if ruled or not found.evidence:
        return shown(service.guard, told, language, pieces=cut(text, 0), model=model, **more)
    ours = [one for code in LANGUAGES for one in service.guard.texts(code).values()]
    laid = checked(text, found.evidence, ours, asked.question)
    if not any(piece.text.strip() for piece in laid.pieces):  # headings and echoes alone: the model wrote no sentence
        told = {**told, "abstained": True}
        more["why"] = more.get("why") or UNWRITTEN
    more |= {"pieces": laid.pieces, "evidence": laid.evidence, "used": laid.used, "quotes": laid.quotes}
    return shown(service.guard, told, language, model=model, **more)


async def from_sources(service: Service, principal: Principal, asked: Asked, language: str) -> Shown:
    """Return the answer whose sentences are the sources' own, or what a rule says in its place."""
    sources = sources_of(service.about)
    found, told = await service.flow.run(
        principal,
        lambda model: from_shelves(asked.question, model, sources),
        kind=KIND,
        known=[asked.question],
        describe=partial(_described, sources),
        engine=asked.engine,
        route="/ask",
    )
    if found is None:
        pieces = (Piece(told.text or ""),)
        return shown(service.guard, told.about, language, pieces=pieces, ruled=by_rule(told), way=QUOTED)
    laid = quoted(found)
    note = str(told.about.get("note") or "")
    seen = {**told.about, "abstained": told.about["abstained"] or found.abstained}
    more: dict[str, Any] = {"pieces": laid.pieces, "evidence": laid.evidence, "used": laid.used, "quotes": laid.quotes}
    return shown(service.guard, seen, language, way=QUOTED, note=note, **more, **_left(found))


def by_rule(told: Told) -> bool:
    """Return whether a rule speaks in the model's place; an answer that was abstained from is none of a rule's."""
    return not told.about["abstained"] and any(one.action in STOPS for one in told.verdicts)


def _left(found: Answer) -> dict[str, Any]:
    """Return what is told beside a quoted answer: why there is none, what is missing, and what sources contradict."""
    return {
        "why": found.why or "",
        "missing": found.missing if found.abstained else (),
        "conflicts": tuple(asdict(one) for one in found.conflicts),
        "withheld": int(found.about.get("orders", 0)),
        "unread": {name: one["why"] for name, one in found.shelves.items() if one["why"]}
        if not found.abstained
        else {},
    }


def _described(sources: Sources, found: Answer) -> dict[str, Any]:
    return {
        "answer": found.answer,
        "known": [one.text for one in found.evidence],
        "evidence": [one.id for one in found.evidence],
        "snapshots": sources.snapshots,
    }
