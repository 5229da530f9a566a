"""The applications: each with what measured it for the model at hand, a form, and what it comes to.

One that nothing has proven for this model takes a click more: who uses it says that they know.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from itertools import groupby
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from residency.serve.apps.application import Application
from residency.serve.apps.listed import application, listed, proof_of
from residency.serve.types import Refused
from residency.serve.workspace import routes
from residency.serve.workspace.given import Form, given
from residency.serve.workspace.render import page, spoken
from residency.serve.workspace.used import Used, use

router = routes.router()


@router.get("/applications")
async def every(request: Request) -> Response:
    """Return the list for the default model."""
    return await _listed(request, "")


@router.post("/applications")
async def for_model(request: Request) -> Response:
    """Return the list with the scores of the chosen model."""
    return await _listed(request, (await given(request))["model"])


@router.get("/applications/{name}")
async def blank(request: Request, name: str) -> Response:
    """Return an application's form."""
    return await _form(request, name)


@router.post("/applications/{name}")
async def fill_in(request: Request, name: str) -> Response:
    """Return what the application comes to, under its form; the form again, with what was wrong in it."""
    form, service = await given(request), request.app.state.service
    one = await asyncio.to_thread(application, service, name)
    try:
        found = await use(
            service,
            request.state.principal,
            one,
            {field: form[field] for field in one.inputs},
            spoken(request),
            unproven=form["unproven"] == "yes",
            engine=form["model"],
            route="/applications/{name}",
        )
    except Refused as error:
        if error.code not in ("invalid_field", "unproven"):
            raise
        return await _form(request, name, form=form, wrong=error)
    return await _form(request, name, form=form, found=found)


async def _listed(request: Request, engine: str) -> Response:
    service, t = request.app.state.service, spoken(request)
    found = await asyncio.to_thread(listed, service, language=t.language, engine=engine)
    return page(request, "applications", found=found, engines=list(service.engines), engine=engine)


async def _form(
    request: Request, name: str, *, form: Form | None = None, wrong: Refused | None = None, found: Used | None = None
) -> Response:
    service, t = request.app.state.service, spoken(request)
    form = form or defaultdict(str)
    engine = form["model"]
    one = await asyncio.to_thread(application, service, name)
    proof = await asyncio.to_thread(proof_of, service, one, engine=engine)
    values: dict[str, Any] = {"app": one.told(t.language), "groups": _groups(one.told(t.language)["inputs"])}
    values |= {"proof": proof.told() if proof else None, "unproven": not (proof and proof.proves)}
    values |= {"form": form, "wrong": _wrong(one, wrong, t) if wrong else "", "used": found}
    status = wrong.status if wrong else 200
    engines = list(service.engines)
    return page(request, "application", status=status, engines=engines, engine=engine, **values)


def _groups(inputs: list[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the fields in runs of one group, in their order."""
    return [(group, list(fields)) for group, fields in groupby(inputs, key=lambda one: one["group"])]


def _wrong(one: Application, error: Refused, t: Any) -> str:
    """Return what is wrong in the reader's words: which field, and what it takes."""
    if error.code == "unproven":
        return t("application.needs_click")
    field = one.inputs.get(error.param)
    if field is None:
        return t("application.unknown_field")
    legal = t("application.legal." + field.kind, most=field.most, low=f"{field.low:g}", high=f"{field.high:g}")
    return t("application.wrong", field=field.title[t.language], legal=legal)
