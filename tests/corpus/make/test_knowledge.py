"""Graphs to rows: every fact that is told stands in the sub-graph, every "no" is true, every list is whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from residency.core.errors import SourceError
from residency.core.types import Document
from residency.corpus.make.graph import Graph, graph_from, graph_of
from residency.corpus.make.knowledge import TOO_MANY, Given, graph_questions, graph_text, wrong_tails
from residency.corpus.make.rows import Outcome, Refused, Tally, kept
from residency.corpus.make.wordings import OURS, read_wordings

EDGES = {
    "T:1": ("Anomaly", []), "T:2": ("Skin anomaly", ["T:1"]), "T:3": ("Bone anomaly", ["T:1"]),
    "T:4": ("Rash", ["T:2"]), "T:5": ("Red rash", ["T:4"]), "T:6": ("Bent bone", ["T:3"]), "T:7": ("Itch", ["T:2"]),
}  # fmt: skip


def term(key: str, name: str, parents: list[str], **meta: object) -> Document:
    return Document(
        key, f"Meaning of {name}.", "onto", "CC0", meta={"kind": "term", "name": name, "parents": parents, **meta}
    )


@pytest.fixture
def documents() -> list[Document]:
    found = [term(key, name, parents) for key, (name, parents) in EDGES.items()]
    found[3].meta["synonyms"] = [
        {"text": "Exanthem", "scope": "EXACT", "abbreviation": False, "obsolete": False},
        {"text": "RS", "scope": "EXACT", "abbreviation": True, "obsolete": False},
        {"text": "Spots", "scope": "RELATED", "abbreviation": False, "obsolete": False},
    ]
    rows = [{"hpo": "T:5", "name": "Red rash", "negated": False}, {"hpo": "T:6", "name": "Bent bone", "negated": True}]
    return [
        *found,
        Document("D:1", "x", "onto", "CC0", meta={"kind": "disease", "name": "Redbone", "phenotypes": rows}),
    ]


def made(outcomes: object) -> list[Document]:
    return [row for row in outcomes if isinstance(row, Document)]  # type: ignore[attr-defined]


def statements(graph: Graph) -> dict[str, tuple[str, str, str]]:
    """Return every sentence that any fact of the whole graph can be told by, read off the templates' file itself."""
    templates = yaml.safe_load(OURS.read_text(encoding="utf-8"))
    found = {}
    for t in graph.triples:
        names = (graph.name(t.head), t.relation, graph.name(t.tail))
        for template in templates.get(t.relation, templates["other"])["text"]:
            sentence = template.replace("{head}", names[0]).replace("{tail}", names[2]).replace("{relation}", names[1])
            found[sentence] = names
    return found


def read_back(text: str, known: dict[str, tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    facts = []
    while text:
        sentence = next((s for s in sorted(known, key=len, reverse=True) if text.startswith(s)), None)
        assert sentence, f"no fact of the graph begins: {text}"
        facts.append(known[sentence])
        text = text[len(sentence) :].lstrip()
    return facts


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_a_paragraph_says_the_facts_of_its_sub_graph_and_nothing_else(documents: list[Document], hops: int) -> None:
    graph = graph_of(documents)
    rows = made(graph_text(documents, hops=hops, facts=5, seed=3))
    assert len(rows) == 8
    for row in rows:
        assert read_back(row.text, statements(graph)) == [tuple(fact) for fact in row.meta["facts"]]
        assert len(row.meta["facts"]) <= 5
        assert (
            row.meta["kind"] == "page" and row.licence == "CC0" and set(row.meta["from"]) <= {d.id for d in documents}
        )


def test_two_hops_reach_the_grandparent_and_one_does_not(documents: list[Document]) -> None:
    def reached(hops: int) -> set[str]:
        rows = {row.id: row for row in made(graph_text(documents, hops=hops, facts=50))}
        return set(rows["T:5:graph_text"].meta["nodes"])

    assert "T:2" not in reached(1) and "T:2" in reached(2)


def test_answers_list_all_and_only_what_the_graph_holds(documents: list[Document]) -> None:
    rows = {row.id: row for row in made(graph_questions(documents, patterns=("forward", "backward")))}
    assert rows["T:2:backward:is a"].meta["messages"][1]["content"] == "Rash; Itch."
    assert rows["T:4:forward:is a"].meta["messages"][1]["content"] == "Skin anomaly."
    assert rows["T:4:forward:synonym"].meta["messages"][1]["content"] == "Exanthem."
    assert rows["D:1:forward:has finding"].meta["messages"][1]["content"] == "Red rash."
    assert rows["T:4:forward:definition"].meta["messages"][1]["content"] == "Meaning of Rash."


def test_every_yes_is_a_fact_and_every_no_is_none(documents: list[Document]) -> None:
    graph = graph_of(documents)
    rows = made(graph_questions(documents, patterns=("yes_no",)))
    names = {graph.name(key): key for key in graph.names}
    seen = set()
    for row in rows:
        asked, answer = (message["content"] for message in row.meta["messages"])
        if ":is a:" not in row.id:
            continue
        pair = next((h, t) for h in names for t in names if asked in (
            f"Is {h} a kind of {t}?", f"Does {h} belong to the group of {t}?"))  # fmt: skip
        above = graph.above(names[pair[0]]) - {names[pair[0]]}
        assert answer.startswith("Yes.") == (names[pair[1]] in above)
        seen.add(answer[:3])
    assert seen == {"Yes", "No."}


def test_no_wrong_kind_is_asked_for_that_is_true_by_a_second_parent(documents: list[Document]) -> None:
    both = term("T:8", "Red bent thing", ["T:2", "T:3"])
    graph = graph_of([*documents, both])
    assert wrong_tails(graph, read_wordings(), "T:8", "is a") == []
    assert [tail for tail, _ in wrong_tails(graph, read_wordings(), "T:6", "is a")] == ["T:2"]


def test_a_no_of_an_incomplete_relation_comes_only_from_what_denies_it(documents: list[Document]) -> None:
    rows = made(graph_questions(documents, patterns=("yes_no",)))
    no = next(row for row in rows if row.id == "D:1:yes_no:has finding:no")
    assert "Bent bone" in no.meta["messages"][0]["content"]
    assert no.meta["facts"] == [["Redbone", "lacks finding", "Bent bone"]]


def test_a_question_of_two_hops_leads_to_the_grandparent(documents: list[Document]) -> None:
    rows = {row.id: row for row in made(graph_questions(documents, patterns=("hops",)))}
    row = rows["T:5:hops2:is a:is a"]
    assert row.meta["messages"][1]["content"].endswith("So: Skin anomaly.")
    assert row.meta["facts"] == [["Red rash", "is a", "Rash"], ["Rash", "is a", "Skin anomaly"]]
    deep = {row.id: row for row in made(graph_questions(documents, patterns=("hops",), hops=3))}
    assert deep["T:5:hops3:is a:is a"].meta["messages"][1]["content"].endswith("So: Anomaly.")


def test_what_is_too_long_to_list_is_refused_and_counted(documents: list[Document]) -> None:
    tally = Tally()
    rows = list(kept(graph_questions(documents, patterns=("backward",), listed=1), tally))
    assert tally.refused[TOO_MANY] == 2  # the kinds of Anomaly, and of Skin anomaly
    assert tally.made == len(rows) and tally.asked == tally.made + sum(tally.refused.values())


def test_the_same_seed_gives_the_same_rows_and_another_gives_others(documents: list[Document]) -> None:
    def texts(seed: int) -> list[str]:
        return [row.text for row in made(graph_questions(documents, count=4, seed=seed))]

    assert texts(1) == texts(1) != texts(2)


@pytest.mark.parametrize(
    "relation", ["part_of T:2 ! Skin anomaly", ["part_of", "T:2"], {"type": "part_of", "target": "T:2"}]
)
def test_relations_are_read_in_the_forms_that_readers_give(relation: object) -> None:
    documents = [
        term("T:2", "Skin anomaly", []),
        term("T:9", "Scale", [], is_a=["T:2 ! Skin anomaly"], relationship=[relation]),
    ]
    facts = [(t.head, t.relation, t.tail) for t in graph_of(documents).of["T:9"]]
    assert ("T:9", "is a", "T:2") in facts and ("T:9", "part of", "T:2") in facts


def test_a_code_is_known_by_its_title_and_its_notes_are_facts() -> None:
    meta = {
        "kind": "code",
        "code": "X1",
        "description": "Sore",
        "parent": "block X",
        "inclusion_terms": ["Ache"],
        "excludes1": ["Burn"],
    }
    graph = graph_of([Document("X1", "Sore", "icd10", "public", meta=meta)])
    assert graph.name("X1") == "Sore (X1)"
    assert [(t.relation, t.tail) for t in graph.triples] == [("includes", "Ache"), ("excludes", "Burn")]
    assert graph.nameless == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "head,relation,tail\nA,treats,B\nA,treats,B\nC,treats,B\n"),
        ("t.tsv", "subject\tpredicate\tobject\nA\ttreats\tB\nC\ttreats\tB\n"),
        ("t.jsonl", '{"head":"A","relation":"treats","tail":"B"}\n{"head":"C","relation":"treats","tail":"B"}\n'),
    ],
)
def test_a_users_table_of_triples_makes_rows(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    rows = made(graph_questions(given=Given(path, licence="internal"), patterns=("backward",)))
    assert [row.meta["messages"][1]["content"] for row in rows] == ["A; C."]
    assert rows[0].licence == "internal"
    assert (
        rows[0].meta["from"]
        == {"jsonl": [f"{name}:1", f"{name}:2"], "csv": ["t.csv:2", "t.csv:4"], "tsv": ["t.tsv:2", "t.tsv:3"]}[
            path.suffix[1:]
        ]
    )


def test_lines_without_a_triple_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("head,relation,tail\nA,,secret\n", encoding="utf-8")
    with pytest.raises(SourceError, match="line 2") as error:
        graph_from(path)
    assert "secret" not in str(error.value)


def test_a_users_wordings_stand_over_ours_and_mistakes_are_told_at_once(
    tmp_path: Path, documents: list[Document]
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text('is a:\n  text: ["{head} ist ein {tail}!"]\n', encoding="utf-8")
    rows = made(graph_text(documents, given=Given(wordings=good)))
    assert any("Itch ist ein Skin anomaly!" in row.text for row in rows)
    bad.write_text(
        'is a:\n  text: ["no names"]\n  forwards: []\nx:\n  yes_no: ["{head.__class__} {tail}"]\n', encoding="utf-8"
    )
    with pytest.raises(SourceError) as error:
        read_wordings(bad)
    assert str(error.value).count("\n") == 2 and "forwards" in str(error.value)


def test_a_row_of_the_graph_is_either_made_or_refused(documents: list[Document]) -> None:
    outcomes: list[Outcome] = list(graph_questions(documents))
    assert all(isinstance(outcome, Document) != isinstance(outcome, Refused) for outcome in outcomes)
    ids = [row.id for row in outcomes if isinstance(row, Document)]
    assert len(ids) == len(set(ids))
