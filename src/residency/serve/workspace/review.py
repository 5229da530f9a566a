"""The review queue: what models wrote waits here until someone accepts, edits, rejects or signs it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from residency.serve.review import drafts
from residency.serve.review.content import NEXT, REASONS, STATUSES, Content, Version
from residency.serve.types import Principal, Refused
from residency.serve.workspace.given import Form, given, whole
from residency.serve.workspace.render import go, page, spoken
from residency.serve.workspace.titles import title_of
from residency.serve.workspace.warned import warned
from residency.serve.workspace.words import Words

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
        _as_seen(await drafts.history(service, principal, id), form)
        await drafts.decide(service, principal, id, **_decision(form))
    except Refused as error:
        if error.status in (403, 404):
            raise
        return await _shown(request, id, error=error, form=form)
    return go(f"/review/{id}", notice=f"review_{form['decision']}")


def _as_seen(steps: list[Version], form: Form) -> None:
    """Raise Refused where other words than those in the field would be accepted or signed, or a signature has no tick.

    A draft that has moved on is found by who decides, in turn.
    """
    last, decision = steps[-1], form["decision"]
    if form["version"].strip() != str(last.version) or decision not in NEXT[last.decision]:
        return
    if decision in ("accepted", "signed") and _typed(steps, form):
        raise Refused("the words in the field are not saved: save them first", status=409, code="unsaved")
    if decision == "signed" and form["sure"] != "yes":
        raise Refused("who signs ticks that they answer for it", status=422, code="not_sure")


def _typed(steps: list[Version], form: Form) -> bool:
    """Return whether the field holds words of the reader's own: other ones than the version that they saw."""
    seen = next((one.content.output for one in steps if str(one.version) == form["version"].strip()), "")
    return bool(form["output"].strip()) and _bare(form["output"]) != _bare(seen)


def _bare(text: str) -> str:
    """Return a text as a field of a form gives it back: line ends as \\n, nothing around it."""
    return text.replace("\r\n", "\n").strip()


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
    """Return the page of a draft; words that were typed and could not be saved are never dropped."""
    service, principal, t = request.app.state.service, request.state.principal, spoken(request)
    draft = await drafts.get(service, principal, id)
    steps, form = await drafts.history(service, principal, id), form or Form(str)
    first = steps[0].content.output if steps else ""
    content, typed = draft.content or Content(), _typed(steps, form)
    values: dict[str, Any] = {"draft": draft, "steps": steps, "reasons": REASONS, "form": form, "typed": typed}
    values |= {
        "title": title_of(draft.application, t),
        "warnings": warned(content.warnings, t, first=first, now=content.output),
    }
    values["words"] = form["output"] if typed else content.output
    said = _said(error, t, typed=typed) if error else ""
    return page(request, "review_one", status=error.status if error else 200, **values, error=said)


def _said(error: Refused, t: Words, *, typed: bool) -> str:
    """Return what could not be done and why, in the reader's words."""
    code = "moved" if error.code == "changed" and not typed else error.code
    known = (key for name in (code, error.param) if t.has(key := f"review.error.{name}"))
    return t(next(known, "review.error.other"))
