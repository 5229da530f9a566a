"""Two models side by side, blind: a question, two answers in an order that was drawn, a choice, and then the names."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from residency.serve.engine.told import STOPS, Told
from residency.serve.review import comparisons
from residency.serve.review.comparisons import CHOICES, Answered
from residency.serve.service import Service
from residency.serve.types import Principal, Refused
from residency.serve.workspace.given import given
from residency.serve.workspace.render import go, page, spoken

router = APIRouter(include_in_schema=False)
MOST = 8_000
KIND = "clinician"
TOKENS = 400


@router.get("/compare")
async def form(request: Request) -> Response:
    """Return the page that asks for a question, with what was compared before."""
    return await _form(request)


@router.post("/compare")
async def ask(request: Request) -> Response:
    """Put a question to two models at once, and go to the page that shows their answers.

    In an emergency the page says first whom to call, which is on record, and asks no model until it is told to all
    the same.
    """
    service, principal = request.app.state.service, request.state.principal
    form = await given(request)
    question = form["question"].strip()
    if not question or len(question) > MOST:
        error = spoken(request)("compare.question_wrong", most=f"{MOST:,}")
        return await _form(request, question=question[:MOST], error=error, status=422)
    if len(service.engines) < 2:
        return await _form(request, question=question, status=409)
    first = service.guard.before([{"role": "user", "content": question}], KIND)
    if first.urgency == "emergency" and first.action not in STOPS and form["known"] != "yes":
        first_told = await service.flow.warn(principal, _body(question), kind=KIND, route="/compare")
        return await _form(request, question=question, first=first_told)
    names = secrets.SystemRandom().sample(sorted(service.engines), 2)
    told = await _both(service, principal, question, names)
    if ruled := next((one for one in told if one.stopped), None):  # a rule spoke: there are no two models to compare
        return await _form(request, question=question, ruled=ruled)
    answers = [
        Answered(name, service.engines[name].hash, one.text or "", one.request)
        for name, one in zip(names, told, strict=True)
    ]
    made = await comparisons.make(service, principal, question=question, answers=answers)
    return go(f"/compare/{made.id}")


@router.get("/compare/{id}")
async def one(request: Request, id: str) -> Response:
    """Return both answers: without names until a choice is made, then with them."""
    return await _one(request, id)


@router.post("/compare/{id}")
async def choose(request: Request, id: str) -> Response:
    """Put a choice on record, and tell the names."""
    service, principal = request.app.state.service, request.state.principal
    try:
        await comparisons.choose(service, principal, id, (await given(request))["choice"])
    except Refused as error:
        if error.status == 404:
            raise
        key = "compare.decided" if error.code == "decided" else "compare.choice_wrong"
        return await _one(request, id, error=spoken(request)(key), status=error.status)
    return go(f"/compare/{id}", notice="compare_chosen")


async def _both(service: Service, principal: Principal, question: str, names: list[str]) -> list[Told]:
    """Return what both models answer; each is a request of its own, guarded and on record."""
    asked = [service.flow.ask(principal, _body(question), kind=KIND, engine=name, route="/compare") for name in names]
    found = await asyncio.gather(*asked, return_exceptions=True)  # so that none is left behind, answering no one
    if failed := next((one for one in found if isinstance(one, BaseException)), None):
        raise failed
    return [one for one in found if not isinstance(one, BaseException)]


def _body(question: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}], "max_tokens": TOKENS, "temperature": 0.0}


async def _form(
    request: Request,
    *,
    question: str = "",
    error: str = "",
    ruled: Told | None = None,
    first: Told | None = None,
    status: int = 200,
) -> Response:
    service, principal = request.app.state.service, request.state.principal
    own, tallies = await asyncio.gather(comparisons.listed(service, principal), comparisons.tallies(service))
    values: dict[str, Any] = {"question": question, "error": error, "most": MOST, "enough": len(service.engines) > 1}
    values |= {"ruled": ruled, "first": first}
    return page(request, "compare", status=status, **values, own=own, tallies=tallies)


async def _one(request: Request, id: str, *, error: str = "", status: int = 200) -> Response:
    found = await comparisons.get(request.app.state.service, request.state.principal, id)
    return page(request, "compare_one", status=status, found=found, choices=CHOICES, error=error)
