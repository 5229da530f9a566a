"""Who may go where: the table against one written by hand, and the door against the table."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from residency.serve.access.dependency import Unlisted, check_routes
from residency.serve.access.permissions import ROUTES, allowed, home, template_of
from residency.serve.types import ROLES, Principal
from serve.access.house import House, ask, bearing, within
from serve.access.matrix import problems

# c clinician, r reviewer, a administrator, u auditor; then the scopes that let a key in (any: whatever it has).
BY_HAND = """
GET /health                     everyone
GET /login                      everyone
POST /login                     everyone
GET /static/{file}              everyone
GET /openapi.json               crau any
GET /metrics                    au metrics
POST /v1/chat/completions       cr chat
POST /v1/completions            cr chat
POST /v1/embeddings             cr embed
GET /v1/models                  crau models
GET /v1/models/{name}           crau models
POST /v1/medical/answer         cr medical
POST /v1/medical/extract        cr medical
POST /v1/medical/deidentify     cr medical
POST /v1/medical/summarise      cr medical
POST /v1/medical/classify       cr medical
GET /v1/applications            cr medical
POST /v1/applications/{name}    cr medical
POST /logout                    crau
GET /password                   crau
POST /password                  crau
POST /language                  crau
GET /                           cr
GET /ask                        cr
POST /ask                       cr
GET /note                       cr
POST /note                      cr
GET /applications               cr
POST /applications              cr
GET /applications/{name}        cr
POST /applications/{name}       cr
GET /tutor                      cr
POST /tutor                     cr
GET /compare                    cr
POST /compare                   cr
GET /compare/{id}               cr
POST /compare/{id}              cr
GET /review                     cr
GET /review/{id}                cr
POST /review/{id}               cr
GET /catalog                    au
GET /runs                       au
GET /runs/{id}                  au
GET /ledger/{id}                au
GET /audit                      u audit
POST /audit/export              u audit
GET /users                      a
POST /users                     a
POST /users/{id}                a
GET /keys                       a
POST /keys                      a
POST /keys/{id}/revoke          a
"""
LETTERS = {"c": "clinician", "r": "reviewer", "a": "administrator", "u": "auditor"}


def lines_by_hand() -> dict[tuple[str, str], tuple[set[str], set[str]]]:
    found = {}
    for line in BY_HAND.strip().splitlines():
        method, path, who, *scopes = line.split()
        roles = set() if who == "everyone" else {LETTERS[letter] for letter in who if letter in LETTERS}
        found[method, path] = (roles, set(scopes))
    return found


def test_the_table_is_what_was_written_down_by_hand() -> None:
    table = {
        line: (set(one.roles), {"any"} if one.any_key else set(one.scopes), one.open) for line, one in ROUTES.items()
    }
    assert table == {line: (roles, scopes, not roles) for line, (roles, scopes) in lines_by_hand().items()}


SOME = "/health /metrics /openapi /v1/models /v1/c /v1/emb /v1/medical/c /log /note /us /aud /cat".split()
"""Lines of each kind; test_whole.py tries all of them on the service itself."""


def test_lines_of_each_kind_let_in_whom_they_name_and_nobody_else(open_house: House) -> None:
    some = {(method, path): one for (method, path), one in ROUTES.items() if path.startswith(tuple(SOME))}
    assert len({(one.roles, one.scopes, one.any_key) for one in ROUTES.values()}) == len(
        {(one.roles, one.scopes, one.any_key) for one in some.values()}
    )
    assert problems(open_house.app, open_house, lines=some) == []


def test_the_matrix_finds_a_route_that_is_left_open(open_house: House) -> None:
    lines = {("GET", "/keys"): ROUTES["GET", "/keys"], ("GET", "/users"): ROUTES["GET", "/health"]}
    found = problems(open_house.app, open_house, lines=lines)
    assert any("GET /users by nobody: 401" in one for one in found)
    assert all("GET /users" in one for one in found)


def test_a_route_that_stands_in_no_line_is_refused_at_the_start() -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/backdoor", lambda: {}, methods=["GET"])
    with pytest.raises(Unlisted, match="GET /backdoor has no line"):
        check_routes(app)


def test_a_route_that_an_earlier_one_would_answer_is_refused_at_the_start() -> None:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/v1/models/{name:path}", lambda: {}, methods=["GET"])
    check_routes(app)
    app.add_api_route("/{name}", lambda: {}, methods=["GET"])
    with pytest.raises(Unlisted, match="GET /{name} has no line"):
        check_routes(app)


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/compare/17", "/compare/{id}"),
        ("/v1/models/runs/latest", "/v1/models/{name}"),
        ("/v1/models/", None),
        ("/users/17/keys", None),
        ("/users/", None),
        ("//users", None),
        ("/USERS", None),
        ("/users/../health", None),
        ("/users\n", None),
        ("/static/../users", "/static/{file}"),
    ],
)
def test_a_path_fits_the_template_that_it_should(path: str, template: str | None) -> None:
    assert template_of(path) == template


def test_what_fits_no_line_tells_a_stranger_nothing(open_house: House) -> None:
    app = open_house.app
    assert {ask(app, "GET", path).status_code for path in ("/users", "/no-such-page", "/v1/nothing")} == {401}
    assert {ask(app, method, "/users").status_code for method in ("DELETE", "PATCH", "OPTIONS", "TRACE")} == {401}


def test_what_fits_no_line_is_not_found_by_those_who_are_known(open_house: House) -> None:
    app, key = open_house.app, open_house.key(open_house.user("anna"), "chat")
    assert ask(app, "GET", "/no-such-page", headers=bearing(key)).status_code == 404
    answer = ask(app, "DELETE", "/users", headers=bearing(key))
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_the_way_to_a_public_page_leads_to_no_other(open_house: House) -> None:
    app = open_house.app
    for path in ("/static/%2e%2e/users", "/health/../users", "/health%2f..%2fusers", "/health/", "/login/x"):
        assert ask(app, "GET", path).status_code in (200, 401, 404), path
        assert "actor" not in ask(app, "GET", path).text


def test_who_has_to_choose_a_password_can_do_nothing_else(open_house: House) -> None:
    app, new = open_house.app, open_house.user("new", "administrator", password=None)
    headers = within(open_house.session(new))
    got = {(method, path): ask(app, method, path, headers=headers).status_code for method, path in _plain_lines()}
    free = {line for line, status in got.items() if status == 200}
    assert free - {line for line in ROUTES if ROUTES[line].open} == {
        ("POST", "/logout"),
        ("GET", "/password"),
        ("POST", "/password"),
        ("POST", "/language"),
    }
    assert {status for line, status in got.items() if line not in free} == {403}


def _plain_lines() -> list[tuple[str, str]]:
    return [(method, path) for method, path in ROUTES if "{" not in path]


def test_each_role_begins_at_a_page_that_it_may_see() -> None:
    for role in ROLES:
        assert allowed(Principal("1", "x", role), "GET", home(role))


def test_a_caller_of_a_role_that_is_none_is_let_in_nowhere() -> None:
    nobody = Principal("1", "x", "superuser", scopes=None)
    assert [line for line, one in ROUTES.items() if not one.open and one.admits(nobody)] == []
