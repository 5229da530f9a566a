"""Two models side by side: blind until a choice is made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from residency.serve.guard import Guard
from residency.serve.types import Busy
from serve.scripted_engine import ScriptedEngine
from serve.workspace.desk_app import Ward, ward, words_of

ROUTES = ("first", "second", "tie", "neither")


def engines() -> list[ScriptedEngine]:
    return [ScriptedEngine("Sleep well.", name="smallish"), ScriptedEngine("Drink tea.", name="largish")]


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Ward]:
    with ward(tmp_path, engines=engines()) as one:
        yield one


def asked(clinic: Ward, question: str = "What helps with a cold?") -> str:
    reply = clinic.send("ana", "/compare", question=question)
    assert reply.status_code == 303
    return reply.headers["location"]


def test_both_models_are_asked_and_each_answer_is_on_record(clinic: Ward) -> None:
    page = clinic.see("ana", asked(clinic))
    assert "Sleep well." in page.text
    assert "Drink tea." in page.text
    requests = [json.loads(row["body"]) for row in clinic.house.record("request")]
    assert {body["model"] for body in requests} == {"smallish", "largish"}
    (comparison,) = clinic.house.record("comparison")
    assert len(set(json.loads(comparison["body"])["requests"])) == 2


def test_no_page_names_a_model_before_the_choice(clinic: Ward) -> None:
    address = asked(clinic)
    for path in (address, "/compare"):
        page = clinic.see("ana", path).text
        assert "smallish" not in page
        assert "largish" not in page
        assert not any(engine.hash[:6] in page for engine in clinic.service.engines.values())


@pytest.mark.parametrize("choice", ROUTES)
def test_after_the_choice_each_answer_has_its_name(clinic: Ward, choice: str) -> None:
    address = asked(clinic)
    assert clinic.send("ana", address, choice=choice).status_code == 303
    first, _, second = words_of(clinic.see("ana", address)).partition("Answer B")
    assert ("smallish" in first) == ("Sleep well." in first)
    assert ("smallish" in second) == ("Sleep well." in second)
    assert ("largish" in second) == ("Drink tea." in second)


def test_the_heading_asks_before_the_choice_and_answers_after_it(clinic: Ward) -> None:
    address = asked(clinic)
    assert "<h1>Which answer is better?</h1>" in clinic.see("ana", address).text
    clinic.send("ana", address, choice="neither")
    assert "<h1>Neither was good.</h1>" in clinic.see("ana", address).text


def test_a_choice_stands(clinic: Ward) -> None:
    address = asked(clinic)
    clinic.send("ana", address, choice="tie")
    reply = clinic.send("ana", address, choice="first")
    assert reply.status_code == 409
    assert "Both were equally good." in words_of(reply)
    assert len(clinic.house.record("choice")) == 1


def test_a_choice_is_one_of_four(clinic: Ward) -> None:
    reply = clinic.send("ana", asked(clinic), choice="mine")
    assert reply.status_code == 400
    assert "largish" not in reply.text


def test_choices_are_counted(clinic: Ward) -> None:
    address = asked(clinic)
    left = words_of(clinic.see("ana", address)).partition("Answer B")[0]
    clinic.send("ana", address, choice="first" if "Drink tea." in left else "second")
    said = words_of(clinic.see("ana", "/compare"))
    assert "1 : 0" in said
    assert "1.00 (0.21 – 1.00)" in said  # Wilson, one of one


@pytest.mark.parametrize("question", ["", "   ", "x" * 8001])
def test_a_question_has_words_and_not_too_many(clinic: Ward, question: str) -> None:
    reply = clinic.send("ana", "/compare", question=question)
    assert reply.status_code == 422
    assert not clinic.house.record("request")


def test_where_a_rule_speaks_there_is_nothing_to_compare(clinic: Ward) -> None:
    reply = clinic.send("ana", "/compare", question="Is this a stroke?")
    assert reply.status_code == 200
    assert "Call the emergency number now." in words_of(reply)
    assert 'class="urgency emergency"' in reply.text
    assert not clinic.house.record("comparison")


def test_in_an_emergency_the_page_says_whom_to_call_before_any_model_is_asked(clinic: Ward) -> None:
    clinic.service.guard = clinic.service.flow.guard = Guard()
    chest = "My father has crushing chest pain right now and is sweating. Is it gout?"
    reply = clinic.send("ana", "/compare", question=chest)
    assert reply.status_code == 200
    assert 'class="urgency emergency"' in reply.text
    assert "No model has been asked yet" in words_of(reply)
    assert chest in words_of(reply)
    assert not any(engine.asked for engine in clinic.service.engines.values())
    (told,) = [json.loads(row["body"]) for row in clinic.house.record("request")]
    assert (told["decision"], told["urgency"], told["route"]) == ("answered by rule", "emergency", "/compare")
    reply = clinic.send("ana", "/compare", question=chest, known="yes")
    assert reply.status_code == 303
    assert all(engine.asked for engine in clinic.service.engines.values())


def test_with_one_model_the_page_says_what_is_missing(tmp_path: Path) -> None:
    with ward(tmp_path) as clinic:
        assert "residency serve MODEL MODEL2" in words_of(clinic.see("ana", "/compare"))
        assert clinic.send("ana", "/compare", question="Why?").status_code == 409


def test_a_full_queue_is_said_and_nothing_is_compared(tmp_path: Path) -> None:
    def full(body: dict[str, Any]) -> Exception:
        return Busy(7)

    with ward(tmp_path, engines=[engines()[0], ScriptedEngine(full, name="full")]) as clinic:
        reply = clinic.send("ana", "/compare", question="Why?")
        assert (reply.status_code, reply.headers["retry-after"]) == (429, "7")
        assert not clinic.house.record("comparison")


def test_anothers_comparison_is_not_there(clinic: Ward) -> None:
    address = asked(clinic)
    assert clinic.see("ben", address).status_code == 404
    assert clinic.send("rosa", address, choice="tie").status_code == 404


@pytest.mark.parametrize("who", ["adam", "otto"])
def test_administrators_and_auditors_do_not_get_in(clinic: Ward, who: str) -> None:
    assert clinic.see(who, "/compare").status_code == 403
    assert clinic.send(who, "/compare", question="Why?").status_code == 403


def test_markup_in_an_answer_stays_words(tmp_path: Path) -> None:
    both = [ScriptedEngine("<img src=x>", name=name) for name in ("a1", "b1")]
    with ward(tmp_path, engines=both) as clinic:
        assert "<img" not in clinic.see("ana", asked(clinic, "<i>Why?</i>")).text
