"""Administration of users and keys: what is shown once is shown once, and every change is on record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from serve.access.house import ask, bearing
from serve.workspace.desk_app import Ward, ward, words_of

TOKEN = re.compile(r"(?:once_|rsd_)[A-Za-z0-9_-]{20,}")


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Ward]:
    with ward(tmp_path) as one:
        yield one


def user(clinic: Ward, name: str) -> str:
    return clinic.people[name].user


def role_of(clinic: Ward, name: str) -> str:
    return str(clinic.house.row(clinic.people[name])["role"])


def told(reply: Any) -> str:
    """Return what a page says was wrong."""
    found = re.search(r'<p class="wrong" role="alert">([^<]*)</p>', reply.text)
    assert found
    return unescape(found[1])


def a_key(clinic: Ward, address: str = "/keys", **form: Any) -> Any:
    about = {"name": "scheduler", "user": user(clinic, "ana"), "scopes": ["chat", "models"], "days": 30}
    return clinic.send("adam", address, **{**about, "per_minute": 60, **form})


# --- users ------------------------------------------------------------------------------------------------------------


def test_a_new_user_gets_a_key_that_is_shown_once(clinic: Ward) -> None:
    reply = clinic.send("adam", "/users", name="Zoe", role="auditor", language="es")
    assert reply.status_code == 201
    assert TOKEN.search(reply.text)
    page = clinic.see("adam", "/users")
    assert "zoe" in words_of(page)
    assert not TOKEN.search(page.text)


@pytest.mark.parametrize(
    ("form", "said"),
    [({"name": "ana", "role": "auditor"}, "already"), ({"name": "x", "role": "auditor"}, "characters"),
     ({"name": "zoe", "role": "king"}, "no such role"), ({}, "characters"), ({"name": "<b>"}, "a-z")],
)  # fmt: skip
def test_what_is_wrong_with_a_new_user_is_said_on_the_page(clinic: Ward, form: dict[str, str], said: str) -> None:
    reply = clinic.send("adam", "/users", **form)
    assert reply.status_code == 422
    assert said in told(reply) and told(reply)[0].isupper() and told(reply)[-1] == "."
    assert "<b>" not in reply.text


def test_a_role_is_changed_and_sessions_end(clinic: Ward) -> None:
    assert clinic.see("ana", "/review").status_code == 200
    reply = clinic.send("adam", f"/users/{user(clinic, 'ana')}", do="role", role="auditor")
    assert reply.headers["location"] == "/users?done=users_role"
    assert role_of(clinic, "ana") == "auditor"
    assert clinic.see("ana", "/review").status_code == 401


def test_a_user_is_deactivated_and_comes_back(clinic: Ward) -> None:
    clinic.send("adam", f"/users/{user(clinic, 'ana')}", do="deactivate")
    assert "Deactivated" in words_of(clinic.see("adam", "/users"))
    assert clinic.see("ana", "/review").status_code == 401
    clinic.send("adam", f"/users/{user(clinic, 'ana')}", do="activate")
    assert "Deactivated" not in words_of(clinic.see("adam", "/users"))


def test_a_reset_shows_a_new_key_once(clinic: Ward) -> None:
    reply = clinic.send("adam", f"/users/{user(clinic, 'ana')}", do="reset")
    assert reply.status_code == 201
    assert TOKEN.search(reply.text)
    assert "Has to choose a password" in words_of(reply)


def test_the_last_administrator_stays(clinic: Ward) -> None:
    for form in ({"do": "deactivate"}, {"do": "role", "role": "auditor"}):
        reply = clinic.send("adam", f"/users/{user(clinic, 'adam')}", **form)
        assert reply.status_code == 422
        assert "last administrator" in words_of(reply)
    assert role_of(clinic, "adam") == "administrator"


def test_a_step_or_a_user_that_there_is_not_is_refused(clinic: Ward) -> None:
    assert clinic.send("adam", f"/users/{user(clinic, 'ana')}", do="promote").status_code == 422
    assert clinic.send("adam", "/users/none", do="deactivate").status_code == 422


def test_every_change_of_a_user_is_on_record(clinic: Ward) -> None:
    clinic.send("adam", "/users", name="zoe", role="auditor")
    clinic.send("adam", f"/users/{user(clinic, 'ana')}", do="role", role="reviewer")
    entries = clinic.house.record("user")
    assert [entry["actor"] for entry in entries] == ["user:adam", "user:adam"]
    assert [json.loads(entry["body"])["did"] for entry in entries] == ["made", "role"]


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_opens_what_its_scopes_say(clinic: Ward) -> None:
    token = TOKEN.search(a_key(clinic, user=user(clinic, "otto"), scopes=["audit"]).text)
    assert token
    page = clinic.see("adam", "/keys")
    assert "scheduler" in words_of(page)
    assert not TOKEN.search(page.text)
    assert ask(clinic.app, "GET", "/audit", headers=bearing(token[0])).status_code == 200
    assert ask(clinic.app, "GET", "/runs", headers=bearing(token[0])).status_code == 403


@pytest.mark.parametrize(
    ("form", "said"),
    [({"scopes": []}, "scopes"), ({"scopes": ["audit"]}, "cannot have the scope"), ({"days": "0"}, "days"),
     ({"days": "many"}, "days"), ({"per_minute": "-1"}, "times a minute"), ({"name": " "}, "characters"),
     ({"user": "none"}, "no such user"), ({"scopes": ["root"]}, "scopes")],
)  # fmt: skip
def test_what_is_wrong_with_a_new_key_is_said_on_the_page(clinic: Ward, form: dict[str, Any], said: str) -> None:
    reply = a_key(clinic, **form)
    assert reply.status_code == 422
    assert said in told(reply) and told(reply)[0].isupper() and told(reply)[-1] == "."
    assert not clinic.house.record("key")


def test_what_is_wrong_is_said_in_the_readers_language(clinic: Ward) -> None:
    reply = clinic.send("adam", "/users?language=es", name="ana", role="auditor")
    assert told(reply) == "Ya hay un usuario con ese nombre."
    reply = a_key(clinic, address="/keys?language=es", scopes=["audit"])
    assert told(reply).startswith("Una clave de este usuario (personal clínico) no puede tener el permiso audit.")


def test_every_step_asks_what_it_does(clinic: Ward) -> None:
    page = clinic.see("adam", "/users").text
    asked = {do: re.findall(rf'value="{do}" data-sure="([^"]+)"', page) for do in ("role", "reset", "deactivate")}
    assert all(len(questions) == len(clinic.people) for questions in asked.values())
    assert len({question for questions in asked.values() for question in questions}) == 3 * len(clinic.people)
    assert "The present one stops working" in asked["reset"][0] and "cannot sign in" in asked["deactivate"][0]


def test_what_was_filled_in_is_kept_where_something_is_wrong(clinic: Ward) -> None:
    page = a_key(clinic, days="0", name="night shift").text
    assert 'value="night shift"' in page
    assert 'value="chat" checked' in page
    assert 'value="embed" checked' not in page


def test_a_revoked_key_is_refused_at_once(clinic: Ward) -> None:
    token = TOKEN.search(a_key(clinic, user=user(clinic, "otto"), scopes=["audit"]).text)
    assert token
    assert ask(clinic.app, "GET", "/audit", headers=bearing(token[0])).status_code == 200
    action = re.search(r'action="(/keys/[0-9a-f]+/revoke)"', clinic.see("adam", "/keys").text)
    assert action
    assert clinic.send("adam", action[1]).headers["location"] == "/keys?done=keys_revoked"
    assert ask(clinic.app, "GET", "/audit", headers=bearing(token[0])).status_code == 401
    assert "Revoked" in words_of(clinic.see("adam", "/keys"))
    assert not re.search(r'action="/keys/[0-9a-f]+/revoke"', clinic.see("adam", "/keys").text)


def test_a_key_that_there_is_not_is_not_revoked(clinic: Ward) -> None:
    assert clinic.send("adam", "/keys/none/revoke").status_code == 422


@pytest.mark.parametrize("who", ["ana", "rosa", "otto"])
def test_administration_is_for_administrators(clinic: Ward, who: str) -> None:
    for path in ("/users", "/keys"):
        assert clinic.see(who, path).status_code == 403
    assert clinic.send(who, "/users", name="zoe", role="administrator").status_code == 403
    assert clinic.send(who, f"/users/{user(clinic, who)}", do="role", role="administrator").status_code == 403
    assert clinic.send(who, "/keys", name="k", user=user(clinic, who), scopes="audit").status_code == 403
    assert role_of(clinic, who) != "administrator"
