"""Rows made out of a corpus: by template, counted with what was refused, and held against the tests like all others."""

import json

import pytest

from residency import making
from residency.core.documents import read_documents
from residency.core.errors import UserError
from residency.core.store import read_json
from residency.corpus.assemble import Checks, collect
from residency.corpus.compare.leaks import Decontaminate
from residency.corpus.make.knowledge import Given
from residency.making import Named
from residency.models.scripted import ScriptedModel

OBO = "format-version: 1.2\n\n" + "\n".join(
    f"[Term]\nid: X:{n}\nname: sign {word}\n" + (f"is_a: X:{n // 2} ! up\n" if n > 1 else "")
    for n, word in enumerate("alpha beta gamma delta epsilon zeta eta theta".split(), 1)
)


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.obo").write_text(OBO)
    note = (
        "The patient takes metformin 500 mg twice a day for diabetes and feels well on it. There was no fever and no "
        "cough this week, and she walks to the market every day without any pain."
    )
    (tmp_path / "in" / "n.jsonl").write_text(json.dumps({"id": "n", "text": note, "patient": "p1"}) + "\n")
    collect(out=tmp_path / "corpus", sources=[{"files": tmp_path / "in"}])
    return tmp_path / "corpus"


def test_an_ontology_becomes_questions_and_text(corpus, tmp_path):
    making.make(corpus, out=tmp_path / "made", rows=[{"graph_questions": {}}, {"graph_text": {}}])
    rows = list(read_documents(tmp_path / "made" / "documents"))
    asked = [row for row in rows if row.source == "graph_questions"]
    assert asked and all(row.meta["messages"][-1]["role"] == "assistant" for row in asked)
    card = read_json(tmp_path / "made" / "card.json")
    assert [source["name"] for source in card["sources"]] == ["graph_questions", "graph_text"]
    assert (tmp_path / "made" / "instruct").is_dir() and card["documents"] == len(rows)


def test_a_models_questions_stay_with_their_patient_and_the_refused_are_counted(corpus, tmp_path, monkeypatch):
    good = {"question": "How much metformin does the patient take?", "answer": "Metformin 500 mg twice a day."}
    wrong = {"question": "Which insulin is given?", "answer": "Insulin glargine 80 units at bedtime every night."}
    model = ScriptedModel(lambda prompt: json.dumps({"pairs": [good, wrong]}))
    monkeypatch.setattr(making, "_loaded", lambda name: model)
    making.make(corpus, out=tmp_path / "made", rows=[{"questions": {"count": 2}}], named=Named(model="scripted"))
    [row] = read_documents(tmp_path / "made" / "documents")
    assert row.patient == "p1" and row.meta["messages"][-1]["content"] == good["answer"]
    [source] = read_json(tmp_path / "made" / "card.json")["sources"]
    assert sum(source["left"].values()) == 1


@pytest.mark.parametrize(("own", "kept"), [(None, 0), (Decontaminate(sets=[]), 1)])
def test_what_is_made_is_held_against_what_the_corpus_was_where_nothing_else_is_said(tmp_path, monkeypatch, own, kept):
    asked = {"question": "How much metformin does the patient take?", "answer": "Metformin 500 mg twice a day."}
    (tmp_path / "exam.jsonl").write_text(json.dumps({"id": "x", "question": asked["question"]}) + "\n")
    note = "The patient takes metformin 500 mg twice a day for diabetes and feels well on it. She walks to the market."
    (tmp_path / "n.jsonl").write_text(json.dumps({"id": "n", "text": note, "patient": "p1"}) + "\n")
    held = Decontaminate(sets=[], files=[tmp_path / "exam.jsonl"])
    sources = [{"files": tmp_path / "n.jsonl"}]
    collect(out=tmp_path / "corpus", sources=sources, checks=Checks(decontaminate=held))
    model = ScriptedModel(lambda prompt: json.dumps({"pairs": [asked]}))
    monkeypatch.setattr(making, "_loaded", lambda name: model)
    rows, checks = [{"questions": {"count": 1}}], Checks(decontaminate=own)
    making.make(tmp_path / "corpus", out=tmp_path / "made", rows=rows, named=Named(model="scripted"), checks=checks)
    card = read_json(tmp_path / "made" / "card.json")
    assert card["documents"] == kept
    assert sum(sum(by.values()) for by in card["dropped"].values()) == 1 - kept
    assert [row["set"] for row in card["contamination"]["sets"]] == ["exam.jsonl"] * (1 - kept)


def test_a_maker_without_its_model_is_refused_before_anything_is_made(corpus, tmp_path):
    with pytest.raises(UserError, match="questions needs model: NAME"):
        making.make(corpus, out=tmp_path / "made", rows=[{"questions": {}}])
    with pytest.raises(UserError, match="ranked needs judge: NAME"):
        making.make(corpus, out=tmp_path / "made", rows=[{"ranked": {}}], named=Named(model="x"))


def test_a_source_that_the_corpus_has_not_is_refused_before_anything_is_made(corpus, tmp_path):
    with pytest.raises(UserError, match="the corpus has no source file; did you mean files"):
        making.make(corpus, out=tmp_path / "made", rows=[{"graph_text": {}}], sources=("file",))
    assert not list((tmp_path / "made").glob("*"))


@pytest.mark.parametrize("maker", ["graph_text", "graph_questions"])
def test_a_graph_without_an_ontology_is_refused_before_anything_is_made(tmp_path, maker):
    (tmp_path / "n.jsonl").write_text(json.dumps({"id": "n", "text": "The patient walks to the market."}) + "\n")
    (tmp_path / "x.obo").write_text(OBO)
    collect(out=tmp_path / "corpus", sources=[{"jsonl": tmp_path / "n.jsonl"}, {"files": tmp_path / "x.obo"}])
    rows = [{"graph_text": {}}, {maker: {}}]
    with pytest.raises(UserError, match=f"{maker} needs an ontology.*such as hpo: .*triples: FILE"):
        making.make(tmp_path / "corpus", out=tmp_path / "made", rows=rows, sources=("jsonl",))
    assert not list((tmp_path / "made").glob("*"))
    (tmp_path / "own.csv").write_text("head,relation,tail\nfever,is a,sign\n")
    own = [{maker: {"given": Given(triples=tmp_path / "own.csv")}}]
    making.make(tmp_path / "corpus", out=tmp_path / "made", rows=own, sources=("jsonl",))
    assert read_json(tmp_path / "made" / "card.json")["documents"]


def test_a_recipe_whose_sources_hold_no_ontology_is_told_so_before_they_are_read():
    def told(sources, rows, chosen=()):
        return [
            text
            for _, text in making.across({"corpus": {"sources": sources}, "make": {"rows": rows, "sources": chosen}})
        ]

    rows = [{"graph_questions": {"count": 5, "triples": None}}]
    ward, ontology = {"notes": {"path": "ward"}}, {"hpo": {}}
    assert ["graph_questions needs an ontology" in text for text in told([ward], rows)] == [True]
    assert told([ward, ontology], rows) == told([{"files": {"path": "any"}}], rows) == []
    assert len(told([ward, ontology], rows, ("notes",))) == 1
    assert told([ward], [{"graph_text": {"triples": "own.csv"}}]) == []


def test_two_makers_of_one_name_are_told_apart(corpus, tmp_path):
    rows = [{"graph_questions": {"patterns": [way]}} for way in ("forward", "backward")]
    making.make(corpus, out=tmp_path / "made", rows=rows)
    found = list(read_documents(tmp_path / "made" / "documents"))
    assert {row.source for row in found} == {"graph_questions", "graph_questions-2"}
    counts = {source["name"]: source["stay"] for source in read_json(tmp_path / "made" / "card.json")["sources"]}
    assert counts["graph_questions"] > 0 < counts["graph_questions-2"]
