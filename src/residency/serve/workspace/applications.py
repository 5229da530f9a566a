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

from residency.core.errors import ResidencyError
from residency.serve.apps.application import Application, Field
from residency.serve.apps.listed import application, listed, proof_of
from residency.serve.apps.screening import lacking
from residency.serve.engine.told import Told
from residency.serve.types import Unrecorded
from residency.serve.workspace import routes
from residency.serve.workspace.filters import number
from residency.serve.workspace.given import Form, given
from residency.serve.workspace.kept import keep
from residency.serve.workspace.render import page, spoken, status_of
from residency.serve.workspace.used import HANDED, Used, use
from residency.serve.workspace.words import Words

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
    except ResidencyError as error:
        first = None if isinstance(error, Unrecorded) else await _urgent(request, one, form)
        return await _form(request, name, form=form, wrong=error, first=first)
    return await _form(request, name, form=form, found=found)


async def _urgent(request: Request, one: Application, form: Form) -> Told | None:
    """Return what the guard says of what was filled in and could not be worked on, on record, where it is urgent."""
    service, principal = request.app.state.service, request.state.principal
    text = "\n".join(form[field.name] for field in one.inputs.values() if field.kind == "text" and form[field.name])
    messages = [{"role": "user", "content": text}]
    if service.guard.before(messages, one.guard).urgency not in HANDED:
        return None
    how = {"kind": one.guard, "application": one.name, "route": "/applications/{name}"}
    return await service.flow.warn(principal, {"messages": messages}, **how)  # type: ignore[no-any-return]


async def _listed(request: Request, engine: str) -> Response:
    service, t = request.app.state.service, spoken(request)
    found = await asyncio.to_thread(listed, service, language=t.language, engine=engine)
    return page(request, "applications", found=found, engines=list(service.engines), engine=engine)


async def _form(
    request: Request,
    name: str,
    *,
    form: Form | None = None,
    wrong: ResidencyError | None = None,
    found: Used | None = None,
    first: Told | None = None,
) -> Response:
    service, t = request.app.state.service, spoken(request)
    form = form or defaultdict(str)
    engine = form["model"]
    one = await asyncio.to_thread(application, service, name)
    proof = await asyncio.to_thread(proof_of, service, one, engine=engine)
    values: dict[str, Any] = {"app": one.told(t.language), "groups": _groups(one.told(t.language)["inputs"])}
    values |= {"proof": proof.told() if proof else None, "unproven": not (proof and proof.proves)}
    status, said = _wrong(request, one, form, wrong) if wrong else (200, "")
    wait = getattr(wrong, "after", None)
    values |= {
        "form": form,
        "first": first,
        "wrong": said,
        "used": found,
        "keep": keep(t),
        "engines": list(service.engines),
    }
    headers = {"retry-after": str(wait)} if wait else None
    return page(request, "application", status=status, headers=headers, engine=engine, **values)


def _groups(inputs: list[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Return the fields in runs of one group, in their order."""
    return [(group, list(fields)) for group, fields in groupby(inputs, key=lambda one: one["group"])]


def _wrong(request: Request, one: Application, form: Form, error: ResidencyError) -> tuple[int, str]:
    """Return the status, and what is wrong in the reader's words: which field, and what it takes."""
    status, said = status_of(request, error)
    t, code = spoken(request), getattr(error, "code", "")
    if code == "unproven":
        said = t("application.needs_click")
    elif code == "incomplete":
        said = " ".join([t("application.incomplete"), *lacking(form, t.language)])
    elif code == "invalid_field":
        field = one.inputs.get(getattr(error, "param", ""))
        said = _legal(field, form[field.name], t) if field else t("application.unknown_field")
    return status, said or t(f"problem.{status}.text")


def _legal(field: Field, text: str, t: Words) -> str:
    """Return what a field takes, and how much there is where it is too much."""
    kind = "choice" if field.choices else field.kind
    kind = "long" if kind == "text" and len(text) > field.most else kind
    ends = {"low": f"{field.low:g}", "high": f"{field.high:g}"}
    legal = t(f"application.legal.{kind}", most=number(field.most), count=number(len(text)), **ends)
    return t("application.wrong", field=field.title[t.language], legal=legal)
