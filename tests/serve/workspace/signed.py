"""The real app in a test, and people who are signed in to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi.testclient import TestClient

from residency.serve.access import sessions
from residency.serve.access.known import Known
from serve.service import user

HOME = "http://127.0.0.1"


@dataclass
class Signed:
    """A client of the app that has a session; ``post`` sends forms as our own pages do."""

    client: TestClient
    token: str
    csrf: str

    def get(self, path: str, **how: Any) -> Any:
        return self.client.get(path, **how)

    def post(self, path: str, data: Any = None, *, headers: Any = None, **how: Any) -> Any:
        sent = {"origin": HOME, **(headers or {})}
        return self.client.post(path, data={"csrf": self.csrf, **(data or {})}, headers=sent, **how)


def session(service: Any, role: str, name: str = "") -> tuple[str, str]:
    """Return the token and the form token of a new user's session."""
    access = service.access
    token, statements = sessions.begin(access, user(service, name or role, role))
    with access.database.begin() as connection:
        for statement in statements:
            statement(connection) if callable(statement) else connection.execute(statement)
    known = sessions.look_up(access, token)
    assert isinstance(known, Known) and known.principal.csrf
    return token, known.principal.csrf


def signed(service: Any, app: Any, role: str = "clinician", name: str = "") -> Signed:
    """Return a client in which a new user of a role is signed in."""
    token, csrf = session(service, role, name)
    client = TestClient(app, HOME, cookies={"session": token}, raise_server_exceptions=False, follow_redirects=False)
    return Signed(client, token, csrf)


def cookies(service: Any, address: str, role: str, name: str = "") -> dict[str, Any]:
    """Return what makes a browser's context signed in."""
    cookie = {"name": "session", "value": session(service, role, name)[0], "url": address, "httpOnly": True}
    return {"storage_state": {"cookies": [cookie], "origins": []}}
