"""How a page is made: a template, the words of its reader's language, and what every page has around its own part.

``page(request, "runs", rows=rows)`` renders ``pages/runs.html``. Templates escape what they are given; their words come
by key from ``words/`` (``t("runs.title")``), so that no template holds a bare string.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from residency.core.errors import ResidencyError, UserError
from residency.serve.access.permissions import allowed
from residency.serve.access.permissions import home as first_page
from residency.serve.guard import EMERGENCY
from residency.serve.types import Busy, Down, Principal, Refused, Unrecorded
from residency.serve.workspace.filters import FILTERS
from residency.serve.workspace.passages import grouped, plainly
from residency.serve.workspace.reasons import in_what, lacking, reasons
from residency.serve.workspace.words import LANGUAGES, Words, language_of, words

PAGES = Path(__file__).parent / "pages"
NAVIGATION = (
    ("/", "ask"),
    ("/note", "note"),
    ("/applications", "applications"),
    ("/tutor", "tutor"),
    ("/compare", "compare"),
    ("/review", "review"),
    ("/users", "users"),
    ("/keys", "keys"),
    ("/catalog", "catalog"),
    ("/runs", "runs"),
    ("/audit", "audit"),
)
"""Where the pages are, and the key of their names in words/ (nav.*); who sees which is settled by access alone."""
PROBLEMS = (400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503)
"""The statuses that have words of their own (problem.*)."""


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(FILTERS)
    environment.globals.update(
        zip=zip, grouped=grouped, plainly=plainly, reasons=reasons, lacking=lacking, in_what=in_what
    )
    return environment


def page(
    request: Request, name: str, /, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
) -> Response:
    """Return the page ``pages/<name>.html`` in the reader's language; ``values`` are what the template is given."""
    reply = HTMLResponse(rendered(request, name, **values), status_code=status, headers=headers)
    if request.query_params.get("language") in LANGUAGES:
        keep_language(request, reply, request.query_params["language"])
    return reply


def keep_language(request: Request, reply: Response, language: str) -> None:
    """Let a browser remember a language, also before anyone has signed in."""
    secure = request.app.state.service.settings.secure
    reply.set_cookie("language", language, max_age=31_536_000, httponly=True, samesite="lax", secure=secure)


def rendered(request: Request, name: str, /, **values: Any) -> str:
    """Return the page's HTML. A value of the page goes before one of the frame with the same name."""
    t = spoken(request)
    principal = who(request)
    path = request.url.path
    frame: dict[str, Any] = {
        "t": t,
        "language": t.language,
        "languages": LANGUAGES,
        "principal": principal,
        "csrf": (principal.csrf or "") if principal else "",
        "here": path,
        "navigation": navigation(principal, path),
        "notice": _notice(request, t),
        "emergency": request.app.state.service.settings.emergency or EMERGENCY[t.language],
    }
    return _templates().get_template(f"{name}.html").render({**frame, **values})


def who(request: Request) -> Principal | None:
    """Return who asks; None before one has signed in."""
    return getattr(request.state, "principal", None)


def spoken(request: Request) -> Words:
    """Return the words of the reader's language: what they chose, what they have set, what their browser asks for."""
    principal = who(request)
    service = getattr(request.app.state, "service", None)
    chosen = request.query_params.get("language") or request.cookies.get("language")
    own = principal.language if principal else None
    default = service.settings.language if service else "en"
    return words(language_of(chosen, own, request.headers.get("accept-language"), default))


def navigation(principal: Principal | None, path: str = "/") -> list[dict[str, Any]]:
    """Return the pages that a role may see: address, key of its name, and whether it is the one shown."""
    if principal is None or principal.must_change:
        return []
    seen = [(address, key) for address, key in NAVIGATION if allowed(principal, "GET", address)]
    return [{"address": address, "key": key, "current": _within(path, address)} for address, key in seen]


def _within(path: str, address: str) -> bool:
    if address == "/":
        return path in ("/", "/ask")
    return path == address or path.startswith(f"{address}/")


def home(principal: Principal) -> str:
    """Return the address of the first page of a role."""
    if principal.must_change:
        return "/password"
    return first_page(principal.role)


def problem(request: Request, status: int, *, detail: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Return the page that says what went wrong, in words for this status; ``detail`` is one more sentence of ours."""
    known = status if status in PROBLEMS else (500 if status >= 500 else 400)
    return page(request, "problem", status=status, headers=headers, code=status, known=str(known), detail=detail)


def problem_of(request: Request, error: ResidencyError) -> Response:
    """Return the page for an error of the service; what waits says for how long."""
    status, detail = status_of(request, error)
    wait = getattr(error, "after", None)
    return problem(request, status, detail=detail, headers={"retry-after": str(wait)} if wait else None)


def status_of(request: Request, error: ResidencyError) -> tuple[int, str]:
    """Return the status of an error of the service, and what its code says in the reader's words ("" for none)."""
    t = spoken(request)
    if isinstance(error, Refused):
        return (error.status if error.status in PROBLEMS else 400), t.or_else(f"refused.{error.code}", "")
    if isinstance(error, Busy):
        return 429, t("refused.wait", seconds=error.after)
    if isinstance(error, Down | Unrecorded):
        return 503, t("refused.down") if isinstance(error, Down) else t("refused.unrecorded")
    return (422 if isinstance(error, UserError) else 500), ""


def go(address: str, *, notice: str = "") -> Response:
    """Return a redirect after a form was posted; ``notice`` is the key (notice.*) of what the next page says."""
    return RedirectResponse(f"{address}?done={notice}" if notice else address, status_code=303)


def _notice(request: Request, t: Words) -> str:
    key = f"notice.{request.query_params.get('done', '')}"
    return t(key) if t.has(key) else ""


def for_script(t: Words, *keys: str) -> str:
    """Return words as JSON for a data attribute, by the last part of their keys: scripts hold no words either."""
    return json.dumps({key.rpartition(".")[2]: t(key) for key in keys}, ensure_ascii=False)
