"""The authorisation matrix: every line of ROUTES × nobody, every role, keys with the scopes and without, on an app.

It takes any app with the service's routes: the small one of house.py, or the real one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx

from residency.serve.access.permissions import ROUTES, Permission
from residency.serve.types import ROLES, SCOPES
from serve.access.house import House, asked, bearing, within

Case = tuple[str, dict[str, str], bool]
"""Who asks, with which headers, and whether they are to be let in."""


def problems(app: Any, house: House, *, lines: dict[tuple[str, str], Permission] | None = None) -> list[str]:
    """Return every request that was let in or refused against the table; ``house`` is the app's own access."""
    people = {role: house.user(f"{role}-of-the-matrix", role) for role in ROLES}
    sessions = {role: house.session(who) for role, who in people.items()}
    keys: dict[tuple[str, frozenset[str]], str] = {}

    def key(role: str, scopes: frozenset[str]) -> str:
        if (role, scopes) not in keys:
            keys[role, scopes] = house.key(people[role], *sorted(scopes))
        return keys[role, scopes]

    async def talk(client: httpx.AsyncClient) -> list[str]:
        found = []
        for (method, path), permission in (ROUTES if lines is None else lines).items():
            for who, headers, welcome in _cases(permission, sessions, key):
                answer = await client.request(method, address(path), headers=headers)
                # The door's own 401 always names the way to be known; one without is a page's (a wrong password).
                its_own = answer.status_code == 401 and "www-authenticate" not in answer.headers
                status = 200 if its_own else answer.status_code
                wanted = 401 if who == "nobody" else 403
                if (status in (401, 403)) == welcome or (not welcome and status != wanted):
                    found.append(f"{method} {path} by {who}: {status}, let in by the table: {welcome}")
            if path == "/logout":
                sessions.update({role: house.session(who) for role, who in people.items()})
        return found

    return asked(app, talk)


def _cases(
    permission: Permission, sessions: dict[str, tuple[str, str]], key: Callable[[str, frozenset[str]], str]
) -> list[Case]:
    """Return who is tried on a line: of keys, in each role, one with just its scopes and one with all the others."""
    cases: list[Case] = [("nobody", {}, permission.open)]
    for role, session in sessions.items():
        named = permission.open or role in permission.roles
        takes = permission.any_key or bool(permission.scopes & MAY_HAVE[role])
        others = frozenset(SCOPES) - permission.scopes
        cases.append((role, within(session), named))
        cases.append(
            (
                f"key of {role} for {sorted(others)}",
                bearing(key(role, others)),
                permission.open or (named and permission.any_key),
            )
        )
        if permission.scopes:
            just = bearing(key(role, permission.scopes))
            cases.append((f"key of {role} for {sorted(permission.scopes)}", just, named and takes))
    return cases


MAY_HAVE = {
    "clinician": {"chat", "embed", "medical", "models"},
    "reviewer": {"chat", "embed", "medical", "models"},
    "administrator": {"models", "metrics"},
    "auditor": {"models", "metrics", "audit"},
}


def address(path: str) -> str:
    """Return a path that fits a template."""
    return re.sub(r"\{[^}]*\}", "none-such", path)
