"""The page for what went wrong: it says so in words, and always has a way back."""

from __future__ import annotations

import pytest

from residency.serve.app import create
from serve.scripted_engine import ScriptedEngine
from serve.service import made
from serve.workspace.signed import signed


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    with made(tmp_path_factory.mktemp("ward"), ScriptedEngine()) as service:
        yield service, create(service)


def test_the_way_back_is_the_page_that_one_came_from_or_ones_own_first_page(ward):
    anna, boss = signed(*ward, name="anna"), signed(*ward, "administrator", "boss")
    gone = anna.get("/applications/astrology")
    assert gone.status_code == 404 and '<a class="button" href="/">Back to: Ask</a>' in gone.text
    closed = boss.get("/note")
    assert closed.status_code == 403 and '<a class="button" href="/users">Back to: Users</a>' in closed.text
    late = anna.post("/tutor", {"topic": "x"})
    assert late.status_code == 409 and '<a class="button" href="/tutor">Back to: Tutor</a>' in late.text
    assert "Volver a: " in anna.get("/applications/astrology?language=es").text


def test_who_is_not_signed_in_is_led_to_the_door(ward):
    anna = signed(*ward, name="anna2")
    anna.client.cookies.clear()
    reply = anna.post("/note", {"note": "Fell."})
    assert reply.status_code == 401 and '<a class="button" href="/login">Sign in</a>' in reply.text
