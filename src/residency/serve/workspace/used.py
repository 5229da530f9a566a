"""An application used by a page: asked with what was filled in, its draft put into the review queue, and shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.infer.evidence import Evidence
from residency.serve.apps.application import Application, Field
from residency.serve.apps.left_out import LEFT_OUT
from residency.serve.apps.listed import answered, proof_of
from residency.serve.engine.sources import sources_of
from residency.serve.review import drafts, warnings
from residency.serve.service import Service
from residency.serve.types import Confidence, Principal
from residency.serve.workspace.replies import Part, loose, parts_of, written
from residency.serve.workspace.words import Words

HANDED = ("emergency", "urgent")
"""How urgent a hand-over is that waits in the review queue, so that it is not lost with its page."""
MOST_SEARCHED = 600
"""Characters of what was filled in that sources are searched by."""


@dataclass(frozen=True, slots=True)
class Used:
    """What came of it: the parts of the reply (none: it abstained or a rule answered), and the draft's id.

    Of an urgent hand-over the draft has what was said in a reply's place. ``left`` are the sentences of what went in
    that the reply takes up nowhere.
    """

    title: str
    told: Mapping[str, Any]
    parts: tuple[Part, ...]
    said: tuple[str, ...]
    sure: str
    draft: str = ""
    left: tuple[str, ...] = ()


async def use(
    service: Service,
    principal: Principal,
    one: Application,
    fields: Mapping[str, Any],
    t: Words,
    *,
    unproven: bool,
    engine: str = "",
    route: str,
) -> Used:
    """Return what an application comes to; a draft, or an urgent hand-over, waits for review from then on.

    Raises as ``apps.listed.answered`` does.
    """
    evidence = await _found(service, one, fields)
    body = {"fields": fields, "unproven": unproven, "model": engine, "language": t.language}
    told = await answered(service, one.id, body, principal, evidence=evidence, route=route)
    draft, marks = "", [mark for mark in told["marks"] if mark["code"] != LEFT_OUT]
    left = tuple(mark["text"] for mark in told["marks"] if mark["code"] == LEFT_OUT)
    if handed(told) or (told["draft"] and told["reply"] is not None):
        draft = await _draft(service, principal, one, told, fields, t)
    measured = Confidence(told["calibrated"], told["confidence"], measured=told["measured"])
    sure = service.guard.in_words(measured, t.language)
    parts = tuple(part for part in parts_of(told["reply"] or {}, marks, t) if part.lines or part.marks or _blanks(one))
    said = tuple(dict.fromkeys([*loose(told["reply"], marks, t), *filter(None, [told["note"]])]))
    return Used(one.title[t.language], told, parts, said, sure, draft, left)


def handed(told: Mapping[str, Any]) -> bool:
    """Return whether an application handed over what cannot wait: nobody declined it, and no model's reply is left."""
    return told["reply"] is None and told["decision"] != "refused" and told["urgency"] in HANDED


async def _found(service: Service, one: Application, fields: Mapping[str, Any]) -> Sequence[Evidence]:
    """Return passages for an application that stands on sources, where none was filled in."""
    sources = sources_of(service.about)
    if not one.grounded or not sources.any or fields.get("source"):
        return ()
    texts = [str(fields.get(name) or "") for name, field in one.inputs.items() if field.kind == "text"]
    return await asyncio.to_thread(sources.evidence, " ".join(texts).strip()[:MOST_SEARCHED])


async def _draft(
    service: Service,
    principal: Principal,
    one: Application,
    told: Mapping[str, Any],
    fields: Mapping[str, Any],
    t: Words,
) -> str:
    """Return the id of the draft that was made of a reply, or of a hand-over.

    What went in, and what was warned of, is sealed with it.
    """
    proof = await asyncio.to_thread(proof_of, service, one, engine=told["model"])
    made = await drafts.make(
        service,
        principal,
        application=told["application"],
        input=given_as(one, fields, t.language),
        output=(told["text"] or told["why"]) if handed(told) else written(told["reply"], t, blanks=_blanks(one)),
        citations=told["evidence"],
        model=told["model"],
        model_hash=told["model_hash"],
        request=told["request"],
        urgency=told["urgency"],
        warnings=warnings.of(told, fields, unproven=not (proof and proof.proves)),
    )
    return made.id


def given_as(one: Application, fields: Mapping[str, Any], language: str) -> str:
    """Return what was filled in as a text: a single field as it is, several with their titles."""
    filled = [(one.inputs[name], str(value)) for name, value in fields.items() if value not in (None, "")]
    if len(filled) == 1:
        return filled[0][1]
    return "\n\n".join(f"{field.title[language]}: {_answer(field, value, language)}" for field, value in filled)


def _answer(field: Field, value: str, language: str) -> str:
    said = field.choices.get(value.strip())
    words = said[language] if said else f"{value} {field.unit_in(language)}".strip()
    return f"{words} ({value})" if said and field.kind == "whole" else words


def _blanks(one: Application) -> bool:
    """Return whether a heading under which nothing stands is told: a patient has no use for it."""
    return one.whom != "patients"
