"""The user's own data as sources: any folder by content, text files, and JSONL."""

import gzip
import json
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residency.core.errors import SourceError, UserError
from residency.core.settings import plain, settings_of
from residency.core.store import read_json
from residency.core.types import Document
from residency.corpus.assemble import collect
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
    left = {record.reason for record in found if isinstance(record, Left)}
    assert left == {"hidden file", "no format that is read here (.png)"} and len(source.files) == 6
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


def test_wrongly_named_files_are_read_by_what_they_are_and_broken_json_names_its_lines(tmp_path):
    for name, content in {
        "rows.csv": '{"text": "One."}\n{"text": "Two."}\n',
        "table.jsonl": "text;id\nThree.;3\nFour.;4\n",
        "table.txt": "NOTE_ID\tPERSON_ID\tNOTE_TEXT\n5\t1\tFive.\n",
        "note.json": "Six, seven, as told: 88.\nNo change.\n",
        "broken.jsonl": '{"text": "Seven."}\n{"text": "eight\n{"text": "Nine."}\n',
        "broken.json": '{"text": "ten"\n',
    }.items():
        (tmp_path / name).write_text(content)
    found = records(read_files(path=tmp_path))
    texts = {d.text.partition(".")[0].partition(",")[0] for d in found if isinstance(d, Document)}
    assert texts == {"One", "Two", "Three", "Four", "Five", "Six", "Seven", "Nine"}
    assert [(b.file, b.line) for b in found if isinstance(b, Bad)] == [("broken.json", None), ("broken.jsonl", 2)]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.json", "a.parquet", "a.txt"])
def test_a_named_column_that_no_file_has_is_said_before_reading_with_those_that_there_are(tmp_path, name):
    rows = [{"note_body": "One.", "mrn": 7}, {"note_body": "Größe", "mrn": 8}]
    (tmp_path / "page.md").write_text("The note_bdy and the mrn are not told here.")
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    else:
        lines = [json.dumps(row) for row in rows]
        said = {
            "a.csv": "note_body;mrn\nOne.;7\n",
            "a.json": json.dumps({"rows": rows}, indent=1),
            "a.txt": "note_body;mrn\nOne.;7\n",  # a text, as nothing says that it is a table
        }.get(name.removesuffix(".gz"), "\n".join(lines))
        content = said.encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with pytest.raises(SourceError, match=r"no file under .* has a column note_bdy \(columns: text\)") as caught:
        read_files(path=tmp_path, columns={"text": "note_bdy", "patient": "mrn"})
    assert ("note_body, mrn" in str(caught.value)) == (name != "a.txt") and "One." not in str(caught.value)
    found = records(read_files(path=tmp_path, columns={"text": "Note-Body", "patient": "mrn"}))
    assert "One." in {d.text for d in found if isinstance(d, Document) and d.patient == "7"}


def test_files_without_the_named_columns_are_read_by_their_own_and_rows_without_them_are_bad(tmp_path):
    (tmp_path / "a.csv").write_text("note_body;mrn;text\nOne.;7;summary\n;8;summary\n")
    (tmp_path / "b.jsonl").write_text('{"text": "Two."}\n{"question": "Q?", "answer": "A."}\n')
    (tmp_path / "c.jsonl").write_text('{"note_body": "Three.", "text": "summary"}\n{"text": "summary"}\n')
    found = records(read_files(path=tmp_path, columns={"text": "note_body"}))
    assert {d.text for d in found if isinstance(d, Document)} == {"One.", "Two.", "Q?\n\nA.", "Three."}
    assert [(b.file, b.line) for b in found if isinstance(b, Bad)] == [("a.csv", 3), ("c.jsonl", 2)]


def test_the_column_is_looked_for_in_the_encoding_of_the_folder_and_in_one_format_for_all(tmp_path):
    (tmp_path / "a.csv").write_bytes("größe;text_lang\n1;Ein Fall.\n".encode("cp1252"))
    found = records(read_files(path=tmp_path, columns={"text": "text_lang", "id": "größe"}, encoding="cp1252"))
    assert [(d.id, d.text) for d in found] == [("1", "Ein Fall.")]
    (tmp_path / "b.jsonl").write_text('{"x": 1}\n')
    with pytest.raises(SourceError, match="has a column boody"):
        read_jsonl_source(path=tmp_path, columns={"text": "boody"})


def test_a_table_of_no_known_shape_alone_stops_the_corpus_with_its_columns_and_a_folder_goes_on(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "visits.csv").write_text("visit_note,mrn\n" + "A cough.,7\n" * 500)
    with pytest.raises(SourceError, match="its columns: visit_note, mrn.*columns: {text: COLUMN}"):
        collect(out=tmp_path / "out", sources=[{"files": {"path": tmp_path / "in"}}])
    (tmp_path / "in" / "a.txt").write_text("A fever.")
    (tmp_path / "in" / ".secret").write_text("x")
    collect(out=tmp_path / "out", sources=[{"files": {"path": tmp_path / "in"}}])
    [card] = read_json(tmp_path / "out" / "card.json")["sources"]
    assert card["left"] == {"hidden file": 1, "row of a table of no known shape": 500}
    assert (card["documents"], card["bad"]) == (1, 1)


def test_what_is_in_no_shape_for_trainers_is_counted_by_what_it_is(tmp_path):
    turns = [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]
    rows = [
        {"messages": turns},
        {"messages": turns[:1]},
        {"prompt": "P", "chosen": "c", "rejected": "r"},
        {"text": "T"},
    ]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "in" / "b.obo").write_text("format-version: 1.2\n\n[Term]\nid: M:1\nname: a fever\n")
    shapes = ("text", "instruct", "preference")
    collect(out=tmp_path / "out", sources=[{"files": {"path": tmp_path / "in"}}], shapes=shapes)
    found = read_json(tmp_path / "out" / "card.json")["shapes"]
    assert found == {
        "text": {
            "rows": 1,
            "left": {
                "a chat or a judged pair, not a text": 3,
                "a record of an ontology or a classification, not a text": 1,
            },
        },
        "instruct": {"rows": 1, "left": {"a chat that does not end with an answer": 1, "not a chat": 3}},
        "preference": {"rows": 1, "left": {"not a judged pair": 4}},
    }
    for shape, about in found.items():
        assert pq.read_table(tmp_path / "out" / shape).num_rows == about["rows"]
        assert about["rows"] + sum(about["left"].values()) == 5
    assert "| instruct | not a chat | 3 |" in (tmp_path / "out" / "README.md").read_text()


def test_the_settings_of_files_can_be_written_down_as_plain_data():
    json.dumps({name: plain(field.default) for name, field in settings_of(read_files).items() if name != "path"})


def test_a_folder_is_asked_for_files_by_their_endings(folder):
    assert [path.name for path in files_of(folder, (".jsonl", ".csv"))] == ["more.csv", "rows.jsonl"]
    assert there_are(".xml").problem(str(folder)) and there_are(".csv").problem(str(folder)) is None
