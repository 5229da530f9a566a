"""An application from its fields to a reply on record: the one way of every request, with this application's checks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from residency.infer.evidence import Evidence
from residency.serve.apps.application import Application
from residency.serve.apps.case import Case, case_of
from residency.serve.apps.outcome import Json, Mark, Outcome, Solved, most_urgent
from residency.serve.apps.solve import solved
from residency.serve.apps.words import words
from residency.serve.types import Principal

if TYPE_CHECKING:
    from residency.serve.engine.flow import Flow, Told


async def run(
    application: Application,
    fields: Mapping[str, Any],
    flow: Flow,
    principal: Principal,
    *,
    engine: str = "",
    language: str = "",
    evidence: Sequence[Evidence] = (),
    route: str = "",
) -> Outcome:
    """Return what an application comes to for what was filled in, guarded and on record.

    ``evidence`` are passages that a search found, which it may stand on beside what was filled in. Raises Refused where
    a field is wrong (nothing is recorded then), and Busy, Down and Unrecorded as the flow does.
    """
    spoken = language or principal.language
    case = await asyncio.to_thread(case_of, application, fields, language=spoken, evidence=evidence)
    seen = flow.guard.before([{"role": "user", "content": case.given}], application.guard)
    result, told = await flow.run(
        principal,
        partial(solved, case, floor=seen.urgency, crisis=getattr(flow.guard, "crisis", "")),
        kind=application.guard,
        known=[case.given],
        application=application.name,
        describe=partial(described, case),
        engine=engine,
        route=route or f"/v1/applications/{application.id}",
    )
    return outcome(case, result, told, flow.engine(engine))


def described(case: Case, found: Solved) -> Json:
    """Return what the flow guards and records of it; the reply goes as JSON, so that a guard only hides in it."""
    answer = json.dumps(found.reply, ensure_ascii=False) if found.reply is not None else None
    about: Json = {
        "answer": found.text if found.ruled else answer,
        "known": [one.text for one in case.evidence],
        "evidence": [one.id for one in case.evidence],
        "snapshots": {"application": case.application.hash},
        "tokens": {"in": 0, "out": found.tokens},
        "urgency": found.urgency,
        "rules": list(found.rules),
    }
    return about | ({"decision": "answered by rule"} if found.ruled else {})


def outcome(case: Case, found: Solved | None, told: Told, engine: Any) -> Outcome:
    """Return what goes back after the guard has spoken: its words in the reply's place, or the reply with less."""
    solved_ = found or _of_guard(case, told)
    about, app = told.about, case.application
    stopped = found is None and solved_.reply is None
    return Outcome(
        application=app.id,
        version=app.version,
        hash=app.hash,
        output=app.output,
        decision=_decision(solved_, about, stopped=stopped, refused=any(v.action == "refuse" for v in told.verdicts)),
        reply=solved_.reply,
        text=solved_.text,
        urgency=most_urgent(solved_.urgency, about.get("urgency")),
        why=solved_.why,
        marks=tuple(solved_.marks),
        facts=solved_.facts,
        rules=tuple(dict.fromkeys([*about.get("rules", ()), *solved_.rules])),
        note=about.get("note", ""),
        request=told.request,
        seq=told.seq,
        model=engine.name,
        model_hash=engine.hash,
        calibrated=told.confidence.calibrated,
        confidence=told.confidence.value,
        measured=told.confidence.measured,
        evidence=tuple(one.told() for one in case.evidence),
        tokens=solved_.tokens,
    )


def _of_guard(case: Case, told: Told) -> Solved:
    """Return what a guard put in the place of a reply: its words, or the reply with identifiers hidden."""
    text = told.text or next((v.text for v in reversed(told.verdicts) if v.action in ("answer", "refuse")), "")
    try:
        masked = json.loads(text)
    except ValueError:
        masked = None
    if not isinstance(masked, dict):
        urgency = None if told.about.get("urgency") else case.application.urgency.unanswered
        return Solved(None, "", text, urgency)
    mark = Mark("", "masked", words("masked", case.language))
    return Solved(masked, marks=[mark], urgency=case.application.urgency.least)


def _decision(found: Solved, about: Mapping[str, Any], *, stopped: bool, refused: bool) -> str:
    if refused:
        return "refused"
    if found.ruled or (stopped and not about.get("abstained")):
        return "answered by rule"
    return "answered" if found.reply is not None else "abstained"
