"""A question finds facts that say where they are from; paths, links and checks are as worked out by hand."""

import pytest

from fixture_graph import build_table, build_toy
from residency.core.errors import SourceError, UserError
from residency.infer.evidence import GRAPH
from residency.infer.graph import open_graph
from residency.infer.graph.abbreviations import abbreviations
from residency.infer.graph.knowledge import known_node
from residency.models.scripted import ScriptedModel


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return open_graph(build_toy(tmp_path_factory.mktemp("toy")))


# --- linking ------------------------------------------------------------------------------------------------------


def linked(graph, text):
    return [(text[one.start : one.end], one.node, one.how) for one in graph.link(text)]


def test_names_synonyms_abbreviations_and_variants_are_linked_in_their_places(toy):
    text = "Hazy disease: blue feet? A Cyanotic foot, BF, or a foot of blue tumors."
    assert linked(toy, text)[0] == ("Hazy disease", "TOY:1", "name")
    assert linked(toy, text)[1:] == [
        ("Cyanotic foot", "TY:0000003", "synonym"),
        ("BF", "TY:0000003", "abbreviation"),
        ("foot of blue tumors", "TY:0000003", "variant"),
    ]


def test_an_abbreviation_must_be_written_as_it_is(toy):
    assert linked(toy, "my bf likes it") == []


def test_an_abbreviation_that_the_text_explains_is_its_long_form(toy):
    assert linked(toy, "Glass ear (GE) was seen; GE stayed.")[-1] == ("GE", "TY:0000004", "abbreviation")
    assert abbreviations("heat shock protein (HSP) and nothing (ever)") == {"HSP": "heat shock protein"}


def test_what_is_misspelt_is_linked_by_spelling_and_what_is_unlike_is_not(toy):
    assert linked(toy, "hazzy disease") == [("hazzy disease", "TOY:1", "spelling")]
    assert linked(toy, "purple elephants of Wales") == []
    assert toy.link("") == []


def test_the_longest_name_wins_and_none_overlaps(toy):
    assert [node for _, node, _ in linked(toy, "head of glass ear")] == ["TY:0000005"]


def test_nodes_of_one_name_are_told_as_others(toy):
    (one,) = toy.link("misty disease")
    assert (one.node, one.others) == ("TOY:2", ("TOY:3",))


def test_an_embedder_links_what_is_meant_and_keeps_its_vectors(tmp_path):
    path = build_table(tmp_path, "head,relation,tail\nlisten,is a,verb\n")
    graph = open_graph(path, embedder=ScriptedModel({}))
    assert [(one.node, one.how) for one in graph.link("silent")] == [("listen", "embedding")]  # the same letters
    assert len(list(path.glob("vectors-*.npy"))) == 1
    assert open_graph(path).link("silent") == []


# --- facts and paths -------------------------------------------------------------------------------------------------


def test_facts_are_sentences_with_the_triple_as_id_and_their_source(toy):
    found = toy.facts("What are the findings of hazy disease?")
    first = found.evidence[0]
    assert first.text == "Hazy disease has the finding Blue foot (3/4)."
    assert first.id == "TOY:1 | has finding | TY:0000003" and first.document == "TOY:1"
    assert first.source == "phenotype.hpoa, line 3 (PMID:1)" and first.licence == "made up"
    assert (first.shelf, first.date, found.snapshot) == (GRAPH, "2031-05-04", toy.snapshot)


def test_what_joins_two_things_named_comes_first(toy):
    found = toy.facts("Is an abnormal foot seen in hazy disease?", k=2)
    assert {one.id for one in found.evidence} == {"TOY:1 | has finding | TY:0000003", "TY:0000003 | is a | TY:0000002"}


def test_the_relation_asked_for_comes_first(toy):
    assert toy.facts("How is hazy disease inherited?", k=1).evidence[0].section == "has inheritance"
    assert toy.facts("What is a blue foot?", k=1).evidence[0].section == "definition"
    assert toy.facts("What treats hazy disease?", k=1).evidence[0].text == "skylopram treats Hazy disease."


def test_a_question_that_names_nothing_finds_nothing_and_says_why(toy):
    found = toy.facts("Why is the sky far away?")
    assert found.evidence == [] and "names nothing" in found.why


def test_a_fact_is_found_again_by_its_id_until_the_graph_no_longer_says_it(toy):
    assert toy.passage("TOY:1 | has finding | TY:0000003").title == "Hazy disease"
    assert toy.passage("TOY:1 | has finding | TY:0000005") is None and toy.passage("nonsense") is None


def test_shortest_paths_whichever_way_the_relations_point(toy):
    (path,) = toy.paths("TOY:1", "TY:0000002")
    assert [(step.fact.relation, step.back) for step in path] == [("has finding", False), ("is a", False)]
    (path,) = toy.paths("TOY:2", "cloud salt")
    assert [(step.start, step.end) for step in path] == [("TOY:2", "skylopram"), ("skylopram", "cloud salt")]
    assert toy.paths("TOY:1", "TOY:1") == [] and toy.paths("TOY:1", "nowhere") == []


def test_typed_paths_take_the_relations_in_their_order(toy):
    (path,) = toy.paths("TY:0000001", "TOY:2", relations=["^is a*", "^has finding"])
    assert [step.end for step in path] == ["TY:0000004", "TOY:2"]
    assert toy.paths("TOY:1", "TY:0000002", relations=["has finding"]) == []
    with pytest.raises(UserError, match="no relation 'has fnding'; did you mean has finding"):
        toy.paths("TOY:1", "TY:0000002", relations=["has fnding"])


def test_a_node_that_is_not_there_is_refused_with_the_nearest(toy):
    assert known_node(toy, "hazy disease") == known_node(toy, "TOY:1") == "TOY:1"
    with pytest.raises(SourceError, match="no node called 'hazy diseas'; the most alike: Hazy disease"):
        known_node(toy, "hazy diseas")


# --- checks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("Hazy disease has blue foot.", "supported"),
        ("Hazy disease can cause an abnormal foot", "supported"),  # a blue foot is one
        ("Blue foot is a feature of hazy disease", "supported"),
        ("Hazy disease does not have blue foot.", "contradicted"),
        ("Hazy disease has glass ear.", "contradicted"),  # denied outright
        ("Misty disease has blue foot.", "contradicted"),  # it has no abnormal foot, so no blue one
        ("Hazy disease doesn't have glass ear.", "supported"),
        ("Hazy disease has head of glass.", "unknown"),  # not said: not false
        ("Hazy disease always has blue foot.", "unknown"),  # in three of four
        ("A blue foot is a kind of abnormal foot.", "supported"),
        ("A blue foot is an abnormal thing", "supported"),
        ("An abnormal foot is a kind of blue foot.", "contradicted"),
        ("A blue foot is not a kind of abnormal foot.", "contradicted"),
        ("A glass ear is a kind of abnormal foot.", "unknown"),
        ("Cyanotic foot is also called blue foot", "supported"),
        ("Hazy disease is inherited with autosomal dominant inheritance", "supported"),
        ("Skylopram treats hazy disease", "supported"),
        ("Hazy disease is treated by skylopram", "supported"),
        ("Skylopram treats misty disease", "contradicted"),
        ("Hazy disease treats skylopram", "unknown"),
        ("Cloud salt interacts with skylopram", "supported"),
        ("Hazy disease is funny", "unknown"),
        ("Nothing is known", "unknown"),
    ],
)
def test_a_claim_is_supported_contradicted_or_unknown(toy, claim, verdict):
    found = toy.check(claim)
    assert found.verdict == verdict
    assert bool(found.evidence) or verdict == "unknown"
    assert bool(found.why) == (verdict == "unknown")


def test_what_both_is_and_is_not_said_is_unknown_with_both(tmp_path):
    graph = open_graph(build_table(tmp_path, "head,relation,tail\nx pox,has finding,rash\nx pox,lacks finding,rash\n"))
    found = graph.check("X pox has rash")
    assert (found.verdict, len(found.evidence)) == ("unknown", 2) and "disagree" in found.why


# --- SPARQL -----------------------------------------------------------------------------------------------------------


def test_sparql_is_answered_with_ids_within_its_rows(toy):
    asked = "SELECT ?d ?n { ?d rel:has_finding obo:TY_0000004 ; rdfs:label ?n } ORDER BY ?d"
    rows = toy.query(asked)
    assert (rows.columns, rows.rows, rows.more) == (
        ["d", "n"],
        [["TOY:2", "Misty disease"], ["TOY:3", "Misty disease"]],
        False,
    )
    assert toy.query(asked, rows=1).more
    assert toy.query("ASK { obo:TOY_1 rel:has_finding obo:TY_0000003 }").rows == [["true"]]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("SELECT * { SERVICE <http://127.0.0.1:1/x> { ?s ?p ?o } }", "SERVICE"),
        ("SELECT * { # '\n \\u0053ervice <http://127.0.0.1:1/x> { ?s ?p ?o } # '\n}", "SERVICE"),
        ("INSERT DATA { <urn:a> <urn:b> <urn:c> }", "INSERT would change the graph"),
        ("LOAD <http://127.0.0.1:1/x>", "LOAD would change"),
        ("DELETE WHERE { ?s ?p ?o } ; ASK { ?s ?p ?o }", "not valid SPARQL at line 1"),
        ("SELECT ?x {", "not valid SPARQL at line 1, column 12$"),
        ("SELECT ?x {\n ?x nosuch:name ?y }", r"not valid SPARQL at line 2, column \d+$"),
        ("SELECT ?x { ?x ?y ?z FILTER(<http://x/f>(?x)) }", "not SPARQL that can be answered: .*http://x/f"),
    ],
)
def test_sparql_that_reaches_out_changes_or_is_broken_is_refused(toy, asked, said):
    with pytest.raises(UserError, match=said):
        toy.query(asked)


def test_sparql_that_takes_too_long_is_ended(toy):
    endless = "SELECT (COUNT(*) AS ?n) { " + " ".join(f"?a{i} ?b{i} ?c{i} ." for i in range(8)) + " }"
    with pytest.raises(UserError, match="longer than 0.5 s"):
        toy.query(endless, seconds=0.5)
