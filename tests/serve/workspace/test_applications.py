"""The applications on the real app: listed with what proves them, used by a form, unproven ones by a click."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from residency.serve.app import create
from residency.serve.apps import load
from residency.serve.guard import Guard
from residency.serve.store.tables import RECORD
from residency.serve.types import Busy, Down
from residency.serve.workspace.replies import loose, parts_of, written
from residency.serve.workspace.used import given_as, handed
from residency.serve.workspace.words import LANGUAGES, words
from serve.scripted_engine import ScriptedEngine
from serve.service import made
from serve.workspace.signed import signed
from serve.workspace.test_note import NOTE, STRUCTURE

ROW = {"task": "aci_bench", "metric": "rouge_l", "value": 0.61, "low": 0.55, "high": 0.67, "n": 240}


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    engines = [ScriptedEngine(json.dumps(STRUCTURE), name=name) for name in ("ward-small", "ward-large")]
    folder = tmp_path_factory.mktemp("ward")
    with made(folder, *engines) as service:
        row = {**ROW, "model": "tuned", "protocol": {"model_hash": engines[1].hash}}
        (folder / "ledger.json").write_text(json.dumps({"rows": [row]}), encoding="utf-8")
        service.about["ledgers"] = [folder / "ledger.json"]
        yield service, create(service), engines


@pytest.fixture
def anna(ward, request):
    service, app, _ = ward
    return signed(service, app, name=f"anna{abs(hash(request.node.name))}")


def test_all_eleven_are_listed_and_what_measured_each_is_said_for_the_model_at_hand(anna):
    text = anna.get("/applications").text
    assert text.count('<a href="/applications/') == 11 and text.count("unproven</span>") == 11
    text = anna.post("/applications", {"model": "ward-large"}).text
    assert text.count("unproven</span>") == 10 and "0.610 (0.550 – 0.670)" in text and "240 items" in text


def test_one_that_is_proven_needs_no_click_and_one_that_is_not_does(anna, ward):
    reply = anna.post("/applications/structure", {"note": NOTE})
    assert reply.status_code == 409 and "tick the box" in reply.text and NOTE in reply.text
    assert not ward[2][0].asked
    reply = anna.post("/applications/structure", {"note": NOTE, "model": "ward-large"})
    assert reply.status_code == 200 and "No fracture on X-ray." in reply.text
    assert anna.post("/applications/structure", {"note": NOTE, "unproven": "yes"}).status_code == 200


def test_a_field_that_is_wrong_is_named_in_the_readers_words_and_what_was_filled_in_stays(anna):
    form = {"complaint": "cough", "age": "700", "sex": "female", "unproven": "yes"}
    reply = anna.post("/applications/triage", form)
    assert reply.status_code == 400 and "a number from 0 to 120 is needed" in reply.text
    assert 'value="700"' in reply.text and ">\ncough</textarea>" in reply.text
    spanish = anna.post("/applications/triage?language=es", form)
    assert "hace falta un número de 0 a 120" in spanish.text
    long = anna.post("/applications/coding", {"note": "x" * 40_100, "unproven": "yes"})
    assert long.status_code == 400 and "hay 40\u202f100 caracteres, y se admiten 40\u202f000" in long.text
    assert "x" * 40_100 in long.text


def test_a_questionnaire_is_answered_in_its_own_words_and_what_it_lacks_is_said_with_the_answers_kept(anna):
    text = anna.get("/applications/screening").text
    assert '<option value="3">Nearly every day (3)</option>' in text and "10 or more (4)" in text
    assert 'type="number"' not in text
    reply = anna.post("/applications/screening", {"audit_1": "4", "audit_3": "2", "unproven": "yes"})
    assert reply.status_code == 400 and "AUDIT-C is not scored; items without an answer: 2." in reply.text
    assert '<option value="4" selected>4 or more times a week (4)</option>' in reply.text
    assert "casi todos los días" in anna.get("/applications/screening?language=es").text.lower()


@pytest.mark.parametrize(("error", "status"), [(Busy(3), 429), (Down(4), 503)])
def test_a_model_that_is_busy_or_down_leaves_what_was_filled_in(anna, ward, error, status):
    engine = ward[2][0]
    kept, engine.script = engine.script, lambda body: error
    try:
        reply = anna.post("/applications/structure", {"note": NOTE, "unproven": "yes"})
    finally:
        engine.script = kept
    assert reply.status_code == status and NOTE in reply.text and reply.headers["retry-after"]


def test_an_answer_that_nobody_signs_is_marked_as_one_to_be_checked(anna):
    text = anna.get("/applications").text
    assert text.count(">To be checked</span>") == 2 and text.count(">Draft</span>") == 9


def test_the_draft_of_a_screening_says_what_was_answered_in_words():
    one = load()["screening"]
    text = given_as(one, {"sex": "female", "phq_1": "3", "phq_2": ""}, "en")
    assert "Sex (AUDIT-C has a limit for each): female" in text and text.endswith("doing things: Nearly every day (3)")
    assert "Edad: 3 años" in given_as(load()["triage"], {"complaint": "Tos", "age": "3"}, "es")
    assert given_as(load()["coding"], {"note": "Asthma."}, "en") == "Asthma."


def test_a_rule_answers_thoughts_of_self_harm_at_once_and_the_hand_over_waits_for_a_signature(anna, ward):
    before = [len(engine.asked) for engine in ward[2]]
    reply = anna.post("/applications/screening", {"phq_9": "2", "unproven": "yes"})
    assert "See the patient today" in reply.text and 'class="urgency urgent"' in reply.text
    assert [len(engine.asked) for engine in ward[2]] == before and ">Draft</span>" not in reply.text
    assert "988" in reply.text and "This hand-over waits in the review queue" in reply.text
    waits = anna.get("/review/" + reply.text.partition('href="/review/')[2][:32]).text
    assert "A hand-over: no model answered" in waits and "See the patient today" in waits
    assert 'class="urgency urgent"' in waits and "How sure the model is" not in waits


def test_thoughts_of_self_harm_need_no_click(anna, ward):
    reply = anna.post("/applications/screening", {"phq_9": "1"})
    assert reply.status_code == 200 and "See the patient today" in reply.text and 'href="/review/' in reply.text
    assert anna.post("/applications/screening", {"phq_9": "0", "phq_1": "1", "phq_2": "1"}).status_code == 409
    assert anna.post("/applications/screening", {"phq_9": "7"}).status_code in (400, 409)


@pytest.mark.parametrize("more", [{"temperature": "98.6", "unproven": "yes"}, {"age": "-4", "unproven": "yes"}, {}])
def test_what_is_urgent_is_said_beside_what_is_wrong_in_the_form_and_is_on_record(anna, ward, more):
    complaint = "Crushing chest pain going into the left arm, sweating."
    guard, ward[0].flow.guard = ward[0].guard, Guard()
    ward[0].guard = ward[0].flow.guard
    try:
        reply = anna.post("/applications/triage", {"complaint": complaint, **more})
        calm = anna.post("/applications/triage", {"complaint": "A cough.", **more})
    finally:
        ward[0].guard = ward[0].flow.guard = guard
    assert reply.status_code in (400, 409) and 'class="urgency emergency"' in reply.text and complaint in reply.text
    assert calm.status_code == reply.status_code and "urgency emergency" not in calm.text
    with ward[0].database.connect() as connection:
        last = connection.execute(select(RECORD.c.body).order_by(RECORD.c.seq.desc()).limit(1)).scalar_one()
    assert '"urgency":"emergency"' in last and '"decision":"answered by rule"' in last


def test_what_can_wait_or_was_declined_is_not_put_into_the_queue():
    told = {"reply": None, "decision": "abstained", "urgency": "urgent"}
    assert handed(told) and handed(told | {"decision": "answered by rule", "urgency": "emergency"})
    assert not handed(told | {"urgency": "soon"}) and not handed(told | {"decision": "refused"})
    assert not handed(told | {"reply": {}})


def test_an_application_that_there_is_not_is_not_found(anna):
    assert anna.get("/applications/astrology").status_code == 404
    assert anna.post("/applications/astrology", {"x": "y"}).status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_of_every_reply_and_every_group_of_fields_has_words(language):
    def keys(schema):
        for key, one in schema.get("properties", {}).items():
            yield key
            yield from keys(one)
        if "items" in schema:
            yield from keys(schema["items"])

    t, found = words(language), load().values()
    assert not [key for one in found for key in keys(one.schema) if not t.has(f"reply.{key}")]
    assert not [f.group for one in found for f in one.inputs.values() if f.group and not t.has(f"group.{f.group}")]


def test_a_reply_is_written_as_the_text_of_a_draft_and_its_marks_stand_by_their_lines():
    t = words("en")
    reply = {"plan": ["Rest", ""], "codes": [{"diagnosis": "Gout", "code": "M10.9"}], "history": "", "own_key": True}
    text = written(reply, t)
    assert "Plan:\n- Rest\n" in text and "- Gout; code: M10.9" in text and "History:\nNothing was put here" in text
    assert "Own key:\nyes" in text
    marks = [{"at": "codes[0].code", "says": "broad"}, {"at": "plan[1]", "says": "empty"}, {"at": "", "says": "all"}]
    plan, codes, *_ = parts_of(reply, marks, t)
    assert codes.lines[0].marks == ("broad",) and plan.marks == ("empty",) and not plan.lines[0].marks


def test_a_mark_whose_sentence_does_not_stand_beside_it_says_which_or_that_it_was_taken_out():
    marks = [{"at": "answer", "says": "not given", "text": "Metformin cures gout.", "removed": True},
             {"at": "plan", "says": "not given", "text": "Rest.", "removed": False},
             {"at": "", "says": "not taken up: Rest.", "text": "Rest."}]  # fmt: skip
    answer, plan = parts_of({"answer": "", "plan": []}, marks, words("en"))
    assert answer.marks == ("a sentence was taken out: not given",) and plan.marks == ("Rest. (not given)",)
    assert loose({}, marks[2:], words("en")) == ["not taken up: Rest."]
