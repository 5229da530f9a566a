"""API keys: how they are made, what they open, and that each end of theirs holds from the next request on."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import select

from residency.core.errors import UserError
from residency.serve.access import keys, users
from residency.serve.access.known import stamp
from residency.serve.access.users import Forbidden
from residency.serve.store.tables import KEYS
from residency.serve.types import Principal, Unrecorded
from serve.access.house import House, ask, asked, bearing

CHAT = "/v1/chat/completions"


@pytest.fixture
def chief(open_house: House) -> Principal:
    return open_house.user("chief", "administrator")


def post(home: House, key: str, path: str = CHAT) -> int:
    return ask(home.app, "POST", path, headers=bearing(key), json={}).status_code


def test_a_key_is_shown_once_and_stored_hashed(open_house: House, chief: Principal) -> None:
    key, token = keys.make(open_house.access, chief, open_house.user("anna").user, name="ward 7", scopes=["chat"])
    assert token.startswith("rsd_")
    assert len(token) == 47
    with open_house.access.database.connect() as connection:
        row = connection.execute(select(KEYS)).one()
    assert token not in str(tuple(row)) + str(open_house.record()) + str(keys.listed(open_house.access, chief))
    assert (key.user_name, key.scopes, key.live, key.used) == ("anna", ("chat",), True, None)
    assert timedelta(days=364) < datetime.fromisoformat(str(key.expires)) - datetime.now(UTC) < timedelta(days=366)


def test_a_key_opens_what_its_scopes_say_and_no_more(open_house: House, chief: Principal) -> None:
    _, token = keys.make(open_house.access, chief, open_house.user("anna").user, name="k", scopes=["chat"])
    assert ask(open_house.app, "POST", CHAT, headers=bearing(token)).json()["role"] == "clinician"
    assert post(open_house, token, "/v1/embeddings") == 403
    assert ask(open_house.app, "GET", "/note", headers=bearing(token)).status_code == 403


def test_a_key_is_used_under_its_own_name(open_house: House, chief: Principal) -> None:
    key, token = keys.make(open_house.access, chief, open_house.user("anna").user, name="k", scopes=["chat"])
    assert ask(open_house.app, "POST", CHAT, headers=bearing(token)).json()["actor"] == f"key:{key.id}"
    (found,) = keys.listed(open_house.access, chief)
    assert found.used is not None


def test_a_revoked_key_is_worth_nothing_from_the_next_request_on(open_house: House, chief: Principal) -> None:
    key, token = keys.make(open_house.access, chief, open_house.user("anna").user, name="k", scopes=["chat"])
    assert post(open_house, token) == 200
    keys.revoke(open_house.access, chief, key.id)
    assert post(open_house, token) == 401
    keys.revoke(open_house.access, chief, key.id)
    assert [json.loads(entry["body"])["did"] for entry in open_house.record("key")] == ["made", "revoked"]


def test_an_expired_key_is_worth_nothing(open_house: House, chief: Principal) -> None:
    soon = stamp(datetime.now(UTC) - timedelta(seconds=1))
    assert post(open_house, open_house.key(open_house.user("anna"), "chat", expires=soon)) == 401


def test_a_change_of_the_user_holds_for_their_keys_at_once(open_house: House, chief: Principal) -> None:
    who = open_house.user("anna")
    token = open_house.key(who, "chat", "models")
    assert post(open_house, token) == 200
    users.change_role(open_house.access, chief, who.user, "auditor")
    assert post(open_house, token) == 403
    assert ask(open_house.app, "GET", "/v1/models", headers=bearing(token)).status_code == 200
    users.deactivate(open_house.access, chief, who.user)
    assert ask(open_house.app, "GET", "/v1/models", headers=bearing(token)).status_code == 401


@pytest.mark.parametrize(
    ("role", "scopes"),
    [("administrator", ["chat"]), ("auditor", ["medical"]), ("clinician", ["audit"]), ("clinician", ["metrics"])],
)
def test_a_key_never_has_more_than_the_role_of_its_user(
    open_house: House, chief: Principal, role: str, scopes: list[str]
) -> None:
    who = open_house.user("anna", role)
    with pytest.raises(UserError, match=f"a key of {'an' if role[0] == 'a' else 'a'} {role} cannot have the scope"):
        keys.make(open_house.access, chief, who.user, name="k", scopes=scopes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"scopes": ["once"]},
        {"days": 0},
        {"days": 100_000},
        {"per_minute": 0},
        {"name": ""},
        {"name": "x" * 65},
        {"name": "a\r\nset-cookie: session=1"},
    ],
)
def test_a_key_that_cannot_be_is_not_made(open_house: House, chief: Principal, wrong: dict) -> None:
    who = open_house.user("anna")
    with pytest.raises(UserError):
        keys.make(open_house.access, chief, who.user, **{"name": "k", "scopes": ["chat"], **wrong})
    assert keys.listed(open_house.access, chief) == []


@pytest.mark.parametrize("role", ["clinician", "reviewer", "auditor"])
def test_only_an_administrator_makes_lists_and_revokes_keys(open_house: House, role: str) -> None:
    who = open_house.user("anna", role)
    for act in (
        lambda: keys.make(open_house.access, who, who.user, name="k", scopes=["models"]),
        lambda: keys.listed(open_house.access, who),
        lambda: keys.revoke(open_house.access, who, "1"),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_key_that_cannot_be_put_on_record_is_not_made(open_house: House, chief: Principal) -> None:
    who = open_house.user("anna")
    open_house.access.recorder.close()  # type: ignore[attr-defined]
    with pytest.raises(Unrecorded):
        keys.make(open_house.access, chief, who.user, name="k", scopes=["chat"])
    assert keys.listed(open_house.access, chief) == []


@pytest.mark.parametrize(
    "authorization",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer rsd_short",
        b"Basic YW5uYTpwYXNzd29yZA==",
        b"Bearer rsd_" + b"A" * 43,
        b"Bearer rsd_" + b"A" * 100_000,
        b"Bearer  rsd_" + b"A" * 43,
        b"Bearer rsd_" + "é".encode() * 43,
        b"Bearer rsd_" + b"A" * 42 + b"\x00",
        b"Bearer rsd_' OR '1'='1",
        b"rsd_" + b"A" * 43,
    ],
)
def test_what_is_no_key_is_refused_and_is_no_fault(open_house: House, authorization: bytes) -> None:
    answer = ask(open_house.app, "POST", CHAT, headers=[(b"authorization", authorization)])
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert answer.headers["www-authenticate"] == 'Bearer realm="residency", error="invalid_token"'


def test_of_two_authorizations_neither_counts(open_house: House) -> None:
    key = open_house.key(open_house.user("anna"), "chat")
    twice = [(b"authorization", b"Bearer " + key.encode())] * 2
    assert ask(open_house.app, "POST", CHAT, headers=twice).status_code == 401


def test_a_wrong_key_is_not_made_good_by_a_session(open_house: House) -> None:
    who = open_house.user("anna")
    cookie = {"cookie": f"session={open_house.session(who)[0]}"}
    assert ask(open_house.app, "GET", "/note", headers=cookie).status_code == 200
    wrong = bearing("rsd_" + "A" * 43)
    assert ask(open_house.app, "GET", "/note", headers=cookie | wrong).status_code == 401


def test_a_key_that_was_seen_costs_far_less_than_a_millisecond(open_house: House) -> None:
    headers = [(b"authorization", b"Bearer " + open_house.key(open_house.user("anna"), "chat").encode())]

    async def cost() -> float:
        await open_house.access.authenticate(headers)
        start = time.thread_time()
        for _ in range(1000):
            await open_house.access.authenticate(headers)
        return (time.thread_time() - start) / 1000

    assert asyncio.run(cost()) < 0.0005


def test_what_changes_while_a_key_is_looked_up_is_not_kept(open_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    who = open_house.user("anna")
    token = open_house.key(who, "chat")
    look_up = keys.look_up

    def slow(access: object, given: str) -> object:
        found = look_up(open_house.access, given)
        open_house.change(KEYS.update().values(revoked=stamp(datetime.now(UTC))))
        return found

    monkeypatch.setattr(keys, "look_up", slow)
    assert post(open_house, token) == 200  # it had begun before
    monkeypatch.setattr(keys, "look_up", look_up)
    assert post(open_house, token) == 401


def test_guessing_keys_from_one_address_ends_in_a_wait_and_a_few_entries(open_house: House) -> None:
    async def talk(client: httpx.AsyncClient) -> list[int]:
        wrong = [f"rsd_{turn:043d}" for turn in range(40)]
        return [(await client.post(CHAT, headers=bearing(key))).status_code for key in wrong]

    statuses = asked(open_house.app, talk)
    assert statuses[:30] == [401] * 30
    assert statuses[31:] == [429] * 9
    assert 1 <= len(open_house.record("wrong-key")) <= 7
    assert ask(open_house.app, "POST", CHAT, client="10.0.0.2", headers=bearing("rsd_" + "A" * 43)).status_code == 401
