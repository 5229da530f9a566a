"""An answer that a page carries through a change of language: the same, for its asker alone, asked for once."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from residency.serve.store.keys import Seal
from residency.serve.types import Principal, Refused
from residency.serve.workspace.ask import router as ask
from residency.serve.workspace.carried import again, carried
from residency.serve.workspace.session import router as session
from residency.serve.workspace.shown import Piece, Shown
from serve.scripted_engine import ScriptedEngine
from serve.workspace.test_ask import Shelf
from serve.workspace.test_session import FORM, GOOD, clinician, sign_in, token
from serve.workspace.ward import real

ANNA, BEN = Principal("u1", "anna", "clinician"), Principal("u2", "ben", "clinician")
SHOWN = Shown(
    (Piece("Gout hurts.", (1,)),), ({"id": "a#0", "text": "Gout hurts.", "page": None},), urgency="soon",
    quotes=(("a#0", "Gout hurts."),), used=1, missing=("x",), rules=("dosing.asked",), unread={"graph": "no"},
)  # fmt: skip


def test_what_is_kept_comes_back_as_it_was_and_cannot_be_read_on_the_way(tmp_path):
    seal = Seal(tmp_path)
    field = carried(seal, ANNA, {"question": "What of gout?"}, SHOWN)
    assert again(seal, ANNA, field) == ({"question": "What of gout?"}, SHOWN)
    assert "gout" not in field.lower() and carried(None, ANNA, {}, SHOWN) == ""


def test_it_opens_for_nobody_else_and_not_when_it_was_changed(tmp_path):
    seal = Seal(tmp_path)
    field = carried(seal, ANNA, {}, SHOWN)
    changed = f"{field[:60]}{'B' if field[60] == 'A' else 'A'}{field[61:]}"
    for who, one in ((BEN, field), (ANNA, changed), (ANNA, "???"), (ANNA, "é")):
        with pytest.raises(Refused):
            again(seal, who, one)
    with pytest.raises(Refused):
        again(None, ANNA, field)


@pytest.fixture
def client(tmp_path):
    engine = ScriptedEngine("Rest the joint.")
    made = real(tmp_path, session, ask, engines=[engine], about={"indexes": [Shelf()]})
    with made as app, TestClient(app, "http://127.0.0.1") as client:
        client.engine = engine
        clinician(client)
        sign_in(client, "anna", GOOD)
        yield client


def switched(client, page, **more):
    carried = re.search(r'name="answer" value="([^"]+)" form="language"', page)
    data = {"csrf": token(client), "language": "es", "back": "/ask", **more}
    return client.post("/language", data={**data, "answer": carried[1]} if carried else data, headers=FORM)


def test_a_change_of_language_keeps_question_and_answer_and_asks_nobody_again(client):
    asked = {"csrf": token(client), "question": "What helps my gout?", "way": "written"}
    page = client.post("/ask", data=asked, headers=FORM)
    number = re.search(r"[0-9a-f]{32}", page.text)[0]
    reply = switched(client, page.text)
    assert reply.status_code == 200 and '<html lang="es">' in reply.text
    assert "What helps my gout?" in reply.text and "Rest the joint." in reply.text and number in reply.text
    assert "Respuesta" in reply.text and len(client.engine.asked) == 1
    assert "gout" not in str(reply.url) and all("gout" not in str(one.url) for one in reply.history)


def test_a_question_that_is_only_typed_is_kept_and_not_asked(client):
    page = switched(client, "", back="/", typed="How is <gout> treated?").text
    assert '<html lang="es">' in page and "How is &lt;gout&gt; treated?" in page and 'id="answer-head"' not in page
    assert not client.engine.asked


def test_an_answer_that_does_not_open_is_refused_in_words(client):
    data = {"csrf": token(client), "language": "es", "answer": "forged"}
    reply = client.post("/ask", data=data, headers=FORM)
    assert reply.status_code == 422 and "could not be opened" in reply.text and not client.engine.asked
