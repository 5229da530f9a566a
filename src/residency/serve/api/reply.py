"""A whole reply: asked for as long as somebody waits for it, and written as JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from residency.serve.api.bodies import refuse
from residency.serve.api.strict import StrictRequest
from residency.serve.service import Service
from residency.serve.types import Principal

T = TypeVar("T")
GONE = 499
"""The status, for the log alone, of a reply that nobody waits for any more."""


class Problem(BaseModel):
    """What is wrong: in words, of which type, in which field, and a code for programs."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class Wrong(BaseModel):
    """An error in OpenAI's shape."""

    error: Problem


ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Wrong, "description": words}
    for status, words in {
        400: "The request cannot be answered as it stands.",
        401: "No key, or none that is known.",
        403: "The role, or the key's scopes, do not allow this.",
        404: "There is no such model, or application.",
        409: "An application without a measured score was asked without saying that this is known.",
        413: "The body is too large.",
        429: "Too many requests: see Retry-After.",
        503: "The model or the record is not there for the moment.",
    }.items()
}


class StrictRoute(APIRoute):
    """A route whose JSON is read strictly, and whose refused fields are named."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of a request."""
        handle = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            request = StrictRequest(request.scope, request.receive)
            if request.method == "POST":
                refuse(await request.json())
            return await handle(request)

        return strictly


def router() -> APIRouter:
    """Return an empty router of the API."""
    return APIRouter(route_class=StrictRoute, responses=ERRORS)


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    found: Service = request.app.state.service
    return found


def caller_of(request: Request) -> Principal:
    """Return who asks."""
    found: Principal = request.state.principal
    return found


def as_json(found: Any) -> Response:
    """Return a reply of JSON."""
    text = json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), media_type="application/json")


async def while_wanted(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """Return what comes of some work; None where the client left meanwhile, and the work was stopped."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            return None
        return working.result()
    finally:
        leaving.cancel()
        working.cancel()


def nobody() -> Response:
    """Return the reply that nobody reads."""
    return Response(status_code=GONE)


async def _gone(request: Request) -> None:
    """Return when the client has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
