"""Files become one graph: each triple once, with every line that says it, and the same files the same snapshot."""

import gzip

import pytest

from fixture_graph import CYCLE, HPOA, OBO, build_toy, write_files
from residency.core.errors import SourceError
from residency.corpus.graph.build import build
from residency.corpus.graph.facts import Fact
from residency.infer.graph import open_graph

OWL = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:owl="http://www.w3.org/2002/07/owl#"
  xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xmlns:oio="http://www.geneontology.org/formats/oboInOwl#">
 <owl:Class rdf:about="http://purl.obolibrary.org/obo/TY_0000007">
  <rdfs:label>Paper hand</rdfs:label>
  <oio:hasExactSynonym>Hand of paper</oio:hasExactSynonym>
  <rdfs:subClassOf rdf:resource="http://purl.obolibrary.org/obo/TY_0000001"/>
  <rdfs:subClassOf><owl:Restriction>
   <owl:onProperty rdf:resource="http://example.org/rel#partOf"/>
   <owl:someValuesFrom rdf:resource="http://purl.obolibrary.org/obo/TY_0000008"/>
  </owl:Restriction></rdfs:subClassOf>
 </owl:Class>
</rdf:RDF>
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return open_graph(build_toy(tmp_path_factory.mktemp("toy")))


def test_a_term_keeps_its_names_parents_and_relations(toy):
    said = {(fact.relation, fact.tail) for fact in toy.facts_of("TY:0000003")}
    assert ("name", "Blue foot") in said and ("synonym", "Cyanotic foot") in said and ("abbreviation", "BF") in said
    assert ("is a", "TY:0000002") in said and ("definition", 'A foot of "blue" colour.') in said
    assert Fact("TY:0000004", "part of", "TY:0000005") in toy.facts_of("TY:0000004")
    assert not any(tail == "Sad foot" for _, tail in said)  # obsolete
    assert toy.name("TY:0000006") == "TY:0000006"  # an obsolete term is not in the graph


def test_an_annotation_keeps_its_line_its_reference_and_its_frequency(toy):
    (origin,) = toy.origins(Fact("TOY:1", "has finding", "TY:0000003"))
    assert (origin.file, origin.line) == ("phenotype.hpoa", 3)
    assert origin.about == {"reference": "PMID:1", "evidence": "PCS", "frequency": "3/4"}


def test_an_id_that_another_term_took_in_leads_to_that_term(toy):
    assert toy.facts_of("TOY:1", "has finding") == [Fact("TOY:1", "has finding", "TY:0000003")]


def test_what_is_denied_is_a_relation_of_its_own_and_what_is_left_is_counted(toy):
    assert [fact.tail for fact in toy.facts_of("TOY:1", "lacks finding")] == ["TY:0000004"]
    left = {file["name"]: file["left"] for file in toy.about["files"]}
    assert left["toy.obo"] == {"obsolete term": 1}
    assert sum(left["phenotype.hpoa"].values()) == 1  # past medical history


def test_a_table_names_its_own_nodes_and_keeps_its_other_columns(toy):
    (origin,) = toy.origins(Fact("skylopram", "treats", "TOY:1"))
    assert (origin.file, origin.line, origin.about) == ("drugs.csv", 2, {"note": "trial 7"})
    assert toy.code("Skylopram") == "skylopram"


def test_owl_is_read_with_the_relations_it_hides_in_restrictions(tmp_path):
    with gzip.open(tmp_path / "paper.owl.gz", "wt") as handle:
        handle.write(OWL)
    about = build([tmp_path / "paper.owl.gz"], tmp_path / "graph")
    graph = open_graph(tmp_path / "graph")
    assert graph.code("hand of paper") == "TY:0000007" and graph.name("TY:0000007") == "Paper hand"
    part = Fact("TY:0000007", "http://example.org/rel#partOf", "TY:0000008")
    assert graph.says(part) and [one.file for one in graph.origins(part)] == ["paper.owl.gz"]
    assert about["relations"]["is a"] == 2  # the restriction itself stays as it was written


@pytest.mark.parametrize("name", ["a.ttl", "a.nt", "a.nq"])
def test_the_same_triples_are_read_from_any_rdf(tmp_path, name):
    line = "<http://purl.obolibrary.org/obo/TY_0000009> <http://www.w3.org/2000/01/rdf-schema#label> "
    (tmp_path / name).write_text(f'{line}"Wooden knee"{" <http://g>" if name == "a.nq" else ""} .\n')
    build([tmp_path / name], tmp_path / "graph")
    assert open_graph(tmp_path / "graph").code("wooden knee") == "TY:0000009"


def test_the_snapshot_is_that_of_the_content_whatever_the_order_and_the_place(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, second = write_files(tmp_path / "one"), write_files(tmp_path / "two")
    a, b = build(first, tmp_path / "a"), build(second[::-1], tmp_path / "b")
    assert a["snapshot"] == b["snapshot"] and a["triples"] == b["triples"]
    second[2].write_text(second[2].read_text() + "skylopram,treats,TOY:3,\n")
    assert build(second, tmp_path / "b")["snapshot"] != a["snapshot"]
    assert open_graph(tmp_path / "b").says(Fact("skylopram", "treats", "TOY:3"))  # it took the place of the old one


def test_a_triple_that_two_files_say_stands_once_and_names_both(tmp_path):
    for name in ("a.csv", "b.tsv"):
        mark = "," if name == "a.csv" else "\t"
        (tmp_path / name).write_text(f"subject{mark}predicate{mark}object\nred{mark}is a{mark}colour\n")
    assert build([tmp_path], tmp_path / "graph")["triples"] == 1
    origins = open_graph(tmp_path / "graph").origins(Fact("red", "is a", "colour"))
    assert [(one.file, one.line) for one in origins] == [("a.csv", 2), ("b.tsv", 2)]


def test_a_cycle_in_an_ontology_ends(tmp_path):
    (tmp_path / "cycle.csv").write_text(CYCLE)
    build([tmp_path / "cycle.csv"], tmp_path / "graph")
    graph = open_graph(tmp_path / "graph")
    assert graph.above("alpha") == {"alpha": 0, "beta": 1, "gamma": 2, "delta": 3}
    assert [len(path) for path in graph.paths("alpha", "delta", relations=["is a*"])] == [3]
    assert graph.paths("delta", "alpha", relations=["is a*"]) == []


def test_bad_lines_are_counted_and_too_many_are_refused_with_their_places(tmp_path):
    lines = ["head,relation,tail", *(f"a{i},is a,b" for i in range(40)), "a,,b"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    (file,) = build([tmp_path / "t.csv"], tmp_path / "graph")["files"]
    assert (file["facts"], file["bad"], file["places"]) == (40, 1, ["t.csv, line 42: no head, relation and tail"])
    (tmp_path / "t.csv").write_text("head,relation,tail\na,is a,b\na,,secret\n")
    with pytest.raises(SourceError, match="1 of 2 records are bad: t.csv, line 3") as caught:
        build([tmp_path / "t.csv"], tmp_path / "graph")
    assert "secret" not in str(caught.value)
    assert open_graph(tmp_path / "graph").about["files"][0]["facts"] == 40  # the graph that stood there still does


def test_what_is_no_graph_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(SourceError, match="no graph by its ending; legal: .obo"):
        build([tmp_path / "notes.txt"], tmp_path / "graph")
    with pytest.raises(SourceError, match="there is no"):
        build([tmp_path / "absent.obo"], tmp_path / "graph")
    (tmp_path / "kept").mkdir()
    (tmp_path / "toy.obo").write_text(OBO)
    with pytest.raises(SourceError, match="exists and is no graph"):
        build([tmp_path / "toy.obo"], tmp_path / "kept")
    with pytest.raises(SourceError, match="is no graph; make one"):
        open_graph(tmp_path / "kept")


def test_an_annotation_without_its_columns_is_bad_and_named(tmp_path):
    (tmp_path / "phenotype.hpoa").write_text(HPOA + "TOY:9\tHalf\n")
    with pytest.raises(SourceError, match="phenotype.hpoa, line 10"):
        build([tmp_path / "phenotype.hpoa"], tmp_path / "graph")


@pytest.mark.slow
def test_five_million_triples_are_loaded_in_bounded_memory(tmp_path):
    import subprocess
    import sys

    with (tmp_path / "big.csv").open("w") as handle:
        handle.write("head,relation,tail\n")
        handle.writelines(
            f"BIG:{i},{('is a', 'next to')[i % 2]},BIG:{i * 7919 % 1_000_003}\n" for i in range(5_000_000)
        )
    script = (
        "import sys; from residency.corpus.graph.build import build; "
        "made = build([sys.argv[1]], sys.argv[2])['triples']; "  # VmHWM: ru_maxrss would have that of who started it
        "print(made, next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "big.csv"), str(tmp_path / "graph")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    triples, peak_kb = map(int, done.stdout.split())
    assert triples == 5_000_000
    assert peak_kb < 1_000_000
    assert len(open_graph(tmp_path / "graph").paths("BIG:1", "BIG:7919")) == 1
