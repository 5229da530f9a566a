"""Administration of users: who there is, in which role, and the one-time keys with which they choose a password."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from residency.core.errors import UserError
from residency.serve.access import users as accounts
from residency.serve.access.users import Forbidden, User
from residency.serve.types import ROLES, Refused
from residency.serve.workspace.given import Form, given
from residency.serve.workspace.render import go, page, spoken
from residency.serve.workspace.wrong import wrong

router = APIRouter(include_in_schema=False)
STEPS: dict[str, Callable[..., User]] = {
    "deactivate": accounts.deactivate,
    "activate": accounts.activate,
    "unlock": accounts.unlock,
}


@router.get("/users")
async def listed(request: Request) -> Response:
    """Return all users, and the form that makes one."""
    return await _shown(request)


@router.post("/users")
async def make(request: Request) -> Response:
    """Make a user, and show the one-time key this once."""
    form = await given(request)
    about = {"name": form.get("name", ""), "role": form.get("role", ""), "language": form.get("language") or None}
    try:
        user, token = await _do(request, accounts.make, **about)
    except UserError as error:
        return await _shown(request, error=error, form=form)
    return await _shown(request, fresh=(user, token), status=201)


@router.post("/users/{id}")
async def change(request: Request, id: str) -> Response:
    """Give a user another role, deactivate, activate, unlock or reset them."""
    form = await given(request)
    did = form.get("do", "")
    try:
        if did == "reset":
            return await _shown(request, fresh=await _do(request, accounts.reset, id), status=201)
        if did == "role":
            await _do(request, accounts.change_role, id, form.get("role", ""))
        elif did in STEPS:
            await _do(request, STEPS[did], id)
        else:
            raise Refused(f"what is done is one of: role, reset, {', '.join(STEPS)}", status=422, param="do")
    except UserError as error:
        return await _shown(request, error=error)
    return go("/users", notice=f"users_{did}")


async def _do(request: Request, work: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """Return what a function of the access room returns, from a thread: it waits for the record."""
    service, principal = request.app.state.service, request.state.principal
    return await asyncio.to_thread(work, service.access, principal, *values, **named)


async def _shown(
    request: Request,
    *,
    error: UserError | None = None,
    form: Form | None = None,
    fresh: tuple[User, str] | None = None,
    status: int = 200,
) -> Response:
    """Return the page; what could not be done is said on it (422), and nobody but an administrator is told more."""
    if isinstance(error, Forbidden):
        raise Refused(str(error), status=403, code="forbidden")
    found = await _do(request, accounts.listed)
    values: dict[str, Any] = {"users": found, "roles": ROLES, "fresh": fresh, "form": form or Form(str)}
    values["error"] = wrong(error, spoken(request))
    return page(request, "users", status=422 if error else status, **values)
