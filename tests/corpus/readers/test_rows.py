"""JSONL and JSON: every row is a document or named by its place, whatever the size of the pieces that are read."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from residency.core.types import Document
from residency.corpus import readers
from residency.corpus.readers import parts, read_file
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left


def read(tmp_path, content, name="a.jsonl", form="jsonl", **fields):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_file(Given(path, name, "made", "CC0-1.0", **fields), form))


def places(records):
    return [(record.line, record.reason) for record in records if isinstance(record, Bad)]


# --- JSONL -----------------------------------------------------------------------------------------------------------


def test_every_line_is_a_document_or_bad_with_its_line_and_empty_lines_are_none(tmp_path):
    content = b'\xef\xbb\xbf{"text": "a"}\n\n{torn secret\n["a list"]\n{"text": "\xff"}\n  \n{"text": "b", "id": "B"}'
    found = read(tmp_path, content)
    assert [(d.id, d.text, d.place) for d in found if isinstance(d, Document)] == [
        ("a.jsonl:1", "a", ("a.jsonl", 1)),
        ("B", "b", ("a.jsonl", 7)),
    ]
    assert [line for line, _ in places(found)] == [3, 4, 5]
    assert "not JSON at character 1" in places(found)[0][1] and "not UTF-8 at byte 10" in places(found)[2][1]
    assert not any("secret" in reason for _, reason in places(found))


def test_deep_json_a_long_line_half_a_character_and_a_number_of_many_digits_cost_one_row_each(tmp_path):
    rows = ['{"text": "a"}', '{"text": ' + "[" * 5000, json.dumps({"text": "x" * 4000}), '{"text": "\\ud800"}']
    rows += ['{"text": "a", "id": ' + "9" * 5000 + "}", '{"text": "a\\u0000b"}', '{"text": "z"}']
    found = read(tmp_path, "\n".join(rows), limits=Limits(record_mb=0.003, depth=50))
    assert [d.text for d in found if isinstance(d, Document)] == ["a", "z"]
    assert [line for line, _ in places(found)] == [2, 3, 4, 5, 6]
    assert "a line of more than 0.003 MB" in places(found)[1][1]


def test_a_truncated_gzip_is_named_and_what_was_read_before_is_kept(tmp_path):
    packed = gzip.compress("".join(json.dumps({"text": f"note {n} {n * 7919}"}) + "\n" for n in range(4000)).encode())
    found = read(tmp_path, packed[: len(packed) // 2], "a.jsonl.gz")
    assert len(found) > 500 and all(isinstance(record, Document) for record in found[:-1])
    assert isinstance(found[-1], Bad) and found[-1].line == len(found) and "gzip" in found[-1].reason


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_other_encodings_are_read_where_they_are_named_or_marked(tmp_path, encoding):
    content = '{"text": "Fièvre"}\n{"text": "Ödem"}\n'.encode(encoding)
    named = {} if encoding == "utf-16" else {"encoding": encoding}
    assert [d.text for d in read(tmp_path, content, **named)] == ["Fièvre", "Ödem"]


def test_ids_of_a_large_file_do_not_depend_on_the_size_of_its_parts(tmp_path, monkeypatch):
    lines = [json.dumps({"text": "x" * (n % 90 + 1)}) for n in range(200)] + ["{torn"]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines))
    content, seen = path.read_bytes(), []
    for size in (64, 700, 5000):
        monkeypatch.setattr(readers, "PART_BYTES", size)
        records = [record for part in parts(path, source="made", licence="CC0-1.0")[1] for record in part()]
        seen.append(
            [
                (getattr(r, "id", None), getattr(r, "text", None), str(r) if isinstance(r, Bad) else r.place)
                for r in records
            ]
        )
    assert seen[0] == seen[1] == seen[2] and len(seen[0]) == 201
    for key, text, _ in seen[0][:-1]:
        name, offset = key.split("@")
        assert name == "a.jsonl" and json.loads(content[int(offset) :].split(b"\n")[0])["text"] == text
    assert seen[0][-1][2].startswith(f"a.jsonl@{content.index(b'{torn')}: not JSON")


def test_a_byte_order_mark_of_another_encoding_within_a_file_is_a_bad_line_and_not_an_empty_one(tmp_path):
    first, second, third = read(tmp_path, b'{"text": "first"}\n\xfe\xff\n\xff\xfe{"text": "third"}')
    assert isinstance(first, Document) and isinstance(second, Bad) and isinstance(third, Bad)
    mixed = '{"text": "déjà vu"}\n'.encode() + b"\xfe\xff"
    assert [type(row) for row in read(tmp_path, mixed, encoding="cp1252")] == [Document, Bad]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.one_of(
            st.just(b""),
            st.binary(max_size=30).map(lambda line: line.replace(b"\n", b" ").replace(b"\x1f\x8b", b" ")),
            st.dictionaries(
                st.sampled_from("text id date patient messages prompt chosen rejected label meta x".split()),
                st.recursive(
                    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=9)),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=7), inner, max_size=3),
                    max_leaves=6,
                ),
                max_size=5,
            ).map(lambda row: json.dumps(row).encode()),
        ),
        max_size=8,
    )
)
def test_every_line_that_is_not_empty_gives_exactly_one_record(tmp_path, rows):
    content = b"A".join([b""]) + b"\n".join([b'{"text": "first"}', *rows])
    found = read(tmp_path, content)
    lines = content.split(b"\n")
    blank = sum(not line.decode("utf-8", "replace").strip("\ufeff").strip() for line in lines)
    assert len(found) == len(lines) - blank and isinstance(found[0], Document)


# --- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        [{"text": "a"}, {"text": "b"}],
        {"data": [{"text": "a"}, {"text": "b"}], "version": 1},
        {"train": [{"text": "a"}], "test": [{"text": "b"}]},
    ],
)
def test_a_list_a_wrapped_list_and_splits_are_rows(tmp_path, content):
    found = read(tmp_path, json.dumps(content), "a.json", "json")
    assert [(d.id, d.text) for d in found] == [("a.json:1", "a"), ("a.json:2", "b")]


def test_one_object_is_one_row_and_a_mapping_gives_its_keys_as_ids(tmp_path):
    assert [d.id for d in read(tmp_path, '{"text": "a"}', "a.json", "json")] == ["a"]
    found = read(tmp_path, '{"217": {"text": "a"}, "218": {"text": "b", "id": "own"}}', "a.json", "json")
    assert [d.id for d in found] == ["a.json:217", "own"]


def test_a_bad_item_is_named_by_its_number_and_the_others_are_read(tmp_path):
    found = read(tmp_path, '[{"text": "a"}, 5, {"text": ""}, {"text": "d"}]', "a.json", "json")
    assert [d.text for d in found if isinstance(d, Document)] == ["a", "d"]
    assert [str(b) for b in found if isinstance(b, Bad)] == [
        "a.json, item 2: not a JSON object",
        "a.json, item 3: text is empty",
    ]


def test_an_index_of_data_sets_is_left_and_what_holds_no_rows_is_bad(tmp_path):
    index = {"mine": {"file_name": "mine.json", "formatting": "sharegpt"}}
    assert isinstance(read(tmp_path, json.dumps(index), "dataset_info.json", "json")[0], Left)
    assert isinstance(read(tmp_path, '"secret"', "a.json", "json")[0], Bad)
    assert "not JSON at line 1" in read(tmp_path, "[{]", "a.json", "json")[0].reason
    assert isinstance(read(tmp_path, "[" * 100_000, "a.json", "json")[0], Bad)
