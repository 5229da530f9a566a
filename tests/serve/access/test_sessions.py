"""Sessions: when they end, what their cookie is like, and that the door reads it as it should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from residency.serve.access import sessions
from residency.serve.access.known import stamp
from residency.serve.settings import Settings
from residency.serve.store.tables import SESSIONS, USERS
from serve.access.house import House, ask, house, within


def ago(**span: float) -> str:
    return stamp(datetime.now(UTC) - timedelta(**span))


def status(home: House, cookie: str, path: str = "/note") -> int:
    return ask(home.app, "GET", path, headers={"cookie": cookie}).status_code


def test_a_session_ends_when_nobody_has_used_it_for_half_an_hour(open_house: House) -> None:
    token, _ = open_house.session(open_house.user("anna"))
    open_house.change(SESSIONS.update().values(seen=ago(minutes=29)))
    assert status(open_house, f"session={token}") == 200
    open_house.change(SESSIONS.update().values(seen=ago(minutes=31)))
    assert status(open_house, f"session={token}") == 401
    with open_house.access.database.connect() as connection:
        assert connection.execute(select(SESSIONS)).all() == []


def test_using_a_session_keeps_it_from_ending_but_no_longer_than_twelve_hours(open_house: House) -> None:
    token, _ = open_house.session(open_house.user("anna"))
    open_house.change(SESSIONS.update().values(seen=ago(minutes=20)))
    assert status(open_house, f"session={token}") == 200
    with open_house.access.database.connect() as connection:
        made, seen, expires = connection.execute(select(SESSIONS.c.made, SESSIONS.c.seen, SESSIONS.c.expires)).one()
    assert seen >= made
    assert datetime.fromisoformat(expires) - datetime.fromisoformat(made) == timedelta(hours=12)
    open_house.change(SESSIONS.update().values(expires=ago(seconds=1)))
    assert status(open_house, f"session={token}") == 401


def test_a_session_of_a_user_who_was_deactivated_is_worth_nothing(open_house: House) -> None:
    token, _ = open_house.session(open_house.user("anna"))
    open_house.change(USERS.update().values(active=False))
    assert status(open_house, f"session={token}") == 401


def test_old_sessions_are_swept_away(open_house: House) -> None:
    who = open_house.user("anna")
    kept, _ = open_house.session(who)
    open_house.change(SESSIONS.update().values(seen=ago(hours=1)))
    fresh, _ = open_house.session(who)
    sessions.sweep(open_house.access)
    with open_house.access.database.connect() as connection:
        left = [row.hash for row in connection.execute(select(SESSIONS.c.hash))]
    assert left == [sessions.digest(open_house.access, fresh)]
    assert kept != fresh


def test_on_loopback_the_cookie_is_kept_from_scripts_and_from_other_sites(tmp_path: Path) -> None:
    cookie = sessions.cookie(Settings(tmp_path), "T")
    assert cookie == "session=T; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"


def test_over_tls_no_other_host_can_set_the_cookie(tmp_path: Path) -> None:
    cookie = sessions.cookie(Settings(tmp_path, proxy=True), "T")
    assert cookie.startswith("__Host-session=T; Path=/;")
    assert cookie.endswith("; Secure")
    assert "Domain" not in cookie


def test_the_cookie_that_ends_a_session_is_empty_and_past(tmp_path: Path) -> None:
    assert sessions.cookie(Settings(tmp_path), "").startswith("session=; Path=/; Max-Age=0;")


def test_over_tls_a_cookie_of_the_plain_name_is_not_read(tmp_path: Path) -> None:
    with house(tmp_path, proxy=True) as home:
        token, _ = home.session(home.user("anna"))
        assert status(home, f"session={token}") == 401
        assert status(home, f"__Host-session={token}") == 200


def test_of_two_session_cookies_that_differ_neither_counts(open_house: House) -> None:
    mine, _ = open_house.session(open_house.user("anna"))
    theirs, _ = open_house.session(open_house.user("mallory"))
    assert status(open_house, f"session={theirs}; session={mine}") == 401
    assert status(open_house, f"other=1; session={mine}; more=2") == 200


@pytest.mark.parametrize(
    "cookie",
    [
        "session=",
        "session=short",
        "session=" + "é" * 43,
        "session=" + "A" * 43,
        "session=' OR 1=1 --" + " " * 29,
        ";;;",
        "session",
    ],
)
def test_a_cookie_that_is_no_token_is_nobody(open_house: House, cookie: str) -> None:
    app = open_house.app
    answer = ask(app, "GET", "/note", headers=[(b"cookie", cookie.encode("latin-1"))])
    assert answer.status_code == 401


def test_a_session_may_use_the_api_by_its_role_when_a_page_of_ours_asks(open_house: House) -> None:
    app, session = open_house.app, open_house.session(open_house.user("anna"))
    assert ask(app, "POST", "/v1/chat/completions", headers=within(session), json={}).status_code == 200
    assert ask(app, "GET", "/metrics", headers=within(session)).status_code == 403


def test_the_language_is_the_users_or_that_of_the_service(tmp_path: Path) -> None:
    with house(tmp_path, language="es") as home:
        found = [
            sessions.look_up(home.access, home.session(who)[0])
            for who in (home.user("anna"), home.user("bob", language="en"))
        ]
    assert [known.principal.language for known in found if known] == ["es", "en"]
