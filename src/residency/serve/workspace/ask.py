"""The page that asks: a question, an answer as it comes, and beside it the passages that it stands on.

A browser that runs scripts gets events (text/event-stream): what is urgent before anything is looked for, the
passages, pieces of the answer, and the whole of it once it is on record; one that does not gets the page.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, replace
from typing import Any

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from residency.core.errors import ResidencyError
from residency.serve.engine.sources import sources_of
from residency.serve.engine.told import STOPS
from residency.serve.service import Service
from residency.serve.types import Principal, Refused
from residency.serve.workspace import carried, routes, ways
from residency.serve.workspace.given import Form, given
from residency.serve.workspace.passages import grouped
from residency.serve.workspace.render import for_script, go, page, rendered, spoken, status_of
from residency.serve.workspace.shown import QUOTED, WRITTEN, Bare, Shown
from residency.serve.workspace.ways import WAYS, Asked, Before

router = routes.router()
MOST = 8_000
"""Characters of a question."""


@router.get("/")
async def blank(request: Request) -> Response:
    """Return the page with an empty form."""
    return _page(request, Asked(way=QUOTED), None)


@router.get("/ask")
async def reloaded(request: Request) -> Response:
    """Return the way to the page: this address is in the address bar after an answer without scripts."""
    return go("/")


@router.post("/ask")
async def ask(request: Request) -> Response:
    """Return the answer: as events where the browser asks for them, else as the page."""
    form = await given(request)
    if form["language"]:
        return _page(request, *_carried(request, form))
    asked = _asked(request, form)
    if "text/event-stream" in request.headers.get("accept", ""):
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_events(request, asked), media_type="text/event-stream", headers=headers)
    service, principal, language = _of(request)
    if asked.way == QUOTED:
        return _page(request, asked, await ways.from_sources(service, principal, asked, language))
    before = await ways.before(service, asked)
    told = await service.flow.ask(principal, ways.body(asked, before.evidence), **ways.about(asked, before))
    ruled = ways.by_rule(told)
    return _page(
        request, asked, ways.written(service, asked, told.text or "", told.about, before, language, ruled=ruled)
    )


# --- the events ------------------------------------------------------------------------------------------------------


async def _events(request: Request, asked: Asked) -> AsyncIterator[str]:
    """Yield the events; an error is one too, in the words of its page, since the answer has begun."""
    try:
        service, principal, language = _of(request)
        verdict = ways.ruling(service, asked)
        stopped = verdict.action in STOPS
        if not stopped:
            yield _event("begin", html=rendered(request, "begin", urgency=verdict.urgency, way=asked.way))
        if asked.way == QUOTED:
            yield _done(request, asked, await ways.from_sources(service, principal, asked, language))
            return
        before = Before() if stopped else await ways.before(service, asked)
        if before.evidence:
            groups = grouped(before.told)
            yield _event("evidence", html=rendered(request, "found", groups=groups))
        async for event in _written(request, asked, before, stopped=stopped):
            yield event
    except ResidencyError as error:
        status, detail = status_of(request, error)
        t = spoken(request)
        yield _event("wrong", status=status, text=detail or t(f"problem.{status}.text"))


async def _written(request: Request, asked: Asked, before: Before, *, stopped: bool) -> AsyncIterator[str]:
    """Yield a written answer: its pieces without numbers that nobody has checked, and then the whole."""
    service, principal, language = _of(request)
    text, about, bare = "", dict[str, Any](), Bare()
    chunks = service.flow.stream(principal, ways.body(asked, before.evidence), **ways.about(asked, before))
    async with aclosing(chunks):  # type: ignore[type-var]
        async for chunk in chunks:
            about = chunk.get("residency") or about
            stopped = stopped or _filtered(chunk)
            piece = _said(chunk)
            text += piece
            if piece and (clean := bare.feed(piece) if before.evidence else piece) and not stopped:
                yield _event("piece", text=clean)
    ruled = stopped and not about["abstained"]
    yield _done(request, asked, ways.written(service, asked, text, about, before, language, ruled=ruled))


def _event(kind: str, **data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _done(request: Request, asked: Asked, found: Shown) -> str:
    html = rendered(request, "answer", answer=found, carried=_sealed(request, asked, found))
    came = "emergency" if found.urgency == "emergency" and not found.ruled else found.kind
    return _event("done", html=html, says=spoken(request)(f"ask.came.{came}"))


def _said(chunk: dict[str, Any]) -> str:
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in chunk["choices"])


def _filtered(chunk: dict[str, Any]) -> bool:
    """Return whether the guard has put its own words in the answer's place."""
    return any(choice.get("finish_reason") == "content_filter" for choice in chunk["choices"])


# --- the form and the page -------------------------------------------------------------------------------------------


def _asked(request: Request, form: Form) -> Asked:
    """Return what the form asks; Refused where it asks nothing, or too much."""
    question, way = form["question"].strip(), form["way"]
    if not question or len(question) > MOST:
        raise Refused(f"a question has 1 to {MOST} characters", status=422, code="question")
    return Asked(question, form["model"], way if way in WAYS and _has_sources(request) else WRITTEN)


def _carried(request: Request, form: Form) -> tuple[Asked, Shown | None]:
    """Return the question and the answer that a change of language takes along: nobody is asked again."""
    typed = form["typed"][:MOST]
    if not form["answer"]:
        return Asked(typed, way=QUOTED), None
    service, principal, _ = _of(request)
    asked, found = carried.again(getattr(service, "seal", None), principal, form["answer"])
    return replace(Asked(**asked), **({"question": typed} if typed else {})), found


def _sealed(request: Request, asked: Asked, found: Shown | None) -> str:
    service, principal, _ = _of(request)
    return carried.carried(getattr(service, "seal", None), principal, asdict(asked), found) if found else ""


def _of(request: Request) -> tuple[Service, Principal, str]:
    return request.app.state.service, request.state.principal, spoken(request).language


def _has_sources(request: Request) -> bool:
    return sources_of(request.app.state.service.about).any


def _page(request: Request, asked: Asked, found: Shown | None) -> Response:
    service, _, _ = _of(request)
    return page(
        request,
        "ask",
        asked=asked,
        answer=found,
        carried=_sealed(request, asked, found),
        engines=list(service.engines),
        ways=WAYS if _has_sources(request) else (),
        most=MOST,
        words=for_script(spoken(request), "ask.answering", "ask.stopped", "ask.broken", "ask.ended"),
    )
