"""The review queue: what models wrote waits here until someone accepts, edits, rejects or signs it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from residency.serve.review import drafts
from residency.serve.review.content import REASONS, STATUSES
from residency.serve.types import Principal, Refused
from residency.serve.workspace.given import Form, given, whole
from residency.serve.workspace.render import go, page, spoken
from residency.serve.workspace.titles import title_of

router = APIRouter(include_in_schema=False)
OPEN = ("draft", "accepted", "edited")
SHOWN = {"open": OPEN, **{one: (one,) for one in STATUSES}, "all": STATUSES}
A_PAGE = 50


@router.get("/review")
async def queue(
    request: Request, show: str = "open", own: bool = False, skip: Annotated[int, Query(ge=0, le=10**6)] = 0
) -> Response:
    """Return the drafts that the reader may see, the most urgent first."""
    principal: Principal = request.state.principal
    show = show if show in SHOWN else "open"
    found = await drafts.listed(
        request.app.state.service, principal, status=SHOWN[show], own=own, most=A_PAGE + 1, skip=skip
    )
    more = skip + A_PAGE if len(found) > A_PAGE else None
    titles = {one.application: title_of(one.application, spoken(request)) for one in found}
    shown: dict[str, Any] = {"drafts": found[:A_PAGE], "titles": titles, "show": show, "own": own}
    return page(request, "review", **shown, choices=tuple(SHOWN), skip=skip, more=more, a_page=A_PAGE)


@router.get("/review/{id}")
async def one(request: Request, id: str) -> Response:
    """Return a draft with what it stands on, its history, and what can be decided about it."""
    return await _shown(request, id)


@router.post("/review/{id}")
async def decide(request: Request, id: str) -> Response:
    """Decide about a draft, or go on from a signed one; what cannot be is said beside the words that were given."""
    form = await given(request)
    service, principal = request.app.state.service, request.state.principal
    try:
        if form["decision"] == "amend":
            made = await drafts.amend(service, principal, id)
            return go(f"/review/{made.id}", notice="review_amended")
        await _nothing_unsaved(service, principal, id, form)
        await drafts.decide(service, principal, id, **_decision(form))
    except Refused as error:
        if error.status in (403, 404):
            raise
        return await _shown(request, id, error=error, form=form)
    return go(f"/review/{id}", notice=f"review_{form['decision']}")


async def _nothing_unsaved(service: Any, principal: Principal, id: str, form: Form) -> None:
    """Raise Refused where words were typed and not saved, and others would be accepted or signed in their place."""
    if form.get("decision") not in ("accepted", "signed") or not form.get("output"):
        return
    draft = await drafts.get(service, principal, id)
    if draft.content and form["output"].strip() != draft.content.output.replace("\r\n", "\n").strip():
        raise Refused("the words in the field are not saved: save them first", status=409, code="unsaved")


def _decision(form: Form) -> dict[str, Any]:
    decision = form.get("decision", "")
    return {
        "version": whole(form.get("version", ""), least=1, most=10**9, name="version"),
        "decision": decision,
        "output": form.get("output") if decision == "edited" else None,
        "reason": form.get("reason") if decision == "rejected" else None,
        "comment": form.get("comment", ""),
    }


async def _shown(request: Request, id: str, *, error: Refused | None = None, form: Form | None = None) -> Response:
    service, principal, t = request.app.state.service, request.state.principal, spoken(request)
    draft = await drafts.get(service, principal, id)
    steps = await drafts.history(service, principal, id)
    said = t.or_else(f"review.error.{error.code}", str(error)) if error else ""
    values: dict[str, Any] = {"draft": draft, "steps": steps, "reasons": REASONS}
    values["title"] = title_of(draft.application, t)
    values["words"] = form["output"] if form and form["output"] else draft.content.output if draft.content else ""
    status = error.status if error else 200
    return page(request, "review_one", status=status, **values, error=said, form=form or Form(str))
