"""A setting for the encoding is for the files that need it: what is UTF-8 is read as that beside them."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from residency.core.types import Document
from residency.corpus import readers
from residency.corpus.formats import read_files
from residency.corpus.readers import guard
from residency.corpus.readers.guard import Given, in_utf8
from residency.corpus.records import Bad

WORDS = "Fièvre élevée, Ödem, 37,5 °C"
LINES = {
    "a.txt": WORDS,
    "b.jsonl": json.dumps({"text": "plain"}) + "\n" + json.dumps({"text": WORDS}, ensure_ascii=False) + "\n",
    "c.csv": f"text;n\nplain;1\n{WORDS};2\n",
    "d.obo": f"format-version: 1.2\n\n[Term]\nid: M:1\nname: {WORDS}\n",
    "e.html": f"<html><body><p>{WORDS}</p></body></html>",
    "f.md": f"# Title\n\n{WORDS}\n",
    "g.json": json.dumps([{"text": WORDS}], ensure_ascii=False),
}


def texts(path, encoding="cp1252"):
    found = [record for part in read_files(path=path, encoding=encoding).parts for record in part()]
    assert not [record for record in found if isinstance(record, Bad)]
    return {record.text.strip() for record in found if isinstance(record, Document)} - {"plain"}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("said", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_files_of_cp1252_utf8_and_with_marks_are_read_right_in_one_folder(tmp_path, name, said):
    (tmp_path / name).write_bytes(LINES[name].encode(said))
    (tmp_path / ("packed-" + name + ".gz")).write_bytes(gzip.compress(LINES[name].encode(said)))
    assert {text.removeprefix("# Title\n\n") for text in texts(tmp_path)} == {WORDS}


def test_a_line_of_another_encoding_in_a_file_of_utf8_is_read_by_the_setting(tmp_path):
    rows = [json.dumps({"text": f"{WORDS} {n}"}, ensure_ascii=False) for n in range(5)]
    (tmp_path / "a.jsonl").write_bytes(
        b"\n".join(row.encode("cp1252" if n == 2 else "utf-8") for n, row in enumerate(rows))
    )
    assert texts(tmp_path) == {f"{WORDS} {n}" for n in range(5)}


def test_a_damaged_file_of_utf8_is_bad_and_not_read_as_something_else(tmp_path):
    (tmp_path / "a.txt").write_bytes(WORDS.encode() + b"\x96")
    (found,) = [record for part in read_files(path=tmp_path, encoding="cp1252").parts for record in part()]
    assert isinstance(found, Bad) and found.reason.startswith("not UTF-8 at byte")


@pytest.mark.parametrize("encoding", ["utf-16-le", "shift_jis", "gb18030", "iso2022_jp", "cp1251"])
def test_what_looks_like_ascii_or_chances_to_hold_characters_of_utf8_is_read_as_it_is_said(tmp_path, encoding):
    words = "Жар и кашель" if encoding == "cp1251" else "plain" if encoding == "utf-16-le" else "発熱と咳 plain 月"
    (tmp_path / "a.txt").write_bytes(words.encode(encoding))
    path = tmp_path / "a.txt"
    found = list(readers.read_file(Given(path, "a.txt", "s", "l", encoding=encoding), "text"))
    assert [record.text for record in found] == [words]


def test_all_byte_ranges_of_a_large_file_are_read_in_the_same_encoding(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "PART_BYTES", 2000)
    for encoding in ("utf-8", "cp1252"):
        rows = [
            json.dumps({"text": f"{n} " + (WORDS if n == 3 or n > 290 else "plain")}, ensure_ascii=False)
            for n in range(300)
        ]
        (tmp_path / "a.jsonl").write_bytes("\n".join(rows).encode(encoding))
        assert len(read_files(path=tmp_path, encoding="cp1252").parts) > 2
        assert sum(WORDS in text for text in texts(tmp_path)) == 10


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("aé°ß€中😀", min_size=1, max_size=40), st.integers(1, 9))
def test_where_pieces_are_cut_does_not_matter(tmp_path, words, size):
    (tmp_path / "a.txt").write_text(words, encoding="utf-8")
    before, guard._PIECE = guard._PIECE, size
    try:
        assert in_utf8(Given(tmp_path / "a.txt", "a.txt", "s", "l", encoding="cp1252")) == (not words.isascii())
    finally:
        guard._PIECE = before
