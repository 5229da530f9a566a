"""Changes of users and keys behind the service's back are found, each, on both kinds of database; its own are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from residency.serve.access import against_record, first, keys, users
from residency.serve.access.signin import change_password, sign_in
from residency.serve.store.tables import KEYS, RECORD, USERS
from serve.access.house import QUICK, House, house

NEW = "nine grey herons wade"
Change = Callable[[dict[str, Any]], Any]


def lived(home: House) -> dict[str, Any]:
    """Return who and what there is after some life: the chief, anna with a password and two keys, ben with neither."""
    begun = sign_in(home.access, *(first.first_key(home.access) or ("", "")))
    chief = change_password(home.access, begun.principal, old="", new=NEW).principal
    anna, once = users.make(home.access, chief, name="anna", role="reviewer")
    change_password(home.access, sign_in(home.access, "anna", once).principal, old="", new=NEW)
    users.change_role(home.access, chief, anna.id, "clinician")
    ben, token = users.make(home.access, chief, name="ben", role="auditor")
    users.deactivate(home.access, chief, ben.id)
    users.activate(home.access, chief, ben.id)
    users.unlock(home.access, chief, ben.id)
    key, _ = keys.make(home.access, chief, anna.id, name="ward", scopes=["chat"])
    gone, _ = keys.make(home.access, chief, anna.id, name="old", scopes=["chat"])
    keys.revoke(home.access, chief, gone.id)
    return {"chief": chief.user, "anna": anna.id, "ben": ben.id, "key": key.id, "gone": gone.id, "token": token}


def user(whose: str, /, **values: Any) -> Change:
    return lambda who: USERS.update().where(USERS.c.id == who[whose]).values(**values)


def key(name: str, **values: Any) -> Change:
    return lambda who: KEYS.update().where(KEYS.c.id == who[name]).values(**values)


def of_whom(name: str, **values: Any) -> Change:
    """Return what changes the one-time keys of a user."""
    return lambda who: KEYS.update().where(KEYS.c.user == who[name], KEYS.c.scopes == "once").values(**values)


def inserted(table: Any, like: str, **values: Any) -> Change:
    """Return what inserts a user like another, or a key of theirs."""
    row = {"id": "f" * 32, "name": "eve", "made": "2026", "changed": "2026", "role": "administrator"} | values
    if table is KEYS:
        row = {"id": "f" * 32, "hash": "a", "name": "k", "scopes": "chat", "per_minute": 9, "made": "2026"} | values
    return lambda who: table.insert().values(**row, **({"user": who[like]} if table is KEYS else {}))


CHANGES: dict[str, tuple[Change, str]] = {
    "a role": (user("anna", role="administrator"), "user anna: their role is administrator, on record clinician"),
    "a password": (user("chief", password=QUICK.hash("eve's own words")), "user administrator: their password is not"),
    "a first password": (user("ben", password=QUICK.hash("eve's own words")), "user ben: their password is not"),
    "no password": (user("anna", password=None), "user anna: their password is not"),
    "let in again": (user("ben", active=False), "user ben: not active, on record they are"),
    "a new user": (inserted(USERS, ""), "user eve: not on record"),
    "a user renamed": (user("anna", name="an\na"), "user an?a: not on record"),
    "scopes": (key("key", scopes="chat medical"), "the record says otherwise of its scopes"),
    "an end": (key("key", expires="2099-01-01T00:00:00.000000Z"), "the record says otherwise of its expires"),
    "a rate": (key("key", per_minute=999_999), "the record says otherwise of its per minute"),
    "another's key": (lambda who: key("key", user=who["chief"])(who), "the record says otherwise of its user"),
    "a key let in again": (key("gone", revoked=None), "on record it was revoked"),
    "a key shut out": (key("key", revoked="2026"), "revoked, and that is not on record"),
    "a new key": (inserted(KEYS, "chief"), f"key {'f' * 32}: not on record"),
    "a key deleted": (lambda who: KEYS.delete().where(KEYS.c.id == who["gone"]), "on record, but gone"),
    "a one-time key of another": (lambda who: of_whom("ben", user=who["chief"])(who), "user administrator: a one-time"),
    "a spent one-time key": (of_whom("anna", revoked=None), "user anna: a one-time key that is not on record"),
    "a longer one-time key": (of_whom("ben", expires="2099"), "user ben: a one-time key that is not on record"),
    "a key made a one-time key": (key("key", scopes="once"), "on record, but gone"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_is_not_on_record_is_found_on_each_database(name: str, tmp_path: Path, database_url: str) -> None:
    with house(tmp_path, database=database_url) as home:
        who = lived(home)
        assert against_record.check(home.access) == []
        change, said = CHANGES[name]
        home.change(change(who))
        found = against_record.check(home.access)
        assert any(said in one for one in found), found


def test_a_password_that_is_hashed_anew_at_sign_in_and_one_that_is_reset_are_on_record(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        who = lived(home)
        home.access.hasher = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1)
        before = against_record.check(home.access)
        chief = sign_in(home.access, "administrator", NEW).principal
        assert before == against_record.check(home.access) == []
        users.reset(home.access, chief, who["anna"])
        assert against_record.check(home.access) == []


def test_what_was_written_before_credentials_were_on_record_is_no_fault(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        lived(home)
        chief = home.user("late", "administrator")
        assert against_record.check(home.access) == ["user late: not on record"]
        body = '{"did":"made","role":"administrator","user":"late"}'
        row = home.record()[-1] | {"seq": 10**6, "kind": "user", "actor": "service", "body": body}
        home.change(RECORD.insert().values(row))
        password = row | {"seq": 10**6 + 1, "kind": "password", "actor": "user:late", "body": '{"address":""}'}
        home.change(RECORD.insert().values(password))
        assert against_record.check(home.access) == []
        assert chief.role == "administrator"
