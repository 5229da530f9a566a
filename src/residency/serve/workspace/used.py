"""An application used by a page: asked with what was filled in, its draft put into the review queue, and shown."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from residency.infer.evidence import Evidence
from residency.serve.apps.application import Application
from residency.serve.apps.listed import answered
from residency.serve.engine.sources import sources_of
from residency.serve.review import drafts
from residency.serve.service import Service
from residency.serve.types import Confidence, Principal
from residency.serve.workspace.replies import Part, loose, parts_of, written
from residency.serve.workspace.words import Words

MOST_SEARCHED = 600
"""Characters of what was filled in that sources are searched by."""


@dataclass(frozen=True, slots=True)
class Used:
    """What came of it: the parts of the reply (none: it abstained or a rule answered), and the draft's id."""

    title: str
    told: Mapping[str, Any]
    parts: tuple[Part, ...]
    said: tuple[str, ...]
    sure: str
    draft: str = ""


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
    """Return what an application comes to; a reply that is a draft waits for review from then on.

    Raises as ``apps.listed.answered`` does.
    """
    evidence = await _found(service, one, fields)
    body = {"fields": fields, "unproven": unproven, "model": engine, "language": t.language}
    told = await answered(service, one.id, body, principal, evidence=evidence, route=route)
    draft = await _draft(service, principal, told, fields, t) if told["draft"] and told["reply"] is not None else ""
    marks = told["marks"]
    sure = service.guard.in_words(Confidence(told["calibrated"], told["confidence"]), t.language)
    parts = tuple(parts_of(told["reply"] or {}, marks, t))
    said = tuple(dict.fromkeys([*loose(told["reply"], marks), *filter(None, [told["note"]])]))
    return Used(one.title[t.language], told, parts, said, sure, draft)


async def _found(service: Service, one: Application, fields: Mapping[str, Any]) -> Sequence[Evidence]:
    """Return passages for an application that stands on sources, where none was filled in."""
    sources = sources_of(service.about)
    if not one.grounded or not sources.any or fields.get("source"):
        return ()
    texts = [str(fields.get(name) or "") for name, field in one.inputs.items() if field.kind == "text"]
    return await asyncio.to_thread(sources.evidence, " ".join(texts).strip()[:MOST_SEARCHED])


async def _draft(
    service: Service, principal: Principal, told: Mapping[str, Any], fields: Mapping[str, Any], t: Words
) -> str:
    """Return the id of the draft that was made of a reply; what went in is sealed with it."""
    given = "\n\n".join(str(value) for value in fields.values() if value not in (None, ""))
    made = await drafts.make(
        service,
        principal,
        application=told["application"],
        input=given,
        output=written(told["reply"], t),
        citations=told["evidence"],
        model=told["model"],
        model_hash=told["model_hash"],
        request=told["request"],
        urgency=told["urgency"],
    )
    return made.id
