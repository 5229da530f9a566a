"""Every error of the API in OpenAI's shape, without a trace and without a word of what was asked.

Paths outside the API keep their own: there the door in front of the routes makes a page of the error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from residency.core.errors import ResidencyError, UserError
from residency.serve.api.legal import legal
from residency.serve.api.limit import Limited
from residency.serve.engine.ending import Stopping
from residency.serve.types import Busy, Down, Refused, Unrecorded

API = ("/v1/", "/health", "/metrics", "/openapi.json")
TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
SAID = {
    404: "there is nothing here: see /openapi.json",
    405: "this method is not taken here",
}
CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large"}
ROLES = ("system", "developer", "user", "assistant", "tool")
"""What the place of a fault within a message is led by, and is no field."""
KINDS = ("constrained-str", "constrained-int", "constrained-float", "str", "int", "float", "bool")
"""What pydantic calls one of several kinds that a field may have."""
WRONG = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of this request",
    "union_tag_not_found": f"has no role; legal are: {', '.join(ROLES)}",
    "union_tag_invalid": f"has a role that is not legal; legal are: {', '.join(ROLES)}",
    "json_invalid": "is not JSON",
}


def in_openai_shape(app: FastAPI) -> None:
    """Make an app answer errors of the API in OpenAI's shape, bodies that are larger than it takes among them."""
    app.add_middleware(Limited, most=app.state.service.settings.most_body)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ResidencyError, _ours)


def error(
    status: int,
    message: str,
    *,
    code: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error in OpenAI's shape."""
    kind = TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    found = {"error": {"message": message, "type": kind, "param": param or None, "code": code}}
    return Response(json.dumps(found), status, headers, media_type="application/json")


def told(fault: BaseException) -> dict[str, Any]:
    """Return an error as an event of a stream that has begun tells it."""
    reply = of(fault) if isinstance(fault, ResidencyError) else error(500, "something went wrong in the service")
    found: dict[str, Any] = json.loads(bytes(reply.body))
    return found


def of(fault: ResidencyError) -> Response:
    """Return the reply to an error of ours; what is not the asker's to mend is told without its words."""
    if isinstance(fault, Busy):
        return error(429, str(fault), code="queue_full", headers={"retry-after": str(fault.after)})
    if isinstance(fault, Stopping):
        return error(503, str(fault), code="service_stopping", headers={"retry-after": str(fault.after)})
    if isinstance(fault, Down):
        return error(503, str(fault), code="model_unavailable", headers={"retry-after": str(fault.after)})
    if isinstance(fault, Unrecorded):
        return error(503, str(fault), code="record_unavailable", headers={"retry-after": "5"})
    if isinstance(fault, Refused):
        return error(fault.status, str(fault), code=fault.code, param=fault.param)
    if isinstance(fault, UserError):
        return error(400, str(fault), code="unsupported")
    return error(500, "something went wrong in the service; its log says where", code="internal_error")


async def _ours(request: Request, fault: Exception) -> Response:
    if not _api(request) or not isinstance(fault, ResidencyError):
        raise fault
    reply = of(fault)
    if reply.status_code == 500:
        raise fault  # the door writes where it arose into the log
    return reply


async def _http(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    status = fault.status_code
    if not _api(request):
        raise Refused(SAID.get(status, "the request cannot be answered"), status=status, code=CODES.get(status, "http"))
    words = SAID.get(status, "the request cannot be answered as it stands")
    return error(status, words, code=CODES.get(status), headers=fault.headers)


async def _invalid(request: Request, fault: Exception) -> Response:
    """Return what is wrong with the first field that is, by its place: never its value."""
    assert isinstance(fault, RequestValidationError)
    first: dict[str, Any] = dict(fault.errors()[0])
    place = ".".join(_shown(part) for part in first["loc"] if part not in ("body", *ROLES) and not _kind(part))
    kind = str(first["type"])
    said = WRONG.get(kind) or _not_legal(request, first)
    status = 400 if _api(request) else 422
    if not _api(request):
        raise Refused(f"{place or 'the form'} {said}", status=status)
    code = "unknown_parameter" if kind == "extra_forbidden" else "invalid_value"
    return error(status, f"{place or 'the body'} {said}", code=code, param=place)


def _not_legal(request: Request, first: Mapping[str, Any]) -> str:
    """Return that something is not legal, and what is: in our own words, or by the body's schema."""
    if first["type"] == "value_error":
        return f"is not legal: {first['ctx']['error']}"
    field = getattr(request.scope.get("route"), "body_field", None)
    body: Any = field.field_info.annotation if field else None
    place = [part for part in first["loc"] if part != "body"]
    known = isinstance(body, type) and issubclass(body, BaseModel) and first["loc"][:1] == ("body",)
    takes = legal(body, place) if known else ""
    return f"is not legal; legal is: {takes}" if takes else "is not legal"


def _kind(part: Any) -> bool:
    """Return whether a step of a place is no field but pydantic's name of one of several kinds."""
    return isinstance(part, str) and (part in KINDS or "[" in part)


def _shown(part: Any) -> str:
    """Return a step of a place: a number, or a name where it looks like one of a field."""
    text = str(part)
    return text if len(text) <= 64 and text.replace("_", "").replace("-", "").isalnum() and text.isascii() else "…"


def _api(request: Request) -> bool:
    return request.url.path.startswith(API) or request.url.path == "/v1"
