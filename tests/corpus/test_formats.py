"""The user's own data as sources: any folder by content, text files, and JSONL."""

import gzip
import json
import pickle

import pytest

from residency.core.errors import SourceError, UserError
from residency.core.settings import plain, settings_of
from residency.core.types import Document
from residency.corpus.formats import files_of, read_files, read_jsonl_source, read_notes, there_are
from residency.corpus.records import Bad, Left


def records(source):
    return [record for part in source.parts for record in pickle.loads(pickle.dumps(part))()]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ward").mkdir()
    (tmp_path / "ward" / "a.txt").write_bytes(b"\xef\xbb\xbfA cough.\n")
    (tmp_path / "ward" / "b.txt").write_bytes(b"\xe9")
    (tmp_path / "rows.jsonl").write_text('{"body": "One."}\n{"prompt": "Q?", "completion": "A."}\n')
    (tmp_path / "more.csv").write_text("body,mrn\nTwo.,7\n")
    (tmp_path / "packed.ndjson.gz").write_bytes(gzip.compress(b'{"body": "Three."}\n'))
    (tmp_path / "scan.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(200)))
    (tmp_path / ".hidden").write_text("no")
    return tmp_path


def test_a_folder_of_anything_is_read_by_content_and_nothing_is_lost(folder):
    source = read_files(path=folder, columns={"text": "body"}, licence="CC0-1.0", language="de")
    found = records(source)
    assert {d.text.strip() for d in found if isinstance(d, Document)} == {"A cough.", "One.", "Two.", "Three."}
    assert [b.file for b in found if isinstance(b, Bad)] == ["rows.jsonl", "ward/b.txt"]
    assert sum(isinstance(record, Left) for record in found) == 1 and len(source.files) == 6
    two = next(d for d in found if isinstance(d, Document) and d.text == "Two.")
    assert (two.id, two.patient, two.source, two.licence, two.language) == ("more.csv:2", "7", "files", "CC0-1.0", "de")


def test_one_format_may_be_said_for_all_and_another_encoding(tmp_path):
    (tmp_path / "a.dat").write_bytes('{"text": "Fièvre"}\n'.encode("cp1252"))
    (found,) = records(read_files(path=tmp_path, format="jsonl", encoding="cp1252"))
    assert found.text == "Fièvre"


def test_notes_are_only_the_text_files_and_called_by_their_path(folder):
    source = read_notes(path=folder)
    found = records(source)
    assert [(d.id, d.meta["kind"], d.source) for d in found if isinstance(d, Document)] == [("ward/a", "note", "notes")]
    assert str(found[1]).startswith("ward/b.txt: not UTF-8 at byte 0") and len(source.files) == 2


def test_jsonl_is_read_with_its_shapes_packed_or_not(folder):
    found = records(read_jsonl_source(path=folder, columns={"text": "body"}))
    assert [d.id for d in found if isinstance(d, Document)] == ["packed.ndjson.gz:1", "rows.jsonl:1"]
    found = records(read_jsonl_source(path=folder / "rows.jsonl"))
    assert found[1].meta["shape"] == "prompt-completion" and found[0].line == 1


def test_what_is_not_there_and_what_is_not_legal_is_said_before_reading(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        read_files(path=tmp_path / "none")
    with pytest.raises(SourceError, match="holds no file that ends in .txt"):
        read_notes(path=tmp_path)
    with pytest.raises(UserError, match="did you mean"):
        (tmp_path / "a.txt").write_text("x")
        read_files(path=tmp_path, format="jsonll")
    rules = {
        name: field.hint.__metadata__[-1]
        for name, field in settings_of(read_files).items()
        if name in ("format", "columns")
    }
    assert "did you mean patient" in rules["columns"].problem({"patientt": "x"}) and not rules["columns"].problem(
        {"text": "x"}
    )
    assert "did you mean parquet" in rules["format"].problem("parket") and not rules["format"].problem("")


def test_the_settings_of_files_can_be_written_down_as_plain_data():
    json.dumps({name: plain(field.default) for name, field in settings_of(read_files).items() if name != "path"})


def test_a_folder_is_asked_for_files_by_their_endings(folder):
    assert [path.name for path in files_of(folder, (".jsonl", ".csv"))] == ["more.csv", "rows.jsonl"]
    assert there_are(".xml").problem(str(folder)) and there_are(".csv").problem(str(folder)) is None
