"""The page that asks: a question, an answer as it comes, and beside it the passages that it stands on.

Two ways where the service has sources: sentences quoted from them ("quoted"), or the model's own words behind them
("written"), each of whose sentences is held against the passages once all is written. A browser that runs scripts gets
events (text/event-stream): the passages, pieces of the answer, and the whole of it once it is on record; one that does
not gets the page.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from residency.core.errors import ResidencyError
from residency.infer.answer import Answer, answer
from residency.infer.evidence import RULE, Evidence, fenced
from residency.infer.orders import without_orders
from residency.serve.engine.sources import Sources, sources_of
from residency.serve.service import Service
from residency.serve.types import Principal, Refused
from residency.serve.workspace import routes
from residency.serve.workspace.given import given
from residency.serve.workspace.render import for_script, page, rendered, spoken, status_of
from residency.serve.workspace.shown import Piece, Shown, checked, cut, sentences, shown
from residency.serve.workspace.words import LANGUAGES

router = routes.router()
KIND = "ask"
MOST, TOKENS = 8_000, 640
"""Characters of a question, and tokens of an answer."""
WAYS = ("quoted", "written")
CITE = "Answer the question for a clinician. After each sentence give the number of the passage it stands on: [1]."


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form asks: the question, of which model, and in which way."""

    question: str
    engine: str = ""
    way: str = "written"


@router.get("/")
async def blank(request: Request) -> Response:
    """Return the page with an empty form."""
    return page(request, "ask", **_form(request, Asked("", way=WAYS[0])), answer=None)


@router.post("/ask")
async def ask(request: Request) -> Response:
    """Return the answer: as events where the browser asks for them, else as the page."""
    asked = await _asked(request)
    if "text/event-stream" in request.headers.get("accept", ""):
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_events(request, asked), media_type="text/event-stream", headers=headers)
    service, principal = _of(request)
    evidence = await _evidence(service, asked)
    if asked.way == "quoted":
        found = await _quoted(request, asked)
    else:
        body = _body(asked, evidence)
        told = await service.flow.ask(principal, body, **_about(asked, evidence))
        found = _written(request, asked, told.text or "", told.about, evidence)
    return page(request, "ask", **_form(request, asked), answer=found)


async def _events(request: Request, asked: Asked) -> AsyncIterator[str]:
    """Yield the events; an error is one too, in the words of its page, since the answer has begun."""
    try:
        if asked.way == "quoted":
            yield _event("done", html=_html(request, await _quoted(request, asked)))
            return
        service, principal = _of(request)
        evidence = await _evidence(service, asked)
        if evidence:
            yield _event("evidence", html=rendered(request, "evidence", evidence=_told(evidence)))
        text, about = "", dict[str, Any]()
        chunks = service.flow.stream(principal, _body(asked, evidence), **_about(asked, evidence))
        async with aclosing(chunks):  # type: ignore[type-var]
            async for chunk in chunks:
                about = chunk.get("residency") or about
                if piece := _said(chunk):
                    text += piece
                    yield _event("piece", text=piece)
        yield _event("done", html=_html(request, _written(request, asked, text, about, evidence)))
    except ResidencyError as error:
        status, detail = status_of(request, error)
        t = spoken(request)
        yield _event("wrong", status=status, text=detail or t(f"problem.{status}.text"))


def _event(kind: str, **data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _said(chunk: dict[str, Any]) -> str:
    return "".join((choice.get("delta") or {}).get("content") or "" for choice in chunk["choices"])


# --- the question ----------------------------------------------------------------------------------------------------


async def _asked(request: Request) -> Asked:
    """Return what the form asks; Refused where it asks nothing, or too much."""
    form = await given(request)
    question, way = form["question"].strip(), form["way"]
    if not question or len(question) > MOST:
        raise Refused(f"a question has 1 to {MOST} characters", status=422, code="question")
    return Asked(question, form["model"], way if way in WAYS and _sources(request).any else "written")


async def _evidence(service: Service, asked: Asked) -> list[Evidence]:
    """Return the passages for a question, without sentences that are addressed to a machine."""
    sources = sources_of(service.about)
    if not sources.any or asked.way == "quoted":
        return []
    found = await asyncio.to_thread(sources.evidence, asked.question)
    return list(without_orders(found)[0])


def _body(asked: Asked, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """Return the request. Passages stand in the system's turn: what they say is not what the clinician says, and the
    guard reads the clinician's turn for signs of an emergency.
    """
    before = f"{CITE}\n{RULE}\n{fenced(evidence)}"
    turns = [{"role": "system", "content": before}] if evidence else []
    messages = [*turns, {"role": "user", "content": asked.question}]
    return {"messages": messages, "max_tokens": TOKENS, "temperature": 0}


def _about(asked: Asked, evidence: Sequence[Evidence]) -> dict[str, Any]:
    return {"kind": KIND, "engine": asked.engine, "evidence": _told(evidence), "route": "/ask"}


# --- the answer ------------------------------------------------------------------------------------------------------


def _written(request: Request, asked: Asked, text: str, about: dict[str, Any], evidence: Sequence[Evidence]) -> Shown:
    service, _ = _of(request)
    model = asked.engine or service.engine.name
    words = spoken(request).language
    if evidence:
        ours = [one for code in LANGUAGES for one in service.guard.texts(code).values()]
        pieces = checked(text, evidence, ours)
    else:
        pieces = cut(text, 0)
    return shown(service.guard, about, words, pieces=pieces, evidence=_told(evidence), model=model)


async def _quoted(request: Request, asked: Asked) -> Shown:
    """Return the answer whose sentences are the sources' own, or what a rule says in its place."""
    service, principal = _of(request)
    sources = sources_of(service.about)
    found, told = await service.flow.run(
        principal,
        lambda model: answer(
            asked.question, model, sources.search, facts=sources.facts if sources.graph else None, still=sources.still
        ),
        kind=KIND,
        known=[asked.question],
        describe=partial(_described, sources),
        engine=asked.engine,
        route="/ask",
    )
    evidence = [asdict(one) for one in found.evidence] if found else []
    pieces = sentences(found, evidence) if found else (Piece(told.text or ""),)
    about = {**told.about, "abstained": told.about["abstained"] or (found is not None and found.abstained)}
    missing = (found.why or "", *found.missing) if found and found.abstained else ()
    words = spoken(request).language
    return shown(service.guard, about, words, pieces=pieces, evidence=evidence, missing=missing)


def _described(sources: Sources, found: Answer) -> dict[str, Any]:
    return {
        "answer": found.answer,
        "known": [one.text for one in found.evidence],
        "evidence": [one.id for one in found.evidence],
        "snapshots": sources.snapshots,
    }


# --- the page --------------------------------------------------------------------------------------------------------


def _of(request: Request) -> tuple[Service, Principal]:
    return request.app.state.service, request.state.principal


def _sources(request: Request) -> Sources:
    return sources_of(request.app.state.service.about)


def _told(evidence: Sequence[Evidence]) -> list[dict[str, Any]]:
    return [one.told() for one in evidence]


def _html(request: Request, found: Shown) -> str:
    return rendered(request, "answer", answer=found)


def _form(request: Request, asked: Asked) -> dict[str, Any]:
    service, _ = _of(request)
    return {
        "asked": asked,
        "engines": list(service.engines),
        "ways": WAYS if _sources(request).any else (),
        "most": MOST,
        "words": for_script(spoken(request), "ask.answering", "ask.done", "ask.stopped", "ask.broken", "ask.ended"),
    }
