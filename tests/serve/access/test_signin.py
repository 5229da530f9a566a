"""Signing in: what begins and ends a session, what guessing leads to, and what of it is on record."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select

from residency.core.errors import UserError
from residency.serve.access import once, sessions, users
from residency.serve.access.known import stamp
from residency.serve.access.limits import TooMany
from residency.serve.access.signin import WrongPassword, change_password, sign_in, sign_out
from residency.serve.store.tables import KEYS, SESSIONS, USERS
from residency.serve.types import Busy, Principal, Refused, Unrecorded
from serve.access.house import PASSWORD, QUICK, House, ask, house, within

NEW = "nine grey herons wade"


def count(home: House) -> int:
    with home.access.database.connect() as connection:
        return connection.execute(select(func.count()).select_from(SESSIONS)).scalar_one()


def status(home: House, token: str) -> int:
    return ask(home.app, "GET", "/password", headers={"cookie": f"session={token}"}).status_code


def guess(home: House, name: str, times: int, address: str = "10.0.0.1") -> None:
    for _ in range(times):
        with pytest.raises(WrongPassword):
            sign_in(home.access, name, "a wrong guess", address=address)


def test_name_and_password_begin_a_session(open_house: House) -> None:
    open_house.user("anna", "reviewer")
    done = sign_in(open_house.access, " Anna ", PASSWORD, address="10.0.0.7")
    assert (done.principal.name, done.principal.role, done.principal.must_change) == ("anna", "reviewer", False)
    assert status(open_house, done.token) == 200
    (entry,) = open_house.record()
    assert (entry["kind"], entry["actor"]) == ("sign-in", "user:anna")
    assert json.loads(entry["body"])["address"] == "10.0.0.7"


def test_neither_token_nor_password_stands_in_the_database(open_house: House, tmp_path: Path) -> None:
    open_house.user("anna")
    token = sign_in(open_house.access, "anna", PASSWORD).token
    open_house.access.database.dispose()
    held = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"anna" in held
    assert token.encode() not in held
    assert PASSWORD.encode() not in held


def test_a_token_has_256_bits_and_each_is_another(open_house: House) -> None:
    open_house.user("anna")
    tokens = {sign_in(open_house.access, "anna", PASSWORD).token for _ in range(5)}
    assert len(tokens) == 5
    assert {len(token) for token in tokens} == {43}  # 32 bytes in base64


def test_a_session_planted_before_signing_in_is_worth_nothing_after(open_house: House) -> None:
    open_house.user("anna")
    planted = open_house.session(open_house.user("mallory"))[0]
    mine = sign_in(open_house.access, "anna", PASSWORD, replaces=planted).token
    assert mine != planted
    assert status(open_house, planted) == 401
    made_up = "A" * 43
    assert sign_in(open_house.access, "anna", PASSWORD, replaces=made_up).token != made_up
    assert status(open_house, made_up) == 401


def test_signing_out_ends_the_session_at_once(open_house: House) -> None:
    who = open_house.user("anna")
    token, _ = open_house.session(who)
    assert status(open_house, token) == 200
    sign_out(open_house.access, who, sessions.digest(open_house.access, token))
    assert status(open_house, token) == 401
    assert [entry["kind"] for entry in open_house.record()] == ["sign-out"]


@pytest.mark.parametrize(
    ("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("anna", ""), ("", ""), ("gone", PASSWORD)]
)
def test_a_wrong_name_and_a_wrong_password_are_told_the_same(open_house: House, name: str, password: str) -> None:
    open_house.user("anna")
    open_house.user("gone", active=False)
    with pytest.raises(WrongPassword, match="^the name or the password is wrong$"):
        sign_in(open_house.access, name, password)
    assert count(open_house) == 0
    assert [entry["kind"] for entry in open_house.record()] == ["sign-in-failed"]


def test_a_password_typed_as_the_name_is_not_on_record(open_house: House, tmp_path: Path) -> None:
    with pytest.raises(WrongPassword):
        sign_in(open_house.access, "my secret in the wrong field", "x")
    (entry,) = open_house.record()
    assert "wrong field" not in entry["body"] + entry["actor"]
    assert json.loads(entry["body"])["user"] is None


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_the_fifth_wrong_password_locks_a_name_whether_or_not_there_is_such_a_user(
    open_house: House, name: str
) -> None:
    open_house.user("anna")
    guess(open_house, name, 5)
    with pytest.raises(TooMany) as waits:
        sign_in(open_house.access, name, PASSWORD, address="10.9.9.9")
    assert 55 <= waits.value.after <= 60
    assert [entry["kind"] for entry in open_house.record()] == ["sign-in-failed"] * 4 + ["lock-out"]


def test_each_wrong_password_after_the_lock_doubles_it_up_to_a_quarter_of_an_hour(open_house: House) -> None:
    who = open_house.user("anna")
    waited = []
    for turn in range(12):
        guess(open_house, "anna", 1, address=f"10.0.{turn}.1")
        waited.append(json.loads(open_house.record()[-1]["body"])["locked_s"])
        open_house.change(USERS.update().where(USERS.c.id == who.user).values(locked_until=None))
    assert waited == [0, 0, 0, 0, 60, 120, 240, 480, 900, 900, 900, 900]


def test_a_lock_survives_a_restart_and_ends_by_itself(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        home.user("anna")
        guess(home, "anna", 5)
    with house(tmp_path) as home:
        with pytest.raises(TooMany):
            sign_in(home.access, "anna", PASSWORD)
        ended = stamp(datetime.now(UTC) - timedelta(seconds=1))
        home.change(USERS.update().values(locked_until=ended))
        assert sign_in(home.access, "anna", PASSWORD).token
        assert home.record()[-1]["kind"] == "sign-in"
        guess(home, "anna", 4)  # the count began again


def test_a_clock_that_goes_back_locks_nobody_for_long(open_house: House) -> None:
    open_house.user("anna", locked_until=stamp(datetime.now(UTC) + timedelta(days=400)), failed=5)
    with pytest.raises(TooMany) as waits:
        sign_in(open_house.access, "anna", PASSWORD)
    assert waits.value.after <= 900


def test_a_locked_user_goes_on_in_a_session_that_is_open(open_house: House) -> None:
    token, _ = open_house.session(open_house.user("anna"))
    guess(open_house, "anna", 5)
    assert status(open_house, token) == 200


def test_one_address_cannot_try_one_password_on_every_name(open_house: House) -> None:
    open_house.user("anna")
    for turn in range(20):
        guess(open_house, f"name{turn}", 1, address="2001:db8:1:2::1")
    with pytest.raises(TooMany):
        sign_in(open_house.access, "anna", PASSWORD, address="2001:db8:1:2:ffff::9")  # the same subscriber's network
    assert sign_in(open_house.access, "anna", PASSWORD, address="10.0.0.2").token


def test_guesses_side_by_side_are_counted_as_well(open_house: House) -> None:
    open_house.user("anna")

    def one(turn: int) -> str:
        try:
            sign_in(open_house.access, "anna", f"guess number {turn}", address=f"10.1.{turn}.1")
        except (WrongPassword, TooMany) as error:
            return type(error).__name__
        return "in"

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(one, range(16)))
    assert results.count("WrongPassword") == 5
    assert results.count("TooMany") == 11


def test_where_passwords_are_tried_already_one_is_told_to_come_back(
    open_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("residency.serve.access.signin._WAIT_S", 0.05)
    open_house.user("anna")
    with open_house.access.trying, pytest.raises(Busy):
        sign_in(open_house.access, "anna", PASSWORD)


def test_nobody_is_signed_in_unrecorded(open_house: House) -> None:
    open_house.user("anna")
    open_house.access.recorder.close()  # type: ignore[attr-defined]
    with pytest.raises(Unrecorded):
        sign_in(open_house.access, "anna", PASSWORD)
    with pytest.raises(Unrecorded):
        sign_in(open_house.access, "anna", "a wrong guess")
    assert count(open_house) == 0


def test_an_old_hash_is_made_anew_when_its_password_is_typed(open_house: House) -> None:
    who = open_house.user("anna")
    before = open_house.row(who)["password"]
    sign_in(open_house.access, "anna", PASSWORD)
    assert open_house.row(who)["password"] == before
    open_house.access.hasher = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)
    sign_in(open_house.access, "anna", PASSWORD)
    assert "m=16,t=2" in open_house.row(who)["password"]
    assert sign_in(open_house.access, "anna", PASSWORD).token


def test_a_sixth_session_ends_the_oldest(open_house: House) -> None:
    open_house.user("anna")
    tokens = [sign_in(open_house.access, "anna", PASSWORD).token for _ in range(6)]
    assert [status(open_house, token) for token in tokens] == [401, 200, 200, 200, 200, 200]


# --- choosing a password ----------------------------------------------------------------------------------------------


def test_a_new_password_ends_every_session_but_the_new_one(open_house: House) -> None:
    who = open_house.user("anna")
    old = [open_house.session(who)[0] for _ in range(2)]
    done = change_password(open_house.access, who, old=PASSWORD, new=NEW)
    assert [status(open_house, token) for token in (*old, done.token)] == [401, 401, 200]
    with pytest.raises(WrongPassword):
        sign_in(open_house.access, "anna", PASSWORD)
    assert sign_in(open_house.access, "anna", NEW).token
    assert open_house.record()[0]["kind"] == "password"


def test_who_does_not_know_the_old_password_cannot_change_it(open_house: House) -> None:
    who = open_house.user("anna")
    for _ in range(5):
        with pytest.raises(WrongPassword):
            change_password(open_house.access, who, old="a guess", new=NEW)
    with pytest.raises(TooMany):
        change_password(open_house.access, who, old=PASSWORD, new=NEW)
    assert open_house.row(who)["failed"] == 5


@pytest.mark.parametrize("new", ["short", "password1234", PASSWORD, "anna.anna.2026"])
def test_a_new_password_is_checked(open_house: House, new: str) -> None:
    who = open_house.user("anna")
    with pytest.raises(UserError):
        change_password(open_house.access, who, old=PASSWORD, new=new)
    assert sign_in(open_house.access, "anna", PASSWORD).token


def test_a_key_cannot_change_a_password(open_house: House) -> None:
    who = open_house.user("anna")
    with pytest.raises(WrongPassword):
        change_password(open_house.access, Principal(who.user, "anna", "clinician", key="1"), old=PASSWORD, new=NEW)


def test_a_one_time_key_opens_the_choice_of_a_password_and_is_spent_by_it(open_house: House) -> None:
    chief = open_house.user("chief", "administrator")
    user, key = users.make(open_house.access, chief, name="Bea", role="clinician")
    done = sign_in(open_house.access, "bea", key)
    assert done.principal.must_change
    app = open_house.app
    headers = within((done.token, str(done.principal.csrf)))
    assert ask(app, "GET", "/note", headers=headers).status_code == 403
    assert ask(app, "GET", "/v1/models", headers=headers).json()["error"]["code"] == "password_change_required"
    after = change_password(open_house.access, done.principal, old="", new=NEW)
    assert not after.principal.must_change
    assert ask(app, "GET", "/note", headers={"cookie": f"session={after.token}"}).status_code == 200
    with pytest.raises(WrongPassword):
        sign_in(open_house.access, "bea", key)
    assert user.must_change


def test_a_one_time_key_is_no_password_for_another_and_no_api_key(open_house: House) -> None:
    chief = open_house.user("chief", "administrator")
    _, key = users.make(open_house.access, chief, name="bea", role="clinician")
    users.make(open_house.access, chief, name="carl", role="clinician")
    for name in ("carl", "chief", "nobody"):
        with pytest.raises(WrongPassword):
            sign_in(open_house.access, name, key)
    answer = ask(open_house.app, "GET", "/v1/models", headers={"authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    likeness = open_house.key(open_house.user("dora"), once.ONCE)
    assert (
        ask(open_house.app, "GET", "/openapi.json", headers={"authorization": f"Bearer {likeness}"}).status_code == 401
    )


def test_a_one_time_key_expires(open_house: House) -> None:
    chief = open_house.user("chief", "administrator")
    _, key = users.make(open_house.access, chief, name="bea", role="clinician")
    open_house.change(KEYS.update().values(expires=stamp(datetime.now(UTC) - timedelta(seconds=1))))
    with pytest.raises(WrongPassword):
        sign_in(open_house.access, "bea", key)


def test_who_is_reset_while_the_password_is_tried_is_not_let_in(
    open_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    chief, anna = open_house.user("chief", "administrator"), open_house.user("anna")
    begin = sessions.begin

    def slow(access: object, user: str) -> object:
        reset = threading.Thread(target=users.reset, args=(open_house.access, chief, anna.user))
        reset.start()
        reset.join()
        return begin(open_house.access, user)

    monkeypatch.setattr(sessions, "begin", slow)
    with pytest.raises(Refused):
        sign_in(open_house.access, "anna", PASSWORD)
    assert count(open_house) == 0
    assert QUICK is open_house.access.hasher
