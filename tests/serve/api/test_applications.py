"""/v1/applications: offered with their proof, and asked; what is unproven needs to be said, and is on record."""

import json

import pytest

from residency.serve.api.medical_bodies import ApplicationReply
from residency.serve.api.schemas import Residency
from serve.api.api_app import api, call
from serve.scripted_engine import ScriptedEngine

TRIAGE = json.dumps({"urgency": "routine", "red_flags": [], "reason": "a mild cold", "next_step": "see a doctor"})


@pytest.fixture
def app():
    return api(ScriptedEngine(lambda said: TRIAGE, name="scripted"))


def test_they_are_listed_with_their_fields_and_without_a_score_as_unproven(app):
    found = call(app, "GET", "/v1/applications?language=es").json()["data"]
    assert len(found) == 11 and all(one["unproven"] and one["proof"] is None for one in found)
    assert {"triage", "discharge", "tutor", "coding"} <= {one["id"] for one in found}


def test_one_that_is_unproven_is_refused_until_that_is_said(app):
    fields = {"complaint": "I have had a cold for two days."}
    refused = call(app, "POST", "/v1/applications/triage", json={"fields": fields})
    assert refused.status_code == 409 and "unproven" in refused.json()["error"]["message"]
    assert not app.state.record.entries


def test_one_that_is_asked_knowingly_is_answered_and_on_record_once(app):
    fields = {"complaint": "I have had a cold for two days.", "age": 40}
    reply = call(app, "POST", "/v1/applications/triage", json={"fields": fields, "unproven": True})
    assert reply.status_code == 200, reply.text
    told = reply.json()
    assert told["application"] == "triage" and told["version"] == 1 and told["draft"] in (True, False)
    assert told["residency"] == {name: told[name] for name in Residency.model_fields}
    assert set(told) == set(ApplicationReply.model_fields) and told["residency"]["seq"] == 1
    (entry,) = app.state.record.entries
    assert entry.kind == "request" and entry.request == told["request"] and "cold" not in json.dumps(entry.body)


def test_unknown_names_keys_and_fields_are_refused_without_their_words(app):
    assert call(app, "POST", "/v1/applications/nosuch", json={"fields": {}, "unproven": True}).status_code == 404
    body = {"fields": {"nosuch": "secret words"}, "unproven": True}
    wrong = call(app, "POST", "/v1/applications/triage", json=body)
    assert wrong.status_code in (400, 422) and "secret" not in wrong.text
    assert call(app, "POST", "/v1/applications/triage", json={"field": {}}).status_code == 400
