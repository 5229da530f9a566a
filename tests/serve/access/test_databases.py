"""The life of users, sessions and keys on each kind of database."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.core.errors import UserError
from residency.serve.access import first, keys, users
from residency.serve.access.limits import TooMany
from residency.serve.access.signin import WrongPassword, change_password, sign_in
from residency.serve.types import Refused
from serve.access.house import ask, bearing, house, within

NEW, CHAT = "nine grey herons wade", "/v1/chat/completions"


def test_a_service_is_peopled_used_and_closed_to_those_who_leave(tmp_path: Path, database_url: str) -> None:
    with house(tmp_path, database=database_url) as home:
        found = first.first_key(home.access)
        assert found
        begun = sign_in(home.access, *found)
        chief = change_password(home.access, begun.principal, old="", new=NEW).principal

        user, once = users.make(home.access, chief, name="anna", role="clinician")
        anna = change_password(home.access, sign_in(home.access, "anna", once).principal, old="", new=NEW)
        session = within((anna.token, str(anna.principal.csrf)))
        key, token = keys.make(home.access, chief, user.id, name="ward", scopes=["chat"])
        for headers in (session, bearing(token)):
            assert ask(home.app, "POST", CHAT, headers=headers, json={}).status_code == 200

        with pytest.raises(UserError, match="already"):
            users.make(home.access, chief, name="anna", role="auditor")
        with pytest.raises(UserError, match="last administrator"):
            users.deactivate(home.access, chief, chief.user)
        keys.revoke(home.access, chief, key.id)
        assert ask(home.app, "POST", CHAT, headers=bearing(token), json={}).status_code == 401
        users.change_role(home.access, chief, user.id, "auditor")
        assert ask(home.app, "POST", CHAT, headers=session, json={}).status_code == 401
        for _ in range(5):
            with pytest.raises(WrongPassword):
                sign_in(home.access, "anna", "a wrong guess")
        with pytest.raises(TooMany):
            sign_in(home.access, "anna", NEW)
        assert [entry["kind"] for entry in home.record()][-6:] == ["user"] + ["sign-in-failed"] * 4 + ["lock-out"]


def test_a_sign_in_that_an_administrator_overtook_leaves_nothing_behind(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house(tmp_path, database=database_url) as home:
        chief, anna = home.user("chief", "administrator"), home.user("anna")
        fits = "residency.serve.access.passwords.fits"
        monkeypatch.setattr(fits, lambda *_: bool(users.deactivate(home.access, chief, anna.user)))
        with pytest.raises(Refused):
            sign_in(home.access, "anna", "whatever fits")
        assert [entry["kind"] for entry in home.record()] == ["user"]
