"""The verb of graphs: files in, answers out, and what does not go together is refused before anything is read."""

import argparse
import json

import pytest

from fixture_graph import build_toy, write_files
from residency import graphing
from residency.core.errors import UserError


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return build_toy(tmp_path_factory.mktemp("toy"))


def run(*words):
    parser = argparse.ArgumentParser()
    graphing.add_arguments(parser)
    document, text = graphing.graph(parser.parse_args(list(map(str, words))))
    json.dumps(document)
    return document, text


def test_files_are_loaded_and_shown(tmp_path):
    document, text = run("load", *write_files(tmp_path), "--out", tmp_path / "g", "--licence", "made up")
    assert document["triples"] == 29 and "has finding" in text
    assert run("show", "--graph", tmp_path / "g")[0]["snapshot"] == document["snapshot"]


def test_a_graph_is_asked_in_every_way(toy):
    graph = ("--graph", toy)
    assert run("query", "SELECT ?n { ?x rdfs:label ?n } ORDER BY ?n", "--most", 1, *graph)[0]["rows"] == [
        ["Abnormal foot"]
    ]
    document, text = run("path", "hazy disease", "abnormal foot", *graph)
    assert text == "1. Hazy disease has the finding Blue foot (3/4). Blue foot is a kind of Abnormal foot."
    assert len(document["paths"][0]) == 2
    assert run("path", "hazy disease", "blue foot", "--relations", "is a*", *graph)[1].startswith("no path from")
    document, text = run("path", "hazy disease", "blue foot", "--relations", "is a*", *graph)
    assert document["why"] == text and text.endswith(": they are not connected along is a*")
    assert run("path", "hazy disease", "hazy disease", *graph)[1].startswith("no path: both ends are Hazy disease (")
    with pytest.raises(UserError, match="the graph has no node called 'hazzy'"):
        run("path", "hazzy", "blue foot", *graph)
    assert run("link", "a cyanotic foot", *graph)[0]["linked"][0]["node"] == "TY:0000003"
    assert run("facts", "what is a blue foot?", "--most", 1, *graph)[0]["facts"][0]["section"] == "definition"
    assert run("check", "Hazy disease has glass ear", *graph)[1].startswith("contradicted")


def test_texts_become_a_table(tmp_path, toy, monkeypatch):
    from residency.models.scripted import ScriptedModel

    (tmp_path / "note.txt").write_text("Tea causes hiccups.")
    reply = '[{"head": "Tea", "relation": "causes", "tail": "hiccups"}]'
    monkeypatch.setattr("residency.models.load.load", lambda name: ScriptedModel(lambda said: reply))
    out = tmp_path / "t.jsonl"
    document, text = run("extract", tmp_path / "note.txt", "--model", "m", "--out", out, "--graph", toy)
    assert document["triples"] == 1 and f"residency graph load {out}" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["query"], "query takes SPARQL"),
        (["path", "a"], "path takes FROM TO"),
        (["load", "x.obo"], "say where to write it"),
        (["link", "x", "--out", "y"], "--out goes with load and extract alone"),
        (["extract", "x.txt", "--out", "y"], "say who reads the texts"),
        (["load", "x.obo", "--out", "y", "--graph", "z"], "load makes a graph of files alone"),
    ],
)
def test_what_does_not_go_together_is_refused(words, said):
    with pytest.raises(UserError, match=said):
        run(*words)


def test_a_path_that_is_not_there_says_which_other_node_is_called_so(tmp_path):
    (tmp_path / "a.csv").write_text("head,relation,tail\nswamp fever,causes,chill\nsea fever,causes,thirst\n")
    (tmp_path / "b.csv").write_text("head,relation,tail\nT:0000001,name,swamp fever\nT:0000001,causes,thirst\n")
    run("load", tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "g")
    _, text = run("path", "swamp fever", "sea fever", "--graph", tmp_path / "g")
    assert "not connected within 6 steps" in text
    assert "swamp fever is also the name of T:0000001: give the id" in text


def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(tmp_path, toy, monkeypatch):
    monkeypatch.setattr("residency.models.load.load", lambda name: pytest.fail("a model was opened"))
    files = write_files(tmp_path)
    note = tmp_path / "note.txt"
    note.write_text("Tea.")
    with pytest.raises(UserError, match="--out /proc/x/g cannot be written"):
        run("load", *files, "--out", "/proc/x/g")
    with pytest.raises(UserError, match="there is a file of that name"):
        run("load", *files, "--out", note)
    for out in ("/proc/x/t.jsonl", tmp_path, note / "t.jsonl"):
        with pytest.raises(UserError, match="--out"):
            run("extract", note, "--model", "m", "--out", out, "--graph", toy)


@pytest.mark.parametrize(
    ("name", "head", "said"),
    [
        ("a.csv", "head,relation,tail\nGr\xf6\xdfe,is a,x\n", "a.csv is not UTF-8; save it as UTF-8$"),
        ("a.hpoa", "#version: 1\nTOY:1\tGr\xf6\xdfe\n", "a.hpoa is not UTF-8; save it as UTF-8$"),
        ("a.obo", "[Term]\nid: T:1\nname: Gr\xf6\xdfe\n", "a.obo: .*; save it as UTF-8$"),
    ],
)
def test_a_file_in_another_encoding_is_told_with_what_helps(tmp_path, name, head, said):
    (tmp_path / name).write_bytes(head.encode("latin-1"))
    with pytest.raises(UserError, match=said) as caught:
        run("load", tmp_path / name, "--out", tmp_path / "g")
    assert "encoding:" not in str(caught.value) and not (tmp_path / "g").exists()
