"""Documents come back from disk as they went, from one file or from a folder of them."""

from __future__ import annotations

from pathlib import Path

from residency.core.documents import documents_of, read_documents, table, write_documents
from residency.core.types import Document, Span


def test_documents_come_back_from_parquet_as_they_went(tmp_path: Path) -> None:
    whole = Document("1", "Text", "notes", "own", "de", "p1", "2024-01-02", [Span(0, 2, "x", 0.5)], {"a": [1, None]})
    documents = [whole, Document("2", "", "hpo", "free")]
    assert write_documents(tmp_path / "documents.parquet", iter(documents), batch=1) == 2
    assert list(read_documents(tmp_path / "documents.parquet")) == documents


def test_no_documents_are_a_file_too(tmp_path: Path) -> None:
    assert write_documents(tmp_path / "documents.parquet", []) == 0
    assert list(read_documents(tmp_path / "documents.parquet")) == []


def test_the_files_of_a_folder_are_read_by_name(tmp_path: Path) -> None:
    for name in "ba":
        write_documents(tmp_path / f"{name}.parquet", [Document(name, name.upper(), "notes", "own")])
    assert [document.text for document in read_documents(tmp_path)] == ["A", "B"]


def test_a_table_in_memory_holds_the_same(tmp_path: Path) -> None:
    one = Document("1", "Text", "notes", "own", spans=[Span(1, 2, "x")], meta={"kind": "note"})
    assert list(documents_of(table([one]))) == [one]
