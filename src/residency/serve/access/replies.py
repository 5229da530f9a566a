"""What is said to those who are not let in, in the shape that their path has, and the headers of every reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from residency.serve.settings import Settings

Page = Callable[..., Response]
"""Makes the page for a status: ``page(request, status, headers=headers)``."""
WORDS = {
    400: ("invalid_request_error", "the request is not one that the service takes"),
    401: ("authentication_error", "sign in, or send an API key: authorization: Bearer rsd_…"),
    403: ("permission_error", "your role, or the scopes of your key, do not allow this"),
    404: ("invalid_request_error", "there is nothing here"),
    405: ("invalid_request_error", "this method is not taken here"),
    413: ("invalid_request_error", "the body of the request is too large"),
    429: ("rate_limit_error", "too many requests: come back later"),
    500: ("server_error", "something went wrong in the service; its log says where"),
    503: ("server_error", "the service cannot answer now: come back later"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
# "same-origin" and not "no-referrer": with the latter browsers send "Origin: null" with our own forms.
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def security(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Return the headers that every reply carries."""
    headers = dict(_HEADERS)
    if settings.secure:
        headers["strict-transport-security"] = "max-age=31536000"
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def refusal(
    request: Request,
    status: int,
    *,
    code: str | None = None,
    message: str = "",
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
    page: Page | None = None,
) -> Response:
    """Return the reply of a refused request: OpenAI's shape for programs, a page elsewhere."""
    path = request.url.path
    if path.startswith("/v1/") or path in ("/v1", "/metrics", "/openapi.json", "/health"):
        return error(status, code=code, message=message, param=param, headers=headers)
    if page is not None:
        return page(request, status, headers=headers)
    body = f"<!doctype html><html lang=en><meta charset=utf-8><title>{status}</title><p>{_words(status)[1]}</p></html>"
    return HTMLResponse(body, status, headers)


def error(
    status: int,
    *,
    code: str | None = None,
    message: str = "",
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error in OpenAI's shape; ``message`` is one of ours, never a word of the request."""
    kind, words = _words(status)
    body = {"error": {"message": message or words, "type": kind, "param": param, "code": code}}
    return Response(json.dumps(body), status, headers, media_type="application/json")


def _words(status: int) -> tuple[str, str]:
    return WORDS.get(status, WORDS[500 if status >= 500 else 400])
