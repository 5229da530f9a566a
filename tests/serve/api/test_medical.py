"""The medical endpoints answer with places and codes, abstain where nothing is found, and are guarded and recorded."""

from __future__ import annotations

from typing import Any

import pytest

from residency.core.errors import Unsupported
from residency.core.types import TokenScores
from residency.infer.evidence import Evidence, Found
from residency.infer.graph.linking import Linked
from residency.models.scripted import ScriptedModel
from residency.serve.api import extracting, medical
from residency.serve.api.classifying import classify
from residency.serve.api.extracting import entities
from serve.api.api_app import api, call
from serve.scripted_engine import ScriptedEngine

GOUT = "Gout is caused by crystals of uric acid in a joint. Colchicine helps in an attack."


class Shelf:
    """An index of one passage; ``empty`` finds nothing."""

    snapshot = "s1"

    def __init__(self, *texts: str) -> None:
        self.held = {f"d{i}#0": Evidence(f"d{i}#0", f"d{i}", text, 0, len(text)) for i, text in enumerate(texts)}

    def search(self, question: str, k: int = 8) -> Found:
        return Found(list(self.held.values()), self.snapshot, why=None if self.held else "no hit")

    def passage(self, id: str) -> Evidence | None:
        return self.held.get(id)


class Names:
    """A graph that knows one name."""

    snapshot = "g1"

    def link(self, text: str) -> list[Linked]:
        at = text.find("fever")
        return [Linked(at, at + 5, "HP:0001945", "Fever", 1.0, "name")] if at >= 0 else []

    def facts(self, question: str, k: int = 8) -> Found:
        return Found(why="no fact")


def post(app: Any, name: str, **body: Any) -> Any:
    return call(app, "POST", f"/v1/medical/{name}", json=body)


# --- answer ----------------------------------------------------------------------------------------------------------


def test_an_answer_is_sentences_of_the_sources_with_their_places():
    app = api(ScriptedEngine(), indexes=[Shelf(GOUT)])
    reply = post(app, "answer", question="What causes gout?").json()
    first = reply["sentences"][0]
    place = first["citations"][0]
    assert "uric acid" in reply["answer"]
    assert GOUT[place["start"] : place["end"]] == place["quote"]
    assert (first["support"], place["document"], reply["snapshots"]) == ("quoted", "d0", {"index": ["s1"]})
    line = app.state.record.entries[0].body
    assert (line["route"], line["evidence"]) == ("/v1/medical/answer", ["d0#0"])


def test_an_answer_that_nothing_supports_is_none_and_says_why():
    app = api(ScriptedEngine(), indexes=[Shelf()])
    reply = post(app, "answer", question="What causes gout?").json()
    assert (reply["answer"], reply["residency"]["abstained"]) == (None, True)
    assert reply["why"]
    assert app.state.record.entries[0].body["decision"] == "abstained"


def test_without_sources_there_is_nothing_to_cite():
    reply = post(api(ScriptedEngine()), "answer", question="What causes gout?")
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "sources")


def test_an_identifier_of_the_evidence_may_stand_in_the_answer():
    app = api(ScriptedEngine(), indexes=[Shelf("Gout advice is given by telephone under 555-1234.")])
    assert "555-1234" in post(app, "answer", question="Who gives gout advice by telephone?").json()["answer"]


def test_a_rule_that_answers_leaves_the_reply_without_a_result():
    reply = post(api(ScriptedEngine(), indexes=[Shelf(GOUT)]), "answer", question="Is this a stroke?").json()
    about = reply["residency"]
    assert (reply["answer"], reply["sentences"]) == (None, [])
    assert (about["urgency"], about["note"]) == ("emergency", "Call the emergency number now.")


# --- extract ---------------------------------------------------------------------------------------------------------


def test_entities_come_by_name_from_the_graph_and_from_the_model_as_phrases_of_the_text(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(extracting, "find_codes", lambda phrase, n: [("R50.9", "Fever, unspecified")])
    monkeypatch.setattr(extracting, "whole", lambda graph, phrase: None)
    engine = ScriptedEngine('["aspirin", "penicillin"]')
    app = api(engine, graph=Names())
    reply = post(app, "extract", text="He has fever and takes aspirin.", labels=["medication"]).json()
    fever, aspirin = reply["entities"]
    assert (fever["text"], fever["how"], [c["code"] for c in fever["codes"]]) == (
        "fever",
        "name",
        ["HP:0001945", "R50.9"],
    )
    assert (aspirin["start"], aspirin["end"], aspirin["label"], aspirin["how"]) == (23, 30, "medication", "model")
    assert reply["absent"] == 1


def test_what_a_text_denies_and_what_is_a_relatives_is_told_of_each_entity():
    app = api(ScriptedEngine('["epilepsy", "asthma"]'), graph=Names())
    said = "Denies fever. Father had epilepsy. He has asthma."
    found = post(app, "extract", text=said, labels=["diagnosis"], codes=[]).json()["entities"]
    assert [(one["text"], one["denied"], one["of"]) for one in found] == [
        ("fever", True, "patient"), ("epilepsy", False, "family"), ("asthma", False, "patient"),
    ]  # fmt: skip


def test_codes_are_those_of_the_systems_asked_for():
    found = entities("fever", ScriptedModel({}), graph=Names(), systems=["graph"])  # type: ignore[arg-type]
    assert [code["system"] for one in found.entities for code in one["codes"]] == ["graph"]


def test_without_graph_and_labels_the_usual_ones_are_asked_for():
    model = ScriptedModel(lambda said: '[{"text": "cough", "label": "symptom"}]')
    found = entities("a cough", model, systems=[])
    assert [(one["text"], one["label"]) for one in found.entities] == [("cough", "symptom")]
    assert "diagnosis, symptom, medication" in model.asked[0][-1]["content"]


# --- deidentify ------------------------------------------------------------------------------------------------------


class Finds:
    def find(self, text: str, patient: Any = None) -> list[Any]:
        from residency.corpus.identify.found import Found as Hit

        at = text.find("Quirrell")
        return [Hit(at, at + 8, "NAME", 1.0, "rule:name")] if at >= 0 else []


@pytest.mark.parametrize("operator", ["tag", "drop"])
def test_identifiers_are_hidden_and_their_places_told(operator: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(medical, "_finder", lambda language, mode: Finds())
    text = "Mrs Quirrell has gout."
    reply = post(api(ScriptedEngine()), "deidentify", text=text, operator=operator).json()
    (one,) = reply["hidden"]
    assert text[one["start"] : one["end"]] == "Quirrell"
    assert "Quirrell" not in reply["text"]
    assert reply["text"] == text[: one["start"]] + reply["text"][one["new_start"] : one["new_end"]] + text[one["end"] :]


# --- summarise -------------------------------------------------------------------------------------------------------


def test_a_summary_names_the_lines_it_stands_on():
    notes = [
        {"id": f"n{i}", "text": "He has gout. He takes colchicine. He is well.", "date": f"2031-01-0{i}"}
        for i in (1, 2)
    ]
    reply = post(api(ScriptedEngine()), "summarise", notes=notes, how="central", most=2).json()
    assert len(reply["statements"]) == 2
    for one in reply["statements"]:
        assert [c["document"] for c in one["citations"]] == ["n1", "n2"]
        assert one["citations"][0]["quote"] == one["text"]


def test_a_summary_by_a_model_keeps_what_it_chose():
    text = " ".join(f"Finding {i} is noted." for i in range(1, 9))
    app = api(ScriptedEngine('{"lines": [2, 5]}'))
    reply = post(app, "summarise", notes=[{"text": text}], most=2).json()
    assert [one["text"] for one in reply["statements"]] == ["Finding 2 is noted.", "Finding 5 is noted."]
    assert reply["calls"] == 1


def test_two_notes_of_one_id_are_refused():
    notes = [{"id": "n", "text": "a b"}, {"id": "n", "text": "c d"}]
    assert post(api(ScriptedEngine()), "summarise", notes=notes).status_code == 400


# --- classify --------------------------------------------------------------------------------------------------------


def test_a_label_is_chosen_by_likelihood_with_shares_that_sum_to_one():
    class Likes(ScriptedModel):
        def loglik(self, prompts: Any, answers: Any) -> list[TokenScores]:
            return [TokenScores([-1.0 if a == "gout" else -3.0], [True]) for a in answers]

    found = classify("a red toe", ["flu", "gout"], Likes({}))
    assert (found.label, found.how) == ("gout", "likelihood")
    assert found.shares is not None
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.shares["gout"] / found.shares["flu"] == pytest.approx(2.718281828**2)


def test_a_model_without_likelihood_chooses_by_schema_and_what_is_no_label_is_none():
    class Blind(ScriptedModel):
        def loglik(self, prompts: Any, answers: Any) -> list[TokenScores]:
            raise Unsupported("no")

    said = classify("a red toe", ["flu", "gout"], Blind(lambda asked: '"gout"'))
    lost = classify("a red toe", ["flu", "gout"], Blind(lambda asked: '"measles"'))
    assert (said.label, said.how, said.shares, lost.label) == ("gout", "schema", None, None)


def test_labels_that_repeat_and_fields_that_are_wrong_are_refused_by_name():
    app = api(ScriptedEngine())
    for body, param in [
        ({"text": "a", "labels": ["x", "x"]}, "labels"),
        ({"text": "a", "labels": ["x"]}, "labels"),
        ({"text": "", "labels": ["x", "y"]}, "text"),
        ({"text": "a", "labels": ["x", "y"], "more": 1}, "more"),
    ]:
        reply = post(app, "classify", **body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_a_classification_is_on_record_with_its_route():
    app = api(ScriptedEngine('"gout"'))
    reply = post(app, "classify", text="a red toe", labels=["gout", "flu"]).json()
    entry = app.state.record.entries[0]
    assert reply["label"] in ("gout", "flu")
    assert (entry.body["route"], entry.body["kind"]) == ("/v1/medical/classify", "classify")


def test_engine_contexts_are_respected():
    reply = post(api(ScriptedEngine(context=300)), "summarise", notes=[{"text": "One two. Three four."}], most=1)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "unsupported")
