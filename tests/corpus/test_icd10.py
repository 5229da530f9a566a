"""The classification is read whole, against the package's own reading of it, and damage is named by line."""

import random

import pytest

from residency.core.errors import SourceError
from residency.core.types import Document
from residency.corpus.icd10 import read_icd10
from residency.corpus.records import Bad

XML = """<?xml version="1.0" encoding="utf-8"?>
<ICD10CM.tabular>
  <version>2031</version>
  <chapter>
    <name>1</name>
    <desc>First (A00)</desc>
    <section id="A00">
      <desc>Cholera (A00)</desc>
      <diag>
        <name>A00</name>
        <desc>Cholera</desc>
        <excludes1><note>carrier (Z22)</note></excludes1>
        <diag><name>A00.0</name><desc>Classical
          cholera</desc><inclusionTerm><note>Classical &amp; old</note></inclusionTerm></diag>
        <diag><name>A00.1</name></diag>
        <diag><name>A00.0</name><desc>Again</desc></diag>
      </diag>
    </section>
  </chapter>
</ICD10CM.tabular>
"""


@pytest.fixture(scope="module")
def documents():
    return {record.id: record for record in read_icd10().records}


def test_no_record_of_the_installed_classification_is_bad(documents):
    assert all(isinstance(record, Document) for record in documents.values())
    assert sum(record.meta["kind"] == "code" for record in documents.values()) > 45_000


def test_codes_agree_with_the_package_that_ships_them(documents):
    import simple_icd_10_cm as oracle  # reads the whole classification when it is imported

    codes = sorted(key for key, record in documents.items() if record.meta["kind"] == "code")
    for code in [*random.Random("icd").sample(codes, 400), "E11", "E11.9", "A00"]:
        meta = documents[code].meta
        assert meta["description"] == " ".join(oracle.get_description(code).split())
        for name, read in (
            ("inclusion_terms", oracle.get_inclusion_term),
            ("includes", oracle.get_includes),
            ("excludes1", oracle.get_excludes1),
            ("excludes2", oracle.get_excludes2),
        ):
            assert meta[name] == [" ".join(note.split()) for note in read(code)]
        assert meta["parent"].removeprefix("block ") == oracle.get_parent(code)
        spelt_out = [child for child in oracle.get_children(code) if child in documents]
        assert meta["is_leaf"] == (not spelt_out)


def test_every_parent_is_a_document_and_leads_to_a_chapter(documents):
    for record in documents.values():
        parent = record.meta["parent"]
        assert record.meta["kind"] == "chapter" if parent is None else parent in documents
    assert documents["E11.9"].meta["chapter"] == "4"


def test_damage_is_named_by_line_and_costs_only_itself(tmp_path):
    (tmp_path / "tabular.xml").write_text(XML)
    source = read_icd10(path=tmp_path / "tabular.xml")
    records = list(source.records)
    found = {record.id: record for record in records if isinstance(record, Document)}
    bad = [record for record in records if isinstance(record, Bad)]
    assert list(found) == ["chapter 1", "block A00", "A00", "A00.0"]
    assert [(record.line, record.reason) for record in bad] == [
        (15, "a code without a name or a description"),
        (16, "the code A00.0 stands here a second time"),
    ]
    assert found["A00.0"].text == "Classical cholera"
    assert found["A00.0"].meta["inclusion_terms"] == ["Classical & old"]
    assert found["A00"].meta["excludes1"] == ["carrier (Z22)"] and not found["A00"].meta["is_leaf"]
    assert source.version == "2031 (tabular)"


def test_a_torn_file_is_refused_with_the_line(tmp_path):
    (tmp_path / "tabular.xml").write_text(XML[:400])
    with pytest.raises(SourceError, match=r"tabular.xml, line 1\d"):
        read_icd10(path=tmp_path / "tabular.xml")


def test_another_xml_file_is_refused(tmp_path):
    (tmp_path / "other.xml").write_text("<a><b/></a>")
    with pytest.raises(SourceError, match="holds no code"):
        read_icd10(path=tmp_path / "other.xml")
    with pytest.raises(SourceError, match="not a file"):
        read_icd10(path=tmp_path / "absent.xml")
