"""The page that teaches: what is right comes from the graph with its place, and never from the model."""

from __future__ import annotations

import re
from html import unescape

import pytest
from fastapi.testclient import TestClient

from residency.serve.workspace import quiz
from residency.serve.workspace.tutor import router
from serve.scripted_engine import ScriptedEngine
from serve.workspace.small_graph import small_graph
from serve.workspace.ward import app

TOPICS = {f"HP:9000{number}" for number in range(1, 6)}
AS = {"x-as": "clinician"}


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    return small_graph(tmp_path_factory.mktemp("graph"))


@pytest.fixture
def ward(graph, tmp_path):
    engine = ScriptedEngine("Because the source lists it [1]. It is <b>blue</b>.")
    made = app(tmp_path, router, engines=[engine], about={"graph": graph})
    return TestClient(made, raise_server_exceptions=False), engine, made.state.service


def fields(page):
    """Return the question that a page carries: the hidden fields of its first form about it, and the choices."""
    form = next(one for one in re.findall(r"<form.*?</form>", page, re.DOTALL) if 'name="disease"' in one)
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))
    return {name: unescape(value) for name, value in hidden.items()}, re.findall(r'name="chosen" value="([^"]+)"', form)


def test_a_question_has_one_finding_that_the_source_lists_and_three_that_it_does_not(graph):
    for seed in range(20):
        question = quiz.draw(graph, "HP:90001", seed=seed)
        listed = {fact.tail for fact in graph.facts_of(question.disease, "has finding")}
        above = {node for one in listed for node in graph.above(one)}
        right = [node for node, _ in question.options if node in listed]
        assert len(question.options) == 4 and len(right) == 1
        for node, _ in question.options:
            assert node in right or (node not in above and listed.isdisjoint(graph.above(node)))


def test_options_are_no_siblings_and_not_called_nearly_the_same(graph):
    for seed in range(30):
        question = quiz.draw(graph, "HP:0000118", seed=seed)
        nodes = [node for node, _ in question.options]
        topics = [min(graph.above(node).keys() & TOPICS) for node in nodes]
        assert len(set(topics)) == quiz.OPTIONS, question
    assert not quiz._apart(graph, "HP:90011", "HP:90012", 3)  # two of one foot
    assert not quiz._apart(graph, "HP:90011", "HP:90015", 3)  # one is a kind of the other
    assert not quiz._apart(graph, "HP:90031", "HP:90032", 3)  # the same in other words
    assert quiz._apart(graph, "HP:90011", "HP:90021", 3)


def test_the_same_seed_draws_the_same_question_and_a_disease_is_asked_about_itself(graph):
    assert quiz.draw(graph, "HP:90001", seed=3) == quiz.draw(graph, "HP:90001", seed=3)
    assert quiz.draw(graph, "TOY:3", seed=1).name == "Damp disease"
    assert quiz.draw(graph, "nothing of the kind", seed=1) is None


def test_the_topics_are_what_stands_below_the_root(graph):
    assert [name for _, name in quiz.topics(graph)] == [
        f"Trouble of the {one}" for one in ("ear", "foot", "hair", "sleep", "voice")
    ]


def test_a_right_answer_is_called_right_and_explained_with_its_place(ward):
    client, engine, _ = ward
    asked = client.post("/tutor", data={"topic": "Damp disease"}, headers=AS).text
    assert "list as a finding of Damp disease?" in asked
    hidden, choices = fields(asked)
    assert len(choices) == 4 and "HP:90013" in choices
    told = client.post("/tutor", data={**hidden, "chosen": "HP:90013"}, headers=AS).text
    assert "Right." in told and "Damp disease has the finding Humming foot" in told
    assert "phenotype.hpoa, line 6 (PMID:3)" in told and "What is called humming foot." in told and "made up" in told
    wrong = client.post("/tutor", data={**hidden, "chosen": next(c for c in choices if c != "HP:90013")}, headers=AS)
    assert "Not this one." in wrong.text and "no proof" in wrong.text
    assert not engine.asked


def test_the_model_explains_behind_the_facts_and_is_marked_as_a_draft(ward):
    client, engine, service = ward
    hidden, _ = fields(client.post("/tutor", data={"topic": "TOY:3"}, headers=AS).text)
    told = client.post("/tutor", data={**hidden, "chosen": "HP:90013", "explain": "1"}, headers=AS).text
    assert "Because the source lists it" in told and 'href="#passage-1"' in told and "Draft" in told
    assert "&lt;b&gt;" in told and "Damp disease has the finding Humming foot" in str(engine.asked[0]["messages"])
    assert service.recorder.entries[-1].body["evidence"][0] == "TOY:3 | has finding | HP:90013"


@pytest.mark.parametrize(
    "form",
    [
        {"disease": "TOY:3", "option_1": "HP:90013", "option_2": "HP:90011"},
        {"disease": "TOY:99", "option_1": "HP:90013", "option_2": "HP:90011", "chosen": "HP:90013"},
        {"disease": "TOY:3", "option_1": "HP:90013", "option_2": "HP:90011", "chosen": "HP:90012"},
        {"disease": "TOY:3", "option_1": "HP:90013", "chosen": "HP:90013"},
    ],
)
def test_a_form_that_holds_no_question_or_no_answer_is_refused(ward, form):
    reply = ward[0].post("/tutor", data=form, headers=AS)
    assert reply.status_code == 422 and "Choose one of the answers." in reply.text


def test_what_the_graph_does_not_know_draws_nothing_and_says_so(ward):
    assert "No question could be drawn" in ward[0].post("/tutor", data={"topic": "rain"}, headers=AS).text


def test_a_reader_of_another_language_is_told_that_the_source_has_its_own(ward):
    assert "lengua de la fuente" in ward[0].get("/tutor?language=es", headers=AS).text
    assert "as the source has them" not in ward[0].get("/tutor?language=en", headers=AS).text


def test_without_a_graph_the_page_says_what_is_missing(tmp_path):
    client = TestClient(app(tmp_path, router), raise_server_exceptions=False)
    assert "started without a knowledge graph" in client.get("/tutor", headers=AS).text
    assert client.post("/tutor", data={"topic": "x"}, headers=AS).status_code == 409
