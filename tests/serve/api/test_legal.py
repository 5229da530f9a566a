"""An error of a body says what is legal at its place: a range, the values, a type; never a word of what was sent."""

from __future__ import annotations

from typing import Any

import pytest

from serve.api.api_app import api, call, chat
from serve.scripted_engine import ScriptedEngine

ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "a"}]}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"temperature": -3}, "temperature is not legal; legal is: a number from 0 to 2"),
        ({"temperature": "many"}, "temperature is not legal; legal is: a number from 0 to 2"),
        ({"max_tokens": "many"}, "max_tokens is not legal; legal is: a whole number from 1 to 1 000 000"),
        ({"messages": []}, "messages is not legal; legal is: a list of 1 to 2 000 entries"),
        ({"residency": {"kind": "x"}}, "legal is: one of: chat, clinician, patient, tutor, note"),
        ({"store": True}, "store is not legal; legal is: false"),
        ({"logit_bias": {"7": 900}}, "legal is: a number from -100 to 100"),
        ({"stream": 3}, "stream is not legal; legal is: true or false"),
        ({"stop": [1]}, "legal is: a text or a list of at most 4 entries"),
        ({"messages": [{"role": "nurse", "content": "a"}]}, "legal are: system, developer, user, assistant, tool"),
        ({"messages": [{"role": "user", "content": 5}]}, "a text of at most 1 000 000 characters or a list"),
    ],
)
def test_an_error_says_what_is_legal(more: dict[str, Any], says: str):
    reply = call(api(ScriptedEngine()), "POST", "/v1/chat/completions", json={**ASK, **more})
    assert reply.status_code == 400
    assert says in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("classify", {"text": "a", "labels": []}, "labels is not legal; legal is: a list of 2 to 32 entries"),
        ("classify", {"text": "a", "labels": ["x", "x"]}, "labels is not legal: a label is there twice"),
        ("extract", {"text": "a", "codes": ["snomed"]}, "codes.0 is not legal; legal is: one of: graph, icd10"),
        ("extract", [], "the body is not legal; legal is: an object"),
        ("answer", {"question": " "}, "question is not legal: empty"),
        ("summarise", {"notes": [{"text": "a", "date": "today"}]}, r"a text of the form ^\d{4}-\d{2}-\d{2}$"),
    ],
)
def test_so_does_one_of_a_medical_body(name: str, body: Any, says: str):
    reply = call(api(ScriptedEngine()), "POST", f"/v1/medical/{name}", json=body)
    assert reply.status_code == 400
    assert says in reply.json()["error"]["message"]


def test_a_body_that_is_too_large_is_told_the_limit():
    reply = chat(api(ScriptedEngine(), most_body=2000), "a" * 5000)
    assert (reply.status_code, "2000 bytes" in reply.json()["error"]["message"]) == (413, True)
