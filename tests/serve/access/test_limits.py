"""Limits: how buckets fill and empty, and that a caller who asks too often is told when to come back."""

from __future__ import annotations

import httpx
import pytest

from residency.serve.access import checks, limits
from residency.serve.access.limits import Buckets, Guesses, TooMany, lock_seconds, place
from serve.access.house import House, ask, asked, bearing, within


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(limits.time, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_bucket_holds_a_minute_and_fills_evenly(clock: Clock) -> None:
    buckets = Buckets()
    assert [buckets.take("k", 60) for _ in range(60)] == [0.0] * 60
    assert buckets.take("k", 60) == pytest.approx(1.0)
    clock.now += 0.5
    assert buckets.take("k", 60) == pytest.approx(0.5)
    clock.now += 0.5
    assert buckets.take("k", 60) == 0.0
    clock.now += 3600
    assert [bool(buckets.take("k", 60)) for _ in range(61)] == [False] * 60 + [True]


def test_buckets_are_one_another_s_strangers(clock: Clock) -> None:
    buckets = Buckets()
    assert buckets.take("a", 1) == 0.0
    assert buckets.take("a", 1) == pytest.approx(60.0)
    assert buckets.take("b", 1) == 0.0


def test_looking_takes_nothing(clock: Clock) -> None:
    buckets = Buckets()
    assert [buckets.take("a", 60, burst=1, amount=0) for _ in range(5)] == [0.0] * 5
    assert buckets.take("a", 60, burst=1) == 0.0
    assert buckets.take("a", 60, burst=1, amount=0) == pytest.approx(1.0)


def test_a_flood_of_names_costs_no_memory(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEPT", 100)
    buckets, guesses = Buckets(), Guesses()
    for turn in range(1000):
        buckets.take(f"name {turn}", 60)
        guesses.wrong(f"name {turn}")
    assert len(buckets.levels) == len(guesses.counts) == 100


def test_the_wait_after_wrong_passwords_grows_to_a_quarter_of_an_hour() -> None:
    assert [lock_seconds(failed) for failed in (0, 4, 5, 6, 7, 8, 9, 10**9)] == [0, 0, 60, 120, 240, 480, 900, 900]


def test_one_address_is_a_host_of_ipv4_or_a_network_of_ipv6() -> None:
    assert place("10.0.0.1") == place("::ffff:10.0.0.1") == "10.0.0.1"
    assert place("2001:db8:1:2::1") == place("2001:db8:1:2:3:4:5:6") == "2001:db8:1:2::/64"
    assert place("2001:db8:1:3::1") != place("2001:db8:1:2::1")
    assert place("") == place("unix:\r\nsocket") == "elsewhere"


def test_a_wait_is_said_in_whole_seconds_and_never_none() -> None:
    assert [TooMany(seconds).after for seconds in (0.01, 1.0, 1.2, 59.5)] == [1, 1, 2, 60]


def test_a_key_has_its_own_limit_and_is_told_when_to_come_back(open_house: House) -> None:
    who = open_house.user("anna")
    slow, quick = open_house.key(who, "models", per_minute=3), open_house.key(who, "models", per_minute=600)

    async def talk(client: httpx.AsyncClient) -> list[httpx.Response]:
        return [await client.get("/v1/models", headers=bearing(slow)) for _ in range(5)]

    answers = asked(open_house.app, talk)
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 15 <= int(answers[-1].headers["retry-after"]) <= 20
    assert answers[-1].json()["error"]["type"] == "rate_limit_error"
    assert ask(open_house.app, "GET", "/v1/models", headers=bearing(quick)).status_code == 200


def test_a_user_has_one_limit_for_all_their_sessions(open_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "USER_PER_MINUTE", 4)
    anna = open_house.user("anna")
    sessions = [within(open_house.session(anna)) for _ in range(2)]

    async def talk(client: httpx.AsyncClient) -> list[int]:
        return [(await client.get("/note", headers=sessions[turn % 2])).status_code for turn in range(6)]

    assert asked(open_house.app, talk) == [200, 200, 200, 200, 429, 429]
    other = within(open_house.session(open_house.user("bea")))
    assert ask(open_house.app, "GET", "/note", headers=other).status_code == 200
