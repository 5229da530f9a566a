"""What every page has around its own part: navigation by role, notices, problems in words, numbers as they are."""

from __future__ import annotations

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from residency.core.errors import ResidencyError, UserError
from residency.serve.access.permissions import ROUTES
from residency.serve.types import ROLES, Busy, Down, Principal, Refused, Unrecorded
from residency.serve.workspace import filters, routes
from residency.serve.workspace.render import NAVIGATION, PROBLEMS, home, navigation, page, problem, status_of
from residency.serve.workspace.words import words
from serve.workspace.ward import app

ERRORS = [
    (Busy(7), 429, "Come back in 7 seconds."),
    (Down(3), 503, "being started again"),
    (Unrecorded(), 503, "nothing is answered unrecorded"),
    (Refused("English words", code="context_length_exceeded"), 400, "longer than the model can read"),
    (Refused("words for a program", status=404, code="no words for this"), 404, "nothing at this address"),
    (UserError("a reason"), 422, "Something is missing"),
    (ResidencyError("a fault"), 500, "A fault of ours"),
]


@pytest.fixture
def client(tmp_path):
    router = routes.router()

    @router.get("/raise/{number}")
    async def raising(request: Request, number: int):
        raise ERRORS[number][0]

    @router.get("/status/{code}")
    async def status(request: Request, code: int):
        return problem(request, code)

    @router.get("/own")
    async def own(request: Request):
        return page(request, "problem", status=418, headers={"x-own": "1"}, code=418, known="404", detail="<i>")

    return TestClient(app(tmp_path, router), raise_server_exceptions=False)


@pytest.mark.parametrize("role", ROLES)
def test_the_navigation_has_what_the_role_may_see_and_the_first_of_it_is_home(role):
    one = Principal("u", "anna", role)
    seen = [each["address"] for each in navigation(one)]
    assert seen == [address for address, _ in NAVIGATION if role in ROUTES["GET", address].roles]
    assert home(one) in seen and all(("GET", address) in ROUTES for address, _ in NAVIGATION)


def test_who_has_to_choose_a_password_is_led_nowhere_else():
    one = Principal("u", "anna", "clinician", must_change=True)
    assert not navigation(one) and home(one) == "/password"


def test_the_page_shown_is_marked_also_below_it():
    one = Principal("u", "anna", "clinician")
    assert [e["address"] for e in navigation(one, "/review/3") if e["current"]] == ["/review"]
    assert [e["address"] for e in navigation(one, "/ask") if e["current"]] == ["/"]


@pytest.mark.parametrize("number", range(len(ERRORS)))
def test_an_error_becomes_a_page_in_words_with_its_status_and_without_its_own(client, number):
    error, status, said = ERRORS[number]
    reply = client.get(f"/raise/{number}")
    assert reply.status_code == status and said in reply.text and str(error) not in reply.text
    assert reply.headers.get("retry-after") == (str(error.after) if hasattr(error, "after") else None)


@pytest.mark.parametrize("code", [*PROBLEMS, 418, 502])
def test_every_status_has_a_page(client, code):
    reply = client.get(f"/status/{code}?language=es")
    assert reply.status_code == code and f"Estado {code}" in reply.text


def test_a_notice_is_one_of_ours_and_never_what_an_address_says(client):
    assert "You are signed out." in client.get("/status/404?done=signed_out").text
    assert "evil" not in client.get("/status/404?done=<b>evil").text


def test_what_a_page_is_given_is_escaped_and_its_headers_are_sent(client):
    reply = client.get("/own")
    assert reply.status_code == 418 and reply.headers["x-own"] == "1" and "&lt;i&gt;" in reply.text


def test_a_status_without_words_of_its_own_is_told_by_its_kind(client):
    request = Request({"type": "http", "headers": [], "query_string": b"", "app": client.app, "path": "/"})
    assert status_of(request, Refused("x", status=451)) == (400, "")


def test_what_is_not_there_is_a_dash_and_never_a_zero():
    assert filters.number(None) == filters.number(float("nan")) == filters.time("") == filters.short(None) == "–"
    assert filters.number(0.0) == "0.00" and filters.number(12345) == "12\u202f345"
    row = {"value": 0.5, "low": 0.25, "high": None}
    assert filters.interval(row) == "0.500" and filters.interval({**row, "high": 1.0}, 1) == "0.5 (0.2 – 1.0)"
    assert filters.time("2026-11-27T13:37:05.123456+00:00") == "2026-11-27 13:37:05"


def test_words_that_are_missing_are_an_error_and_not_a_blank():
    with pytest.raises(KeyError):
        words("en")("no.such.key")
