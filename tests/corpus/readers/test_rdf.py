"""Classes and concepts of RDF are read whatever the serialization and the order; hostile files end in time."""

import gzip
import subprocess
import sys
import time

import pytest

from residency.core.types import Document
from residency.corpus.readers import read_file
from residency.corpus.readers.detect import detect
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left

OPEN = Left("term that is open where its file breaks off")
PREFIXES = """@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> . @prefix obo: <http://purl.obolibrary.org/obo/> .
@prefix oio: <http://www.geneontology.org/formats/oboInOwl#> . @prefix : <http://x.org/> .
"""
TURTLE = (
    PREFIXES
    + """
<http://x.org/onto> a owl:Ontology .
obo:HP_0000004 a owl:Class ; rdfs:label "Cataract"@en, "Katarakt"@de, "Cataracte"@fr-CA ;
  obo:IAO_0000115 "A cloudy lens."@en, "Eine Linse."@de ; rdfs:comment "Common." ;
  oio:hasExactSynonym "Cloudy lens" ; oio:hasRelatedSynonym "CAT"@en ; oio:hasDbXref "UMLS:C1" ;
  rdfs:subClassOf obo:HP_0000003, [ a owl:Restriction ; rdfs:label "not a name" ] ; oio:hasOBONamespace "eyes" .
obo:HP_0000005 a owl:Class ; rdfs:label "Old" ; owl:deprecated true .
:c1 a skos:Concept ; skos:prefLabel "Linse"@de ; skos:altLabel "Augenlinse"@de, "Crystalline"@en ;
  skos:definition "Teil."@de ; skos:broader :c0 ; skos:notation "A.1" .
:nameless a owl:Class .
:p a owl:ObjectProperty ; rdfs:label "part of" .
"""
)
RDFXML = """<?xml version="1.0"?>
<!DOCTYPE rdf:RDF [
  <!ENTITY owl "http://www.w3.org/2002/07/owl#" >
  <!ENTITY obo 'http://purl.obolibrary.org/obo/' >
]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:owl="&owl;"
  xmlns:rdfs="http://www.w3.org/2000/01/rdf-schema#" xml:base="http://x.org/o">
<owl:Class rdf:about="&obo;HP_0000001">
 <rdfs:label xml:lang="en">All &amp; more</rdfs:label>
 <rdfs:subClassOf><owl:Restriction><rdfs:label>inner</rdfs:label></owl:Restriction></rdfs:subClassOf>
 <rdfs:comment>{comment}</rdfs:comment>
</owl:Class>
<owl:Class rdf:about="#local">
 <rdfs:label>Local</rdfs:label>
</owl:Class>
</rdf:RDF>
"""


def read(tmp_path, content, name, language="en", limits=None):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert detect(path) == "rdf"
    return list(read_file(Given(path, name, "onto", "CC0", language=language, limits=limits or Limits()), "rdf"))


def test_a_class_of_turtle_is_told_in_the_language_that_is_asked_for(tmp_path):
    term = next(r for r in read(tmp_path, TURTLE, "eyes.ttl") if isinstance(r, Document))
    assert (term.id, term.text, term.language) == ("HP:0000004", "Cataract\n\nA cloudy lens.", "en")
    assert term.meta == {
        "kind": "term",
        "name": "Cataract",
        "definition": "A cloudy lens.",
        "synonyms": [{"text": "Cloudy lens", "scope": "EXACT"}, {"text": "CAT", "scope": "RELATED"}],
        "is_a": ["HP:0000003"],
        "xrefs": ["UMLS:C1"],
        "labels": {"de": "Katarakt", "fr-ca": "Cataracte"},
        "namespace": "eyes",
    }
    german = next(r for r in read(tmp_path, TURTLE, "eyes.ttl", language="de") if isinstance(r, Document))
    assert (german.text, german.language) == ("Katarakt\n\nEine Linse.", "de")


def test_a_concept_without_the_wanted_language_is_told_in_its_own(tmp_path):
    concept = [r for r in read(tmp_path, TURTLE, "eyes.ttl") if isinstance(r, Document)][-1]
    assert (concept.id, concept.text, concept.language) == ("http://x.org/c1", "Linse\n\nTeil.", "de")
    assert concept.meta["synonyms"] == [{"text": "Augenlinse", "scope": "EXACT"}]
    assert (concept.meta["is_a"], concept.meta["code"]) == (["http://x.org/c0"], "A.1")


def test_every_named_subject_of_rdf_is_counted(tmp_path):
    records = read(tmp_path, TURTLE, "eyes.ttl")
    assert [record.reason for record in records if isinstance(record, Left)] == [
        "no class and no concept",
        "obsolete term",
        "term without a name",
        "no class and no concept",
    ]
    assert len(records) == 6


def test_what_stands_apart_is_put_together(tmp_path):
    label = '<http://x.org/{0}> <http://www.w3.org/2000/01/rdf-schema#label> "term {0}" .\n'
    kind = (
        "<http://x.org/{0}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/2002/07/owl#Class> .\n"
    )
    content = "".join(label.format(i) for i in range(50)) + "".join(kind.format(i) for i in reversed(range(50)))
    records = read(tmp_path, content, "apart.nt")
    assert [(record.id, record.text) for record in records] == [(f"http://x.org/{i}", f"term {i}") for i in range(50)]


def test_entities_for_namespaces_work_in_single_and_double_quotes(tmp_path):
    first, second = read(tmp_path, RDFXML.format(comment="Top."), "o.owl")
    assert (first.id, first.text) == ("HP:0000001", "All & more\n\nTop.")
    assert (second.id, second.text) == ("http://x.org/o#local", "Local")


@pytest.mark.parametrize(
    "declared",
    [
        '<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">',
        '<!ENTITY c SYSTEM "file:///etc/hostname">',
        '<!ENTITY % p "x"><!ENTITY c "y">',
        f'<!ENTITY c "{"long" * 1000}">',
        "".join(f'<!ENTITY e{i} "x">' for i in range(1100)) + '<!ENTITY c "y">',
    ],
)
def test_hostile_entities_are_neither_expanded_nor_fetched(tmp_path, declared):
    content = RDFXML.format(comment="&c;" * 50).replace("<!ENTITY owl", f"{declared}<!ENTITY owl")
    (bad,) = read(tmp_path, content, "o.owl")
    assert isinstance(bad, Bad) and "entities" in bad.reason


def test_cut_rdf_xml_keeps_complete_terms_and_names_the_line(tmp_path):
    content = RDFXML.format(comment="Top.").replace(" <rdfs:label>Local</rdfs:label>\n</owl:Class>\n</rdf:RDF>\n", "")
    bad, left, term = read(tmp_path, content + " <rdfs:label>Lo", "o.owl")
    assert bad == Bad("o.owl", content.count("\n") + 1, "not well-formed XML; what follows was not read")
    assert left == OPEN and term.id == "HP:0000001"


def test_a_bad_statement_of_triples_costs_itself_and_a_cut_one_its_subject(tmp_path):
    line = '<http://x.org/{0}> <http://www.w3.org/2000/01/rdf-schema#label> "{0}" .\n'
    kind = (
        "<http://x.org/{0}> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://www.w3.org/2002/07/owl#Class> .\n"
    )
    terms = [kind.format(i) + line.format(i) for i in range(3)]
    content = terms[0] + "nonsense here\n" + terms[1] + terms[2][:-5]
    records = read(tmp_path, content, "x.nt")
    assert [record.line for record in records[:2]] == [3, 7]
    assert records[2] == OPEN and [record.text for record in records[3:]] == ["0", "1"]


def test_a_truncated_gzip_of_triples_keeps_what_was_read_before(tmp_path):
    term = '<http://x.org/{0}> a owl:Class ; rdfs:label "{0}" .\n'
    content = gzip.compress((PREFIXES + "".join(term.format(i * 7919 % 10007) for i in range(9000))).encode())
    records = read(tmp_path, content[: len(content) // 2], "x.ttl.gz")
    assert "gzip" in records[0].reason and len(records) > 100
    assert all(isinstance(record, Document) for record in records if record not in (records[0], OPEN))


def test_owl_xml_and_garbage_are_named(tmp_path):
    (bad,) = read(tmp_path, '<?xml version="1.0"?><Ontology xmlns="http://www.w3.org/2002/07/owl#"/>', "o.owl")
    assert "OWL/XML" in bad.reason
    assert read(tmp_path, PREFIXES, "o.ttl") == [Bad("o.ttl", None, "no class and no concept in it")]
    records = read(tmp_path, b"@prefix x: <http://x#> .\n" + b"\x81 garbage ;;; {{ \n" * 3000, "o.ttl")
    assert records and all(isinstance(record, Bad) for record in records) and len(records) <= 101


def test_a_subject_beyond_the_limit_is_named(tmp_path):
    big = f':big a owl:Class ; rdfs:label "{"word " * 50_000}" .\n:small a owl:Class ; rdfs:label "small" .'
    bad, term = read(tmp_path, PREFIXES + big, "x.ttl", limits=Limits(record_mb=0.1))
    assert "record_mb" in bad.reason and term.text == "small"


def test_endless_nesting_of_rdf_xml_ends_in_time(tmp_path):
    inside = "<rdf:Description><r:p>" * 200_000
    content = f'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:r="http://r#">{inside}'
    began = time.monotonic()
    records = read(tmp_path, content, "deep.rdf", limits=Limits(seconds=2))
    assert len(records) == 1 and isinstance(records[0], Bad) and time.monotonic() - began < 10


MEASURE = """
import resource, sys
from pathlib import Path
from residency.corpus.readers import read_file
from residency.corpus.readers.guard import Given
import pyoxigraph
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in read_file(Given(Path(sys.argv[1]), "big.nt", "x", "y"), "rdf"))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_memory_is_bounded_however_many_terms_there_are(tmp_path):
    line = '<http://x.org/term/{0}> <http://www.w3.org/2000/01/rdf-schema#label> "term {0} {1}" .\n'
    (tmp_path / "big.nt").write_text("".join(line.format(i, "word " * 200) for i in range(30_000)))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "big.nt")], capture_output=True, text=True, check=True
    )
    count, grown = map(int, done.stdout.split())
    assert count == 30_000 and grown * 1024 < (tmp_path / "big.nt").stat().st_size  # 32 MB
