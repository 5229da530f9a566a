"""The door: hosts, forms of other sites, the headers of every reply, and errors that say nothing they should not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from sqlalchemy.exc import OperationalError
from starlette.routing import WebSocketRoute

from residency.serve.access.dependency import Caller, guarded
from residency.serve.access.replies import POLICY
from residency.serve.types import Busy, Down, Refused, Unrecorded
from serve.access.house import HOME, House, ask, bearing, house, within

SECRET = "Mrs Tulliver has a cough"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def app_of(home: House, **routes: Any) -> FastAPI:
    """Return an app whose POST /note, GET /note and so on are the functions given."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for name, route in routes.items():
        method, _, path = name.partition("_")
        app.add_api_route(f"/{path.replace('_', '/')}", route, methods=[method.upper()], response_model=None)
    return guarded(app, home.access)


# --- who asks under which name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8000", "localhost", "LOCALHOST:99", "[::1]", "[::1]:8000", "localhost."]
)
def test_on_loopback_the_names_of_loopback_are_answered(open_house: House, host: str) -> None:
    assert ask(open_house.app, "GET", "/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example",
        "127.0.0.1.example",
        "localhost@evil.example",
        "evil.example#localhost",
        "",
        "127.0.0.1:x",
        "local host",
    ],
)
def test_a_name_that_another_site_pointed_at_loopback_is_refused(open_house: House, host: str) -> None:
    for path in ("/health", "/login", "/note", "/v1/models"):
        assert ask(open_house.app, "GET", path, headers={"host": host}).status_code == 400


def test_two_hosts_are_refused(open_house: House) -> None:
    twice = [(b"host", b"127.0.0.1"), (b"host", b"127.0.0.1")]
    assert raw(open_house.app, "GET", "/health", twice)[0]["status"] == 400


def test_behind_a_proxy_any_name_is_answered_that_is_one(tmp_path: Path) -> None:
    with house(tmp_path, proxy=True) as home:
        assert ask(home.app, "GET", "/health", headers={"host": "ai.ward.example"}).status_code == 200
        assert ask(home.app, "GET", "/health", headers={"host": "ai.ward.example/x"}).status_code == 400


def test_with_a_certificate_its_names_are_answered(tmp_path: Path) -> None:
    certificate = made_certificate(tmp_path / "cert.pem", "ai.ward.example", "*.clinic.example", "10.1.2.3")
    with house(tmp_path / "s", host="0.0.0.0", certificate=certificate) as home:
        answered = {
            host: ask(home.app, "GET", "/health", headers={"host": host}).status_code == 200
            for host in (
                "ai.ward.example:8443",
                "x.clinic.example",
                "10.1.2.3",
                "localhost",
                "a.b.clinic.example",
                "clinic.example",
                "0.0.0.0",
                "ward.example",
                "10.1.2.4",
            )
        }
    assert list(answered.values()) == [True] * 4 + [False] * 5


def made_certificate(path: Path, *names: str) -> Path:
    """Write a certificate for some names, signed by itself."""
    import ipaddress
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key, name = Ed25519PrivateKey.generate(), x509.Name([])
    found = [x509.IPAddress(ipaddress.ip_address(one)) if one[0].isdigit() else x509.DNSName(one) for one in names]
    start = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=1))
    signed = builder.add_extension(x509.SubjectAlternativeName(found), critical=True).sign(key, None)
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return path


# --- forms of ours and of others --------------------------------------------------------------------------------------


def test_a_form_brings_the_token_of_its_session_and_arrives_whole(open_house: House) -> None:
    token, csrf = open_house.session(open_house.user("anna"))
    answer = ask(
        open_house.app, "POST", "/note", headers={"cookie": f"session={token}"}, data={"csrf": csrf, "note": SECRET}
    )
    assert answer.json()["form"] == {"csrf": csrf, "note": SECRET}


def test_a_form_with_a_file_arrives_whole(open_house: House) -> None:
    async def read(request: Request, who: Caller) -> dict[str, Any]:
        form = await request.form()
        file: Any = form["file"]
        return {"name": file.filename, "size": len(await file.read()), "csrf": form["csrf"], "who": who.name}

    token, csrf = open_house.session(open_house.user("anna"))
    answer = ask(
        app_of(open_house, post_note=read),
        "POST",
        "/note",
        headers={"cookie": f"session={token}"},
        data={"csrf": csrf},
        files={"file": ("note.txt", b"x" * 300_000)},
    )
    assert answer.json() == {"name": "note.txt", "size": 300_000, "csrf": csrf, "who": "anna"}


def test_a_script_brings_the_token_in_a_header(open_house: House) -> None:
    session = open_house.session(open_house.user("anna"))
    assert ask(open_house.app, "POST", "/ask", headers=within(session), json={"question": "?"}).status_code == 200


def forgeries(home: House) -> dict[str, dict[str, Any]]:
    token, csrf = home.session(home.user("anna"))
    other = home.session(home.user("mallory"))[1]
    cookie = {"cookie": f"session={token}"}
    return {
        "no token": {"headers": cookie, "data": {"note": "x"}},
        "no body": {"headers": cookie},
        "an empty token": {"headers": cookie, "data": {"csrf": ""}},
        "an empty header": {"headers": cookie | {"x-csrf-token": ""}},
        "another's token": {"headers": cookie, "data": {"csrf": other}},
        "a file as the token": {"headers": cookie, "files": {"csrf": ("f", csrf.encode())}},
        "the token in JSON": {"headers": cookie, "json": {"csrf": csrf}},
        "the token as plain text": {"headers": cookie | {"content-type": "text/plain"}, "content": f"csrf={csrf}"},
        "the token in the address": {"headers": cookie, "params": {"csrf": csrf}},
        "a broken form": {"headers": cookie | {"content-type": "multipart/form-data"}, "content": f"csrf={csrf}"},
        "two forms": {
            "headers": cookie | {"content-type": "multipart/form-data; boundary=x"},
            "content": b"--x\r\n\r\n",
        },
        "a foreign page": {"headers": cookie | {"origin": "http://evil.example"}, "data": {"csrf": csrf}},
        "a page of another port": {"headers": cookie | {"origin": f"{HOME}:99"}, "data": {"csrf": csrf}},
        "a page without a name": {"headers": cookie | {"origin": "null"}, "data": {"csrf": csrf}},
        "a foreign page by fetch": {"headers": cookie | {"sec-fetch-site": "cross-site"}, "data": {"csrf": csrf}},
        "a sister site": {"headers": cookie | {"sec-fetch-site": "same-site"}, "data": {"csrf": csrf}},
        "a token that is no text": {
            "headers": [(b"cookie", cookie["cookie"].encode()), (b"x-csrf-token", b"\xff\x00")]
        },
    }


def test_what_another_site_makes_a_browser_send_changes_nothing(open_house: House) -> None:
    called: list[str] = []

    async def note(who: Caller) -> None:
        called.append(who.name)

    app = app_of(open_house, post_note=note)
    got = {what: ask(app, "POST", "/note", **how).status_code for what, how in forgeries(open_house).items()}
    assert got == dict.fromkeys(got, 403)
    assert called == []


def test_the_same_request_of_our_own_page_is_let_in(open_house: House) -> None:
    token, csrf = open_house.session(open_house.user("anna"))
    headers = {"cookie": f"session={token}", "origin": HOME, "sec-fetch-site": "same-origin"}
    assert ask(open_house.app, "POST", "/note", headers=headers, data={"csrf": csrf}).status_code == 200


def test_nobody_is_signed_in_by_a_foreign_form(open_house: House) -> None:
    assert ask(open_house.app, "POST", "/login", data={"name": "mallory"}).status_code == 200
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert ask(open_house.app, "POST", "/login", headers=headers).status_code == 403


def test_over_tls_a_plain_page_of_the_same_name_is_a_foreign_one(tmp_path: Path) -> None:
    with house(tmp_path, proxy=True) as home:
        session = home.session(home.user("anna"))
        headers = within(session, name="__Host-session") | {"host": "ai.ward.example"}
        for origin, status in (("https://ai.ward.example", 200), ("http://ai.ward.example", 403)):
            assert ask(home.app, "POST", "/ask", headers=headers | {"origin": origin}, json={}).status_code == status


def test_a_key_needs_no_token_since_no_browser_sends_it_by_itself(open_house: House) -> None:
    key = open_house.key(open_house.user("anna"), "chat")
    headers = bearing(key) | {"origin": "http://elsewhere.example"}
    answer = ask(open_house.app, "POST", "/v1/chat/completions", headers=headers, json={})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_form_beyond_the_largest_body_is_cut_off(tmp_path: Path) -> None:
    with house(tmp_path, most_body=10_000) as home:
        token, csrf = home.session(home.user("anna"))
        read = []

        async def endless() -> AsyncIterator[bytes]:
            yield f"csrf={csrf}&note=".encode()
            for _ in range(1000):
                read.append(1)
                yield b"x" * 1000

        headers = {"cookie": f"session={token}"} | FORM
        messages = raw(home.app, "POST", "/note", header_list(headers), body=endless())
        assert messages[0]["status"] == 413
        assert len(read) < 15


def test_a_form_that_breaks_off_reaches_no_route(open_house: House) -> None:
    token, _ = open_house.session(open_house.user("anna"))
    headers = header_list({"cookie": f"session={token}"} | FORM)
    assert raw(open_house.app, "POST", "/note", headers, body=None) == []


# --- the headers of a reply -------------------------------------------------------------------------------------------


def test_every_reply_carries_the_headers_that_browsers_hold_to(open_house: House) -> None:
    async def fails(who: Caller) -> None:
        raise RuntimeError(SECRET)

    headers = within(open_house.session(open_house.user("anna")))
    app = app_of(open_house, get_note=fails)
    answers = [
        ask(open_house.app, "GET", "/health"),
        ask(open_house.app, "GET", "/note", headers=headers),
        ask(open_house.app, "GET", "/note"),
        ask(open_house.app, "GET", "/users", headers=headers),
        ask(open_house.app, "GET", "/nowhere", headers=headers),
        ask(open_house.app, "GET", "/note", headers=headers | {"host": "evil.example"}),
        ask(app, "GET", "/note", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 401, 403, 404, 400, 500]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers


def test_the_policy_lets_nothing_in_from_elsewhere_and_no_script_in_a_page() -> None:
    rules = dict(rule.strip().partition(" ")[::2] for rule in POLICY.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert {rules[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert "unsafe" not in POLICY and "http" not in POLICY


def test_over_tls_browsers_are_told_to_keep_to_it(tmp_path: Path) -> None:
    with house(tmp_path, proxy=True) as home:
        assert ask(home.app, "GET", "/health").headers["strict-transport-security"] == "max-age=31536000"


def test_no_page_is_kept_by_a_browser_but_its_style_may_be(open_house: House) -> None:
    async def kept() -> Response:
        return HTMLResponse("", headers={"cache-control": "public, max-age=9"})

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for path in ("/static/{file}", "/login"):
        app.add_api_route(path, kept, methods=["GET"])
    app = guarded(app, open_house.access)
    got = [ask(app, "GET", path).headers.get_list("cache-control") for path in ("/static/a.css", "/login")]
    assert got == [["public, max-age=9"], ["no-store"]]


def test_nothing_that_was_sent_comes_back_in_a_header(open_house: House) -> None:
    evil = "x\r\nset-cookie: session=planted"
    for path in ("/%0d%0aset-cookie:%20a=b", "/compare/%0d%0aset-cookie:%20a=b", "/v1/models/%0aset-cookie:%20a=b"):
        answer = ask(open_house.app, "GET", path, params={"next": evil})
        assert "set-cookie" not in answer.headers
        assert "planted" not in str(answer.headers) + answer.text
    headers = [(b"cookie", b"session=" + b"A" * 43 + b"\r\nset-cookie: a=b"), (b"x-csrf-token", evil.encode())]
    for message in raw(open_house.app, "POST", "/note", [(b"host", b"localhost"), *headers]):
        for name, value in message.get("headers", []):
            assert not {10, 13} & set(name + value)
            assert name != b"set-cookie"


# --- who is not let in ------------------------------------------------------------------------------------------------


def test_a_program_is_refused_in_the_shape_that_it_reads(open_house: House) -> None:
    answer = ask(open_house.app, "GET", "/v1/models")
    assert answer.headers["www-authenticate"] == 'Bearer realm="residency"'
    assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
    assert "refresh" not in answer.headers


def test_a_browser_is_led_to_where_one_signs_in(open_house: House) -> None:
    answer = ask(open_house.app, "GET", "/note", headers={"accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["refresh"]) == (401, "0; url=/login")
    assert answer.headers["content-type"].startswith("text/html")


def test_pages_of_refusals_are_those_that_the_door_was_given(open_house: House) -> None:
    def page(request: Request, status: int, headers: Any = None) -> Response:
        known = getattr(request.state, "principal", None)
        return HTMLResponse(f"{status} {known.name if known else 'stranger'}", status, headers)

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/users", lambda: {}, methods=["GET"])
    app = guarded(app, open_house.access, page=page)
    headers = within(open_house.session(open_house.user("anna")))
    assert ask(app, "GET", "/users", headers=headers).text == "403 anna"
    assert ask(app, "GET", "/users").text == "401 stranger"


def test_a_refusal_by_role_is_on_record_but_a_flood_of_them_is_not(open_house: House) -> None:
    key = open_house.key(open_house.user("anna"), "chat")
    for _ in range(9):
        ask(open_house.app, "GET", "/ledger/1234", headers=bearing(key))
    entries = open_house.record("denied")
    assert 6 <= len(entries) <= 7
    assert "/ledger/{id}" in entries[0]["body"] and "/1234" not in entries[0]["body"]


def test_where_the_database_is_gone_nobody_is_let_in(open_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    key = open_house.key(open_house.user("anna"), "chat")

    def gone(*_: object) -> None:
        raise OperationalError("SELECT secret", {}, Exception(SECRET))

    monkeypatch.setattr("residency.serve.access.keys.look_up", gone)
    answer = ask(open_house.app, "POST", "/v1/chat/completions", headers=bearing(key))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert SECRET not in answer.text and "SELECT" not in answer.text
    assert ask(open_house.app, "GET", "/health").status_code == 200


@pytest.mark.parametrize(
    ("error", "status", "after"),
    [
        (Unrecorded(), 503, "5"),
        (Busy(7), 429, "7"),
        (Down(9), 503, "9"),
        (Refused("too long", status=400, code="context_length_exceeded"), 400, None),
        (RuntimeError(SECRET), 500, None),
        (UnicodeEncodeError("utf-8", SECRET, 0, 1, SECRET), 500, None),
    ],
)
def test_an_error_that_no_route_caught_is_a_plain_reply(
    open_house: House, caplog: pytest.LogCaptureFixture, error: Exception, status: int, after: str | None
) -> None:
    async def fails(who: Caller) -> None:
        raise error

    app = app_of(open_house, post_v1_embeddings=fails)
    key = open_house.key(open_house.user("anna"), "embed")
    with caplog.at_level(logging.DEBUG):
        answer = ask(app, "POST", "/v1/embeddings", headers=bearing(key), json={"input": SECRET})
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, after)
    assert SECRET not in answer.text + caplog.text
    assert "Traceback" not in answer.text + caplog.text
    if status == 500:
        assert f"{type(error).__name__} in POST /v1/embeddings at test_dependency.py:" in caplog.text


def test_an_error_in_mid_stream_breaks_off_and_its_words_are_in_no_log(
    open_house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"data: one\n\n"
        raise RuntimeError(SECRET)

    async def stream(who: Caller) -> Response:
        return StreamingResponse(pieces(), media_type="text/event-stream")

    app = app_of(open_house, post_ask=stream)
    headers = header_list(within(open_house.session(open_house.user("anna"))))
    messages = raw(app, "POST", "/ask", headers, fails=True)
    assert messages[0]["status"] == 200
    assert not any(message.get("more_body") is False for message in messages)  # no end: clients see it as broken off
    assert "RuntimeError in POST /ask" in caplog.text
    assert SECRET not in caplog.text


def test_a_stream_goes_out_piece_by_piece(open_house: House) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(3):
            yield f"data: {number}\n\n".encode()

    async def stream(who: Caller) -> Response:
        return StreamingResponse(pieces(), media_type="text/event-stream")

    app = app_of(open_house, post_ask=stream)
    messages = raw(app, "POST", "/ask", header_list(within(open_house.session(open_house.user("anna")))))
    assert [message["body"] for message in messages[1:4]] == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"]


def test_there_are_no_web_sockets(open_house: House) -> None:
    app = app_of(open_house)
    app.router.routes.append(WebSocketRoute("/socket", lambda socket: None))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app({"type": "websocket", "path": "/socket", "headers": []}, None, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]


# --- a request without a client's help --------------------------------------------------------------------------------


def header_list(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"127.0.0.1"), *((name.encode(), value.encode()) for name, value in headers.items())]


def raw(
    app: Any,
    method: str,
    path: str,
    headers: list[tuple[bytes, bytes]],
    *,
    body: AsyncIterator[bytes] | bytes | None = b"",
    fails: bool = False,
) -> list[dict[str, Any]]:
    """Return what an app sends in answer to just these headers; a body that is None breaks off."""
    sent: list[dict[str, Any]] = []
    given: list[bool] = []

    async def receive() -> dict[str, Any]:
        if body is None:
            return {"type": "http.disconnect"}
        if given:
            await asyncio.Event().wait()  # until the client goes
        if isinstance(body, bytes):
            given.append(True)
            return {"type": "http.request", "body": body, "more_body": False}
        piece = await anext(body, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }
    scope |= {
        "client": ("127.0.0.1", 5),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "root_path": "",
        "http_version": "1.1",
    }
    try:
        asyncio.run(app(scope, receive, send))
    except Exception as error:
        assert fails and SECRET not in str(error)
    return sent
