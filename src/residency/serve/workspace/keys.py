"""Administration of API keys: made for a user with scopes and an expiry, shown once, revoked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from residency.core.errors import UserError
from residency.serve.access import keys, users
from residency.serve.access.keys import MOST_DAYS, MOST_PER_MINUTE, Key
from residency.serve.access.permissions import SCOPES_OF
from residency.serve.access.users import Forbidden, Wrong
from residency.serve.types import SCOPES, Refused
from residency.serve.workspace.given import Form, given, whole
from residency.serve.workspace.render import go, page, spoken
from residency.serve.workspace.wrong import wrong

router = APIRouter(include_in_schema=False)
DAYS, PER_MINUTE = 365, 600


@router.get("/keys")
async def listed(request: Request) -> Response:
    """Return all keys, without the keys themselves, and the form that makes one."""
    return await _shown(request)


@router.post("/keys")
async def make(request: Request) -> Response:
    """Make a key, and show it this once."""
    form = await given(request)
    try:
        fresh = await _do(request, keys.make, form.get("user", ""), **_about(form))
    except UserError as error:
        return await _shown(request, error=error, form=form)
    return await _shown(request, fresh=fresh, status=201)


@router.post("/keys/{id}/revoke")
async def revoke(request: Request, id: str) -> Response:
    """Revoke a key from this moment on."""
    await given(request)
    try:
        await _do(request, keys.revoke, id)
    except UserError as error:
        return await _shown(request, error=error)
    return go("/keys", notice="keys_revoked")


def _about(form: Form) -> dict[str, Any]:
    return {
        "name": form.get("name", ""),
        "scopes": form.get("scopes", "").split(),
        "days": _whole(form, "days", MOST_DAYS),
        "per_minute": _whole(form, "per_minute", MOST_PER_MINUTE),
    }


def _whole(form: Form, name: str, most: int) -> int:
    """Return a whole number of the form; Wrong says which are legal."""
    try:
        return whole(form[name], least=1, most=most, name=name)
    except Refused as error:
        raise Wrong(name, str(error), most=most) from None


async def _do(request: Request, work: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """Return what a function of the access room returns, from a thread: it waits for the record."""
    service, principal = request.app.state.service, request.state.principal
    return await asyncio.to_thread(work, service.access, principal, *values, **named)


async def _shown(
    request: Request,
    *,
    error: UserError | None = None,
    form: Form | None = None,
    fresh: tuple[Key, str] | None = None,
    status: int = 200,
) -> Response:
    if isinstance(error, Forbidden):
        raise Refused(str(error), status=403, code="forbidden")
    owners = [user for user in await _do(request, users.listed) if user.active]
    form = form or Form(str, days=str(DAYS), per_minute=str(PER_MINUTE))
    values: dict[str, Any] = {"keys": await _do(request, keys.listed), "users": owners, "fresh": fresh, "form": form}
    values |= {"scopes": SCOPES, "scopes_of": {role: sorted(held) for role, held in SCOPES_OF.items()}}
    values["error"] = wrong(error, spoken(request))
    return page(request, "keys", status=422 if error else status, **values)
