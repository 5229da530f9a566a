"""Whether a form, or a script's request, brings the token of its session (CSRF): a header, or a field of the form."""

from __future__ import annotations

import asyncio
import hmac

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

FIELD, HEADER = "csrf", "x-csrf-token"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_READ_WITHIN_S = 30.0


class TooLarge(Exception):
    """A form that is larger than a body may be."""


async def brings(scope: Scope, receive: Receive, token: str, *, most_body: int) -> tuple[bool, Receive]:
    """Return whether a request brings the token, and what the route reads it from in place of ``receive``.

    A form is read whole first; raises TooLarge past ``most_body`` bytes, ClientDisconnect where it breaks off, and
    TimeoutError where it takes longer than half a minute.
    """
    request = Request(scope)
    given = request.headers.get(HEADER)
    if given is not None:
        return _same(given, token), receive
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _FORMS:
        return False, receive
    body = await _read(receive, most_body)
    try:
        async with Request(scope, _again(body, receive)).form(max_files=20, max_fields=500) as form:
            field = form.get(FIELD)
    except (MultiPartException, HTTPException, ValueError, KeyError):
        return False, receive
    return isinstance(field, str) and _same(field, token), _again(body, receive)


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


async def _read(receive: Receive, most: int) -> bytes:
    parts, size, more = [], 0, True
    async with asyncio.timeout(_READ_WITHIN_S):
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise TooLarge
            more = message.get("more_body", False)
    return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a receive that gives the body in one piece, and then what comes after it."""
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read
