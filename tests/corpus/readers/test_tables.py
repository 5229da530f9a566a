"""CSV and Parquet: columns by names, quotes and line ends as they come, and damage costs a row, not a file."""

import csv
import io
import random
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from residency.core.types import Document
from residency.corpus.readers import read_file
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left


def read(tmp_path, content, form="csv", **fields):
    path = tmp_path / f"a.{form}"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_file(Given(path, path.name, "made", "CC0-1.0", **fields), form))


def texts(records):
    return [record.text for record in records if isinstance(record, Document)]


def bad(records):
    return [(record.line, record.reason) for record in records if isinstance(record, Bad)]


# --- CSV -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_which_gives_rows_of_one_width(tmp_path, mark):
    rows = [["NOTE_ID", "PERSON_ID", "NOTE_TEXT"], ["n1", "p1", "a, b; c"], ["n2", "p1", "two\nlines | here"]]
    out = io.StringIO()
    csv.writer(out, delimiter=mark).writerows(rows)
    found = read(tmp_path, out.getvalue())
    assert texts(found) == ["a, b; c", "two\nlines | here"]
    assert [(d.id, d.patient, d.place[1]) for d in found] == [("n1", "p1", 2), ("n2", "p1", 3)]


def test_rows_are_called_by_the_line_they_begin_on_and_those_of_another_width_are_bad(tmp_path):
    found = read(tmp_path, 'text,ward\n"a\nb",1\nonly\nx,y,z\n\n,\nlast,2\n')
    assert [(d.id, d.text) for d in found if isinstance(d, Document)] == [("a.csv:2", "a\nb"), ("a.csv:8", "last")]
    assert [line for line, _ in bad(found)] == [4, 5] and "3 columns where the first line names 2" in bad(found)[1][1]
    assert sum(isinstance(record, Left) for record in found) == 1


def test_a_quote_that_is_never_closed_costs_its_row_and_not_the_rest(tmp_path):
    rows = ["id,text", '1,"open', '2,"a\nb"', "3,c", '4,"said "so" twice"', "5,d"]
    found = read(tmp_path, "\n".join(rows))
    assert texts(found) == ["a\nb", "c", "d"] and [line for line, _ in bad(found)] == [2, 6]
    found = read(tmp_path, 'id,text\n1,a\n2,"open\n3,b\n4,c\n')
    assert texts(found) == ["a", "b", "c"] and [line for line, _ in bad(found)] == [3]


def test_a_field_above_the_limit_a_nul_byte_and_a_wrong_encoding_cost_a_row_each(tmp_path):
    big = "\n".join(["x" * 400] * 6)
    content = f'text,n\na,1\n"{big}",2\nb\0,3\n'.encode() + b'"line\nbad \xff\nline",4\n\xfe,5\nz,6\n'
    found = read(tmp_path, content, limits=Limits(record_mb=0.002))
    assert texts(found) == ["a", "z"]
    reasons = [reason for _, reason in bad(found)]
    assert "a field above limits: record_mb" in reasons[0] and any("NUL" in reason for reason in reasons)
    assert any("a line of it cannot be read: not UTF-8" in reason for reason in reasons)


def test_a_file_without_names_in_its_first_line_is_bad_and_its_values_are_not_said(tmp_path):
    for first in ("Arkwright,1950-02-03,cough", "Arkwright,note,cough", "Arkwright,Jane,fever"):
        found = read(tmp_path, f"{first}\nMiller,1960-01-01,fever\n")
        assert [line for line, _ in bad(found)] == [1] and found[1:] == [Left("row of a table of no known shape")]
        assert not any(word in str(found[0]) for word in ("Arkwright", "1950", "cough", "Jane", "fever"))
        assert "may be values" in str(found[0]) or "note and 2 more" in str(found[0])
        assert "columns: {text: COLUMN}" in str(found[0])


def test_a_table_of_no_known_shape_names_its_columns_and_each_of_its_rows_is_counted(tmp_path):
    rows = ["note_id,note_body,mrn,written", '1,"a\nb",7,2021', "2,c,7,2021", "3,d", "4,e,7,2022"]
    found = read(tmp_path, "\n".join(rows))
    assert [line for line, _ in bad(found)] == [1, 5] and sum(isinstance(record, Left) for record in found) == 3
    assert "its first line: no known shape; its columns: note_id, note_body, mrn, written; known shapes:" in str(
        found[0]
    )
    found = read(tmp_path, "\n".join(rows), options={"columns": {"text": "note_bdy"}})
    assert "no column note_bdy (columns: text); its columns: note_id, note_body" in str(found[0])
    named = {"text": "note_body", "id": "note_id", "date": "written"}
    found = read(tmp_path, "\n".join(rows), options={"columns": named})
    assert [(d.id, d.text, d.patient, d.date) for d in found if isinstance(d, Document)] == [
        ("1", "a\nb", "7", "2021"),
        ("2", "c", "7", "2021"),
        ("4", "e", "7", "2022"),
    ]


def test_excels_marks_and_columns_without_or_with_the_same_name(tmp_path):
    found = read(tmp_path, b"\xef\xbb\xbfsep=;\r\ntext;;text;ward\r\na;1;2;3\r\n")
    assert texts(found) == ["a"] and {"column_2": "1", "text_2": "2", "ward": "3"}.items() <= found[0].meta.items()
    assert texts(read(tmp_path, "text\tid\nÖdem\t1\n".encode("utf-16"))) == ["Ödem"]
    assert texts(read(tmp_path, "text;id\nFièvre;1\n".encode("cp1252"), encoding="cp1252")) == ["Fièvre"]


def test_an_empty_file_or_one_of_only_names_holds_no_record(tmp_path):
    assert all(isinstance(record, Left) for content in ("", "\n\n", "text,id\n") for record in read(tmp_path, content))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.text(max_size=12), st.text('",;\n\r\t |a\u2028é', max_size=8)), max_size=8),
    mark=st.sampled_from(",;\t|"),
)
def test_what_pythons_writer_writes_is_read_back_row_by_row(tmp_path, rows, mark):
    rows = [
        ("t " + "".join(c for c in text if c not in "\0" and not "\ud800" <= c <= "\udfff"), ward)
        for text, ward in rows
    ]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=mark).writerows([("text", "ward"), *rows])
    found = read(tmp_path, out.getvalue(), options={"delimiter": mark})
    assert [(d.text, d.meta.get("ward")) for d in found if isinstance(d, Document)] == rows


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text('",\na', max_size=60))
def test_any_quotes_end_and_every_record_is_named_by_a_line_of_the_file(tmp_path, noise):
    content = "id,text\n1,first\n" + noise
    found = read(tmp_path, content)
    assert texts(found)[0] == "first"
    assert all(1 <= line <= content.count("\n") + 1 for line, _ in bad(found))


ROWS = st.lists(st.sampled_from(["a,1", '"b\nc",2', "only", "x,y,z", ",", '"torn', "d,3"]), max_size=12)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, head=st.sampled_from(["text,n", "odd,n", "Arkwright,7"]))
def test_every_row_is_exactly_one_document_bad_or_left(tmp_path, rows, head):
    whole = [row for row in rows if row != '"torn']
    found = read(tmp_path, "\n".join([head, *whole]) + "\n")
    assert len(found) == (len(whole) or 1) if head == "text,n" else len(found) == len(whole) + 1
    kinds = [sum(isinstance(record, kind) for record in found) for kind in (Document, Left, Bad)]
    wide = sum(row in ("only", "x,y,z") for row in whole)
    texts = sum(row in ("a,1", '"b\nc",2', "d,3") for row in whole)
    assert kinds[2] == wide + (head != "text,n") and (head != "text,n" or kinds[0] == texts)
    found = read(tmp_path, "\n".join([head, *rows]) + "\n")
    assert sum(isinstance(record, Bad) for record in found) >= rows.count('"torn') > 0 or '"torn' not in rows


# --- Parquet ---------------------------------------------------------------------------------------------------------


def write(path, rows, **settings):
    pq.write_table(pa.Table.from_pylist(rows), path, **settings)


def test_rows_of_all_groups_are_read_and_called_by_their_number(tmp_path):
    rows = [
        {"text": f"note {n}", "date": datetime(2021, 3, 5, n % 24), "vector": [0.5] * 4, "raw": b"x"} for n in range(50)
    ]
    write(tmp_path / "a.parquet", rows, row_group_size=7)
    found = read(tmp_path, None, "parquet")
    assert [(d.id, d.text) for d in found] == [(f"a.parquet:{n + 1}", f"note {n}") for n in range(50)]
    assert found[3].date == "2021-03-05T03:00:00" and set(found[3].meta) == {"kind", "shape"}


def test_nested_messages_are_a_chat_and_only_named_columns_are_read_where_they_are_named(tmp_path):
    turns = [{"role": "user", "content": "Q?"}, {"role": "assistant", "content": "A."}]
    write(tmp_path / "a.parquet", [{"messages": turns, "note": "N", "id": 1, "other": "o"}])
    assert read(tmp_path, None, "parquet")[0].meta["messages"] == turns
    found = read(tmp_path, None, "parquet", options={"columns": {"text": "note"}})
    assert (found[0].id, found[0].text) == ("1", "N") and "other" not in found[0].meta


def test_a_damaged_group_of_rows_is_named_and_the_others_are_read(tmp_path):
    path = tmp_path / "a.parquet"
    noise = random.Random(0)
    write(
        path,
        [{"text": f"n{n} " + noise.randbytes(40).hex()} for n in range(30)],
        row_group_size=10,
        use_dictionary=False,
    )
    group = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    content[group.data_page_offset : group.data_page_offset + 60] = b"\xff" * 60
    found = read(tmp_path, bytes(content), "parquet")
    assert [text.split()[0] for text in texts(found)] == [f"n{n}" for n in [*range(10), *range(20, 30)]]
    assert len(bad(found)) == 1 and "rows 11 to 20" in bad(found)[0][1]


def test_a_corrupt_file_a_text_that_is_no_utf8_and_one_too_long_are_bad(tmp_path):
    assert isinstance(read(tmp_path, b"PAR1 nothing PAR1", "parquet")[0], Bad)
    wrong = pa.array([b"ok", b"\xff\xfe", b"x" * 3000], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": wrong}), tmp_path / "a.parquet")
    found = read(tmp_path, None, "parquet", limits=Limits(record_mb=0.002))
    assert texts(found) == ["ok"]
    assert [str(b).split(":")[0] for b in found[1:]] == ["a.parquet, row 2", "a.parquet, row 3"]


def test_parquet_without_a_known_shape_says_its_columns(tmp_path):
    write(tmp_path / "a.parquet", [{"body": "x", "n": 1}] * 3)
    found = read(tmp_path, None, "parquet")
    assert found[1:] == [Left("row of a table of no known shape", count=3)]
    assert "no known shape; its columns: body, n; known shapes" in found[0].reason
