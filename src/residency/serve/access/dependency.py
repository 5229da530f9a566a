"""The door: every request passes here before any route, and every reply on its way out.

``guarded(app, access)`` holds each request to the table of permissions.py, in this order: the host is ours; who asks is
known (401); the path and method are in the table (404, 405); role and scopes suffice (403); the limit is kept (429);
what a browser sends to change something comes from a page of ours and brings its token (403). Each reply leaves with
the headers of replies.py. An error that no route has caught becomes a reply without a trace, and one line in the log
that says where it arose, never with what words.
"""

from __future__ import annotations

import logging
import traceback
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from residency.core.errors import ResidencyError
from residency.serve.access import checks, hosts
from residency.serve.access.access import Access
from residency.serve.access.checks import Refusal
from residency.serve.access.permissions import ROUTES, bare, pattern
from residency.serve.access.replies import Page, refusal, security
from residency.serve.types import Principal

LOG = logging.getLogger("residency.serve")


class Unlisted(ResidencyError):
    """A route that stands in no line of the table, or one that another would answer in its place."""


def guarded(app: FastAPI, access: Access, *, page: Page | None = None) -> FastAPI:
    """Return the app with the door before it, after all its routes were added; ``page`` makes the pages of refusals.

    Raises Unlisted where a route stands in no line of ROUTES.
    """
    check_routes(app)
    app.add_middleware(Door, access=access, page=page)
    return app


def caller(request: Request) -> Principal:
    """Return who asks, for a route that takes it as ``who: Caller``."""
    principal: Principal = request.state.principal
    return principal


Caller = Annotated[Principal, Depends(caller)]


class Door:
    """The middleware. It touches no body but that of a form, and adds nothing to the chunks of a stream."""

    def __init__(self, app: ASGIApp, *, access: Access, page: Page | None = None) -> None:
        self.app, self.access, self.page = app, access, page
        self.names = hosts.names(access.settings)
        self.headers = security(access.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._request(scope, receive, _Out(send, self.headers, scope["path"]))

    async def _request(self, scope: Scope, receive: Receive, out: _Out) -> None:
        try:
            scope, receive = await checks.admit(self.access, scope, receive, self.names)
            await self.app(scope, receive, out)
        except ClientDisconnect:
            return
        except Exception as error:
            reply = self._refused(scope, error)
            if out.started:  # too late for a status: the connection breaks off, which no client takes for an end
                raise BrokenOff from None
            await reply(scope, receive, out)

    def _refused(self, scope: Scope, error: Exception) -> Response:
        reason = error if isinstance(error, Refusal) else checks.reason(error)
        if reason is None:
            LOG.error("%s in %s %s at %s", type(error).__name__, scope["method"], checks.template(scope), _where(error))
            reason = Refusal(500)
        request = Request({**scope, "state": {**scope.get("state", {}), **reason.state}})
        return refusal(
            request,
            reason.status,
            code=reason.code,
            message=reason.message,
            param=reason.param,
            headers=reason.headers,
            page=self.page,
        )


class BrokenOff(Exception):
    """An error after the first byte of a reply; what it was is in the log, without words."""


class _Out:
    """What sends a reply on with the service's headers."""

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]], path: str) -> None:
        self.send, self.headers, self.started = send, headers, False
        self.may_be_kept = path.startswith("/static/")

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = self._with(list(message.get("headers", ())))
        await self.send(message)

    def _with(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        if self.may_be_kept and any(name.lower() == b"cache-control" for name, _ in headers):
            return headers + self.headers
        kept = [pair for pair in headers if pair[0].lower() != b"cache-control"]
        return [*kept, (b"cache-control", b"no-store"), *self.headers]


def _where(error: BaseException) -> str:
    """Return the place where an error arose: a file of code and a line, and nothing that the error says."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "?"


# --- at start-up ------------------------------------------------------------------------------------------------------


def served(app: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of every route of an app, in the order in which they are tried."""
    found = []
    for route in iter_route_contexts(app.router.routes):
        if isinstance(route.original_route, Mount):
            found.append(("GET", f"{route.original_route.path}/{{file}}"))
            continue
        methods: Any = route.methods or {"?"}
        found += [(method, str(route.path_format or route.path)) for method in sorted(methods - {"HEAD", "OPTIONS"})]
    return found


def check_routes(app: FastAPI) -> None:
    """Raise Unlisted for the first route that has no line in ROUTES, or that an earlier one would take the path of."""
    lines = {(method, bare(path)) for method, path in ROUTES}
    routes = served(app)
    for method, path in routes:
        if (method, bare(path)) not in lines:
            raise Unlisted(f"{method} {path} has no line in ROUTES (serve/access/permissions.py): add who may use it")
    for place, (method, path) in enumerate(routes):
        for earlier, other in routes[:place]:
            if "{" not in path and earlier == method and "{" in other and pattern(other).fullmatch(path):
                raise Unlisted(f"{method} {path} would be answered by {other}: add its router first")
