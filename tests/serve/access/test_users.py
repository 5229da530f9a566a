"""Users: who may change them, what a change does at once, and that someone can always administrate."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest

from residency.core.errors import UserError
from residency.serve.access import first, users
from residency.serve.access.signin import WrongPassword, change_password, sign_in
from residency.serve.access.users import Forbidden
from residency.serve.types import Principal, Unrecorded
from serve.access.house import PASSWORD, House, ask, house, within

NEW = "nine grey herons wade"


def said(entry: dict) -> dict:
    return {name: value for name, value in json.loads(entry["body"]).items() if name != "mac"}


@pytest.fixture
def chief(open_house: House) -> Principal:
    return open_house.user("chief", "administrator")


def test_a_user_is_made_without_a_password_and_on_record(open_house: House, chief: Principal) -> None:
    user, key = users.make(open_house.access, chief, name=" Adaeze.Okonkwo ", role="reviewer", language="es")
    assert (user.name, user.role, user.active, user.must_change) == ("adaeze.okonkwo", "reviewer", True, True)
    assert sign_in(open_house.access, "adaeze.okonkwo", key).principal.language == "es"
    entry = open_house.record("user")[0]
    assert entry["actor"] == "user:chief"
    assert said(entry) == {"did": "made", "user": "adaeze.okonkwo", "role": "reviewer", "once": ANY}
    assert key not in str(open_house.record())


@pytest.mark.parametrize(
    "name", ["", "a", "x" * 65, "an na", "anna\r\nx: y", "../anna", "<b>anna</b>", "ánna", "anna:root"]
)
def test_a_name_that_could_mean_something_else_is_refused(open_house: House, chief: Principal, name: str) -> None:
    with pytest.raises(UserError, match="a user's name has"):
        users.make(open_house.access, chief, name=name, role="clinician")


def test_no_two_users_have_one_name_and_no_user_an_unknown_role(open_house: House, chief: Principal) -> None:
    users.make(open_house.access, chief, name="anna", role="clinician")
    with pytest.raises(UserError, match="already"):
        users.make(open_house.access, chief, name="Anna", role="clinician")
    with pytest.raises(UserError, match="clinician, reviewer, administrator, auditor"):
        users.make(open_house.access, chief, name="bea", role="god")


def test_another_role_holds_at_once_and_ends_the_sessions_of_the_one_before(
    open_house: House, chief: Principal
) -> None:
    who = open_house.user("anna")
    headers = within(open_house.session(who))
    assert ask(open_house.app, "GET", "/note", headers=headers).status_code == 200
    users.change_role(open_house.access, chief, who.user, "auditor")
    assert ask(open_house.app, "GET", "/note", headers=headers).status_code == 401
    assert ask(open_house.app, "GET", "/audit", headers=headers).status_code == 401
    assert sign_in(open_house.access, "anna", PASSWORD).principal.role == "auditor"
    assert said(open_house.record("user")[0]) == {
        "did": "role",
        "role": "auditor",
        "user": "anna",
        "before": {"role": "clinician"},
    }


def test_who_is_deactivated_is_out_at_once_and_back_when_activated(open_house: House, chief: Principal) -> None:
    who = open_house.user("anna")
    headers = within(open_house.session(who))
    users.deactivate(open_house.access, chief, who.user)
    assert ask(open_house.app, "GET", "/note", headers=headers).status_code == 401
    with pytest.raises(WrongPassword):
        sign_in(open_house.access, "anna", PASSWORD)
    users.activate(open_house.access, chief, who.user)
    assert sign_in(open_house.access, "anna", PASSWORD).token
    assert ask(open_house.app, "GET", "/note", headers=headers).status_code == 401


def test_a_reset_ends_the_password_and_the_sessions(open_house: House, chief: Principal) -> None:
    who = open_house.user("anna")
    headers = within(open_house.session(who))
    _, key = users.reset(open_house.access, chief, who.user)
    assert ask(open_house.app, "GET", "/note", headers=headers).status_code == 401
    with pytest.raises(WrongPassword):
        sign_in(open_house.access, "anna", PASSWORD)
    _, newer = users.reset(open_house.access, chief, who.user)
    with pytest.raises(WrongPassword):
        sign_in(open_house.access, "anna", key)
    assert sign_in(open_house.access, "anna", newer).principal.must_change


def test_a_user_is_signed_out_everywhere(open_house: House, chief: Principal) -> None:
    who = open_house.user("anna")
    sessions = [within(open_house.session(who)) for _ in range(2)]
    users.end_sessions(open_house.access, chief, who.user)
    assert [ask(open_house.app, "GET", "/note", headers=one).status_code for one in sessions] == [401, 401]
    assert sign_in(open_house.access, "anna", PASSWORD).token


def test_a_locked_user_is_unlocked(open_house: House, chief: Principal) -> None:
    who = open_house.user("anna", failed=7, locked_until="2999-01-01T00:00:00.000000+00:00")
    users.unlock(open_house.access, chief, who.user)
    assert sign_in(open_house.access, "anna", PASSWORD).token


@pytest.mark.parametrize("act", [lambda *one: users.change_role(*one, "clinician"), users.deactivate])
def test_the_last_administrator_stays(open_house: House, chief: Principal, act: object) -> None:
    open_house.user("retired", "administrator", active=False)
    with pytest.raises(UserError, match="last administrator"):
        act(open_house.access, chief, chief.user)  # type: ignore[operator]
    second = open_house.user("second", "administrator")
    act(open_house.access, chief, second.user)  # type: ignore[operator]
    with pytest.raises(UserError, match="last administrator"):
        act(open_house.access, chief, chief.user)  # type: ignore[operator]


def test_two_administrators_cannot_remove_each_other_at_the_same_time(
    open_house: House, chief: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, looks = open_house.user("second", "administrator"), users._not_the_last

    def looks_slowly(*given: Any) -> None:
        looks(*given)
        time.sleep(0.2)  # room for the other to look as well, before either has changed anything

    monkeypatch.setattr(users, "_not_the_last", looks_slowly)

    def remove(pair: tuple[Principal, Principal]) -> bool:
        try:
            users.deactivate(open_house.access, pair[0], pair[1].user)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(remove, [(chief, second), (second, chief)])) == [False, True]


ACTS = {
    "list": lambda access, by: users.listed(access, by),
    "make": lambda access, by: users.make(access, by, name="eve", role="administrator"),
    "promote oneself": lambda access, by: users.change_role(access, by, by.user, "administrator"),
    "deactivate": lambda access, by: users.deactivate(access, by, by.user),
    "activate": lambda access, by: users.activate(access, by, by.user),
    "unlock": lambda access, by: users.unlock(access, by, by.user),
    "end sessions": lambda access, by: users.end_sessions(access, by, by.user),
    "reset": lambda access, by: users.reset(access, by, by.user),
}


@pytest.mark.parametrize("what", ACTS)
def test_only_an_administrator_in_a_session_changes_users(open_house: House, what: str) -> None:
    chief = open_house.user("chief", "administrator")
    with_key = Principal(chief.user, "chief", "administrator", key="1", scopes=frozenset({"metrics"}))
    unready = Principal(chief.user, "chief", "administrator", must_change=True)
    for by in (open_house.user("anna"), open_house.user("bob", "auditor"), with_key, unready):
        with pytest.raises(Forbidden):
            ACTS[what](open_house.access, by)
    assert open_house.record() == []


def test_a_change_that_cannot_be_put_on_record_is_not_made(open_house: House, chief: Principal) -> None:
    who = open_house.user("anna")
    open_house.access.recorder.close()  # type: ignore[attr-defined]
    with pytest.raises(Unrecorded):
        users.change_role(open_house.access, chief, who.user, "administrator")
    assert open_house.row(who)["role"] == "clinician"


def test_each_user_chooses_a_language(open_house: House) -> None:
    who = open_house.user("anna")
    users.speak(open_house.access, who, "es")
    assert open_house.row(who)["language"] == "es"
    with pytest.raises(UserError):
        users.speak(open_house.access, who, "e\ns")


# --- the first start --------------------------------------------------------------------------------------------------


def test_the_first_start_makes_an_administrator_with_a_key_for_one_password(open_house: House) -> None:
    found = first.first_key(open_house.access)
    assert found is not None
    name, key = found
    done = sign_in(open_house.access, name, key)
    assert (done.principal.role, done.principal.must_change) == ("administrator", True)
    with pytest.raises(Forbidden):
        users.listed(open_house.access, done.principal)
    chosen = change_password(open_house.access, done.principal, old="", new=NEW)
    assert [user.name for user in users.listed(open_house.access, chosen.principal)] == [name]
    assert first.first_key(open_house.access) is None


def test_a_start_before_a_password_was_chosen_makes_another_key(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        before = first.first_key(home.access)
    with house(tmp_path) as home:
        after = first.first_key(home.access)
        assert before and after and before[0] == after[0] and before[1] != after[1]
        with pytest.raises(WrongPassword):
            sign_in(home.access, *before)
        assert sign_in(home.access, *after).token


def test_where_an_administrator_has_a_password_no_start_makes_a_key(open_house: House, chief: Principal) -> None:
    assert chief.role == "administrator"
    assert first.first_key(open_house.access) is None
    assert open_house.record() == []
