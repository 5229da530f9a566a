"""What a request has to pass before its route sees it, one check after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.types import Receive, Scope

from residency.serve.access import forms, hosts
from residency.serve.access.access import Access, WrongKey
from residency.serve.access.known import Known
from residency.serve.access.limits import TooMany, place
from residency.serve.access.permissions import ROUTES, SAFE, methods_of, template_of
from residency.serve.types import Busy, Down, Entry, Principal, Refused, Unrecorded

USER_PER_MINUTE = 300
"""How many requests one user may send from their sessions in a minute."""
WRONG_KEYS_PER_MINUTE = 30
_NOTED_PER_MINUTE = 6


@dataclass(eq=False)
class Refusal(Exception):
    """A request that is not let in: a status, and what its reply says."""

    status: int
    code: str | None = None
    message: str = ""
    param: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)


def reason(error: Exception) -> Refusal | None:
    """Return the reply to an error that says what to do; None for one that is a fault of ours."""
    if isinstance(error, TooMany | Busy):
        return _later(429, "rate_limit_exceeded", error, error.after)
    if isinstance(error, Down):
        return _later(503, "model_unavailable", error, error.after)
    if isinstance(error, Unrecorded | SQLAlchemyError):
        return _later(503, "record_unavailable", Unrecorded(), 5)
    if isinstance(error, forms.TooLarge):
        return Refusal(413, "request_too_large")
    if isinstance(error, TimeoutError):
        return Refusal(408, "timeout")
    if isinstance(error, Refused):
        return Refusal(error.status, error.code, str(error), error.param or None)
    return None


def _later(status: int, code: str, error: Exception, after: int) -> Refusal:
    return Refusal(status, code, str(error), headers={"retry-after": str(after)})


def template(scope: Scope) -> str:
    """Return the template of a request's path, which holds no name or number that was in it."""
    return template_of(scope["path"]) or "(no route)"


async def admit(access: Access, scope: Scope, receive: Receive, names: tuple[str, ...]) -> tuple[Scope, Receive]:
    """Return the request as its route gets it, with the caller in its state; raises Refusal."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    host = [value for name, value in headers if name == b"host"]
    if not hosts.known_host(host, names):
        raise Refusal(400, "unknown_host")
    method, template = scope["method"], template_of(scope["path"])
    permission = ROUTES.get((method, template)) if template else None
    if permission and permission.open:
        if method not in SAFE:
            _from_our_page(headers, host[0], secure=access.settings.secure)
        return scope, receive
    known = await _known(access, scope)
    state = {**scope.get("state", {}), "principal": known.principal, "session": known.session}
    if template is None:
        raise Refusal(404, "not_found", state=state)
    if permission is None:
        raise Refusal(405, "method_not_allowed", headers={"allow": ", ".join(methods_of(template))}, state=state)
    if not permission.admits(known.principal):
        await _denied(access, known.principal, method, template, state)
    _within_limits(access, known, state)
    if known.session and method not in SAFE:
        receive = await _with_token(access, scope, receive, known.principal, state)
    return {**scope, "state": state}, receive


async def _known(access: Access, scope: Scope) -> Known:
    try:
        known = await access.authenticate(scope["headers"])
    except WrongKey:
        await _wrong_key(access, scope)
        raise Refusal(401, "invalid_api_key", str(WrongKey()), headers=_challenge('error="invalid_token"')) from None
    except DBAPIError:
        raise Refusal(503, "unavailable", headers={"retry-after": "5"}) from None
    if known is None:
        raise Refusal(401, "unauthenticated", headers=_challenge() | _leads(scope, "/login"))
    return known


def _challenge(more: str = "") -> dict[str, str]:
    return {"www-authenticate": f'Bearer realm="residency"{more and ", "}{more}'}


def _leads(scope: Scope, address: str) -> dict[str, str]:
    """Return the header that takes a browser which opened a page to another; the status stays what it is."""
    accepts = b"".join(value for name, value in scope["headers"] if name == b"accept")
    opened = scope["method"] == "GET" and b"text/html" in accepts
    return {"refresh": f"0; url={address}"} if opened else {}


async def _wrong_key(access: Access, scope: Scope) -> None:
    """Count a wrong key by address: beyond the limit 429; the first few of a minute are on record."""
    where = place((scope.get("client") or ("", 0))[0])
    if wait := access.buckets.take(f"wrong key:{where}", WRONG_KEYS_PER_MINUTE):
        raise TooMany(wait) from None
    await _note(access, f"wrong key:{where}", Entry("wrong-key", "service", {"address": where}))


async def _note(access: Access, name: str, entry: Entry) -> None:
    """Put a refusal on record, a few in a minute of each kind; it is refused whether or not that can be done."""
    if not access.buckets.take(f"noted {name}", _NOTED_PER_MINUTE):
        try:
            await access.recorder.write(entry)
        except Unrecorded:
            return


async def _denied(access: Access, principal: Principal, method: str, template: str, state: dict[str, Any]) -> None:
    entry = Entry("denied", principal.actor, {"method": method, "route": template, "role": principal.role})
    changing = principal.must_change and principal.key is None
    if not changing:
        await _note(access, f"denied:{principal.actor}", entry)
    headers = {"refresh": "0; url=/password"} if changing and method == "GET" else {}
    raise Refusal(403, "password_change_required" if changing else "permission_denied", headers=headers, state=state)


def _within_limits(access: Access, known: Known, state: dict[str, Any]) -> None:
    """Take one from the caller's bucket: a key has its own, a user one for all their sessions."""
    name = f"key:{known.principal.key}" if known.per_minute else f"user:{known.principal.user}"
    if wait := access.buckets.take(name, known.per_minute or USER_PER_MINUTE):
        error = TooMany(wait)
        refusal = _later(429, "rate_limit_exceeded", error, error.after)
        refusal.state = state
        raise refusal


def _from_our_page(headers: list[tuple[bytes, bytes]], host: bytes, *, secure: bool) -> None:
    found = dict(headers)
    if not hosts.own_page(found.get(b"origin"), found.get(b"sec-fetch-site"), host, secure=secure):
        raise Refusal(403, "foreign_page")


async def _with_token(
    access: Access, scope: Scope, receive: Receive, principal: Principal, state: dict[str, Any]
) -> Receive:
    """Return what the route reads from, where the request is a page's of ours and brings the session's token."""
    found = dict(scope["headers"])
    _from_our_page(scope["headers"], found[b"host"], secure=access.settings.secure)
    token = principal.csrf or ""
    brought, read = await forms.brings(scope, receive, token, most_body=access.settings.most_body)
    if not brought or not token:
        raise Refusal(403, "csrf", state=state)
    return read
