"""Signing in and out by pages, with the real users, sessions and record behind them."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from residency.serve.access import signin, users
from residency.serve.workspace.ask import router as ask
from residency.serve.workspace.session import router as session
from serve.workspace.ward import real

FORM = {"origin": "http://127.0.0.1", "accept": "text/html"}
GOOD = "four violet lanterns hum"


@pytest.fixture
def client(tmp_path):
    with real(tmp_path, session, ask) as app, TestClient(app, "http://127.0.0.1", follow_redirects=False) as client:
        yield client


def sign_in(client, name, password):
    return client.post("/login", data={"name": name, "password": password}, headers=FORM)


def token(client, address="/password"):
    return re.search(r'name="csrf" value="([^"]+)"', client.get(address).text)[1]


def chosen(client, new=GOOD, again=None, old=""):
    data = {"csrf": token(client), "old": old, "new": new, "again": again or new}
    return client.post("/password", data=data, headers=FORM)


def clinician(client, language=None):
    access = client.app.state.service.access
    name, key = client.app.state.first
    begun = signin.sign_in(access, name, key)
    boss = signin.change_password(access, begun.principal, old="", new=GOOD).principal
    user, once = users.make(access, boss, name="anna", role="clinician", language=language)
    entered = signin.sign_in(access, user.name, once)
    signin.change_password(access, entered.principal, old="", new=GOOD)


def test_the_first_key_leads_to_a_password_and_that_to_the_first_page_of_the_role(client):
    name, key = client.app.state.first
    assert sign_in(client, name, key).headers["location"] == "/password"
    page = client.get("/password").text
    assert "choose a password of your own" in page and 'name="old"' not in page and "<nav" not in page
    done = chosen(client)
    assert done.status_code == 303 and done.headers["location"] == "/users?done=password"
    assert "HttpOnly" in done.headers["set-cookie"] and 'href="/keys"' in client.get("/password").text
    client.cookies.clear()
    assert sign_in(client, name, key).status_code == 401
    assert sign_in(client, name, GOOD).headers["location"] == "/users"


@pytest.mark.parametrize(
    ("new", "again", "words"),
    [("xyzzy", None, "too short"), (GOOD, GOOD + "s", "not the same"), ("password1234", None, "common")],
)
def test_a_password_that_will_not_do_is_told_on_the_page_and_changes_nothing(client, new, again, words):
    name, key = client.app.state.first
    sign_in(client, name, key)
    reply = chosen(client, new, again)
    assert reply.status_code == 422 and words in reply.text and new not in reply.text
    assert client.get("/password").status_code == 200


def test_a_wrong_present_password_is_told_and_a_right_one_ends_the_other_sessions(client):
    clinician(client)
    sign_in(client, "anna", GOOD)
    other = dict(client.cookies)
    assert "present password is wrong" in chosen(client, GOOD + " twice", old="not this one").text
    assert chosen(client, GOOD + " twice", old=GOOD).headers["location"] == "/?done=password"
    assert "Your password is changed" in client.get("/?done=password").text
    client.cookies.clear()
    client.cookies.update(other)
    assert client.get("/").status_code == 401


def test_a_wrong_name_and_a_wrong_password_look_the_same_and_neither_comes_back(client):
    clinician(client)
    pages = [sign_in(client, name, "no such word") for name in ("anna", "nobody")]
    assert {page.status_code for page in pages} == {401}
    texts = [page.text.replace("anna", "X").replace("nobody", "X") for page in pages]
    assert texts[0] == texts[1] and "no such word" not in texts[0] and 'role="alert"' in texts[0]


def test_too_many_wrong_passwords_lock_and_say_when_to_come_back(client):
    clinician(client)
    replies = [sign_in(client, "anna", "no such word") for _ in range(6)]
    assert replies[-1].status_code == 429 and int(replies[-1].headers["retry-after"]) > 0
    assert sign_in(client, "anna", GOOD).status_code == 429


def test_who_signs_out_is_out(client):
    clinician(client)
    sign_in(client, "anna", GOOD)
    before = dict(client.cookies)
    reply = client.post("/logout", data={"csrf": token(client)}, headers=FORM)
    assert reply.headers["location"] == "/login?done=signed_out" and "Max-Age=0" in reply.headers["set-cookie"]
    assert "You are signed out." in client.get("/login?done=signed_out").text
    client.cookies.update(before)
    assert client.get("/").status_code == 401


def test_without_the_token_of_the_session_no_form_does_anything(client):
    clinician(client)
    sign_in(client, "anna", GOOD)
    assert client.post("/logout", data={"csrf": "x"}, headers=FORM).status_code == 403
    assert client.post("/ask", data={"question": "What helps?"}, headers=FORM).status_code == 403
    assert client.get("/").status_code == 200


def test_the_language_is_ones_own_from_the_next_page_on_and_only_pages_of_ours_are_gone_back_to(client):
    clinician(client)
    sign_in(client, "anna", GOOD)
    data = {"csrf": token(client), "language": "es"}
    reply = client.post("/language", data={**data, "back": "//evil.example/x"}, headers=FORM)
    assert reply.headers["location"] == "/"
    assert '<html lang="es">' in client.get("/").text
    reply = client.post("/language", data={**data, "language": "xx", "back": "/password"}, headers=FORM)
    assert reply.headers["location"] == "/password" and '<html lang="es">' in client.get("/password").text
    client.cookies.delete("language")
    assert '<html lang="es">' in client.get("/").text


def test_before_signing_in_a_link_chooses_the_language_and_the_browser_remembers_it(client):
    assert "Sign in" in client.get("/login").text
    assert "Iniciar sesión" in client.get("/login?language=es").text
    assert "Iniciar sesión" in client.get("/login").text
    client.cookies.clear()
    assert "Iniciar sesión" in client.get("/login", headers={"accept-language": "es-MX,es;q=0.9"}).text


def test_who_is_not_signed_in_gets_a_page_that_leads_to_the_door(client):
    reply = client.get("/", headers={"accept": "text/html"})
    assert reply.status_code == 401 and "Please sign in" in reply.text and reply.headers["refresh"].endswith("/login")
    assert client.get("/static/style.css").status_code == 200
    assert client.get("/static/pages/ask.html").status_code == 404
    assert client.get("/static/%2e%2e%2frender.py").status_code == 404
