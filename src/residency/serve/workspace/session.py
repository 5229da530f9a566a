"""Signing in and out, choosing a password, and the language that pages are read in.

The first key of a new user is signed in with in place of a password, and leads to the page where one is chosen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from residency.core.errors import UserError
from residency.serve.access import sessions, signin, users
from residency.serve.access.access import Access, credentials
from residency.serve.access.limits import TooMany
from residency.serve.access.passwords import LEAST
from residency.serve.access.permissions import allowed
from residency.serve.access.signin import SignedIn, WrongPassword
from residency.serve.types import Busy, Principal
from residency.serve.workspace import routes
from residency.serve.workspace.render import go, home, keep_language, page
from residency.serve.workspace.words import LANGUAGES

router = routes.router()
ASKING = ("/", "/ask")
"""Where the page that asks is found."""


@router.get("/login")
async def door(request: Request) -> Response:
    """Return the page where one signs in."""
    return page(request, "login", name="", wrong="")


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Return the way to one's first page, with a new session; the page again where that was not possible."""
    form = await request.form()
    access, name = _access(request), str(form.get("name", ""))[:256]
    given: dict[str, Any] = {"address": _address(request), "replaces": _token(request)}
    try:
        begun = await asyncio.to_thread(signin.sign_in, access, name, str(form.get("password", "")), **given)
    except (WrongPassword, TooMany, Busy) as error:
        return page(request, "login", status=_status(error), headers=_wait(error), name=name, wrong="login.wrong")
    return _entered(request, begun, go(home(begun.principal)))


@router.post("/logout")
async def sign_out(request: Request) -> Response:
    """Return the way out; the session has ended."""
    access = _access(request)
    await asyncio.to_thread(signin.sign_out, access, request.state.principal, getattr(request.state, "session", None))
    reply = go("/login", notice="signed_out")
    reply.headers.append("set-cookie", sessions.cookie(access.settings, ""))
    return reply


@router.get("/password")
async def password(request: Request) -> Response:
    """Return the page where a password is chosen."""
    return page(request, "password", least=LEAST, wrong="")


@router.post("/password")
async def change_password(request: Request) -> Response:
    """Return the way to one's first page in a new session; the page again where the password will not do."""
    form = await request.form()
    old, new, again = (str(form.get(name, "")) for name in ("old", "new", "again"))
    if new != again:
        return _not_changed(request, "password.differ")
    access, principal = _access(request), request.state.principal
    given: dict[str, Any] = {"old": old, "new": new, "address": _address(request)}
    try:
        begun = await asyncio.to_thread(signin.change_password, access, principal, **given)
    except (WrongPassword, TooMany, Busy) as error:
        return _not_changed(request, "password.wrong", _status(error), _wait(error))
    except UserError:
        return _not_changed(request, "password.refused")
    return _entered(request, begun, go(home(begun.principal), notice="password"))


@router.post("/language")
async def language(request: Request) -> Response:
    """Return the way back to the page that one came from, now in another language.

    What the page that asks carries of a question and its answer is handed on to it (307: the browser posts it again).
    """
    form = await request.form()
    principal, chosen, back = request.state.principal, str(form.get("language", "")), str(form.get("back", ""))
    if back in ASKING and (form.get("answer") or form.get("typed")) and allowed(principal, "POST", "/ask"):
        reply: Response = RedirectResponse("/ask", status_code=307)
    else:
        reply = go(back if allowed(principal, "GET", back) else home(principal))
    if chosen in LANGUAGES:
        await asyncio.to_thread(users.speak, _access(request), principal, chosen)
        keep_language(request, reply, chosen)
    return reply


def _access(request: Request) -> Access:
    access: Access = request.app.state.service.access
    return access


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _token(request: Request) -> str | None:
    _, cookies = credentials(request.headers.raw)
    return sessions.token_in(cookies, _access(request).settings)


def _entered(request: Request, begun: SignedIn, reply: Response) -> Response:
    """Return the reply with the cookie of the session that has begun."""
    reply.headers.append("set-cookie", sessions.cookie(_access(request).settings, begun.token))
    _speak_as(request, begun.principal, reply)
    return reply


def _speak_as(request: Request, principal: Principal, reply: Response) -> None:
    """Let the language that was chosen on the way in go where the user has set another one."""
    if request.cookies.get("language") not in (None, principal.language):
        keep_language(request, reply, principal.language)


def _not_changed(request: Request, wrong: str, status: int = 422, headers: Mapping[str, str] | None = None) -> Response:
    return page(request, "password", status=status, headers=headers, least=LEAST, wrong=wrong)


def _status(error: Exception) -> int:
    return 401 if isinstance(error, WrongPassword) else 429


def _wait(error: Exception) -> dict[str, str] | None:
    return {"retry-after": str(error.after)} if isinstance(error, TooMany | Busy) else None
