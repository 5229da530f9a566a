"""/v1/applications: what is offered, with what proves each for the model at hand, and one of them asked."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request, Response

from residency.serve.api.medical_bodies import ApplicationBody, ApplicationReply, Applications
from residency.serve.api.reply import as_json, caller_of, nobody, router, service_of, while_wanted
from residency.serve.api.schemas import Residency
from residency.serve.apps.listed import answered, listed

routes = router()
ABOUT = tuple(Residency.model_fields)
"""What every reply says under ``residency``."""


@routes.get("/v1/applications", responses={200: {"model": Applications}}, response_model=None)
async def offered(request: Request, language: str = "en", model: str = "") -> Response:
    """Return the applications with their fields, and the measured score of each for a model (none: unproven)."""
    found = await asyncio.to_thread(listed, service_of(request), language=language, engine=model)
    return as_json({"object": "list", "data": found})


@routes.post("/v1/applications/{name}", responses={200: {"model": ApplicationReply}}, response_model=None)
async def asked(request: Request, name: str, body: ApplicationBody) -> Response:
    """Return what an application comes to; one that is unproven for the model needs ``"unproven": true`` (else 409)."""
    given: dict[str, Any] = body.model_dump(exclude_none=True)
    work = answered(service_of(request), name, given, caller_of(request), route="/v1/applications/{name}")
    found = await while_wanted(request, work)
    if found is None:
        return nobody()
    return as_json({**found, "residency": {name: found[name] for name in ABOUT}})
