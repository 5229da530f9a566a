"""A folder becomes parts whose records are each file's, once; whatever a reader does ends in a record."""

import gzip
import json
import os
import pickle

import pytest

from fixture_files import WORDS, html, pdf
from residency.core.errors import SourceError
from residency.core.types import Document
from residency.corpus import readers
from residency.corpus.readers import FORMATS, Format, files_under, parts, read_file, read_part
from residency.corpus.readers.guard import Given, Limits
from residency.corpus.records import Bad, Left


def here(tmp_path, **fields):
    path = tmp_path / "a.txt"
    path.write_text("words")
    return Given(path, "a.txt", "made", "CC0-1.0", **fields)


def records_of(found):
    return [record for part in found[1] for record in part()]


def test_a_folder_is_read_whole_in_the_order_of_its_names(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name, content in {
        "b.txt": WORDS.encode(),
        "a.dat": pdf(),
        "sub/c": html(),
        "sub/d.png": b"\x89PNG\0\0\0\0\0\1\2\3",
        "sub/e.txt": b"",
        ".hidden/x.txt": b"x",
        ".DS_Store": b"x",
    }.items():
        (tmp_path / name).write_bytes(content)
    files, _ = found = parts(tmp_path, source="mine", licence="own", language="en")
    assert [file.name for file in files] == ["a.dat", "b.txt", "c", "d.png", "e.txt"]
    *records, hidden, folder = records_of(found)
    assert [hidden, folder] == [Left("hidden file"), Left("hidden folder")]
    assert [type(record) for record in records] == [Document, Document, Document, Left, Bad]
    assert [record.id for record in records[:3]] == ["a", "b", "sub/c"]
    assert {(record.source, record.licence) for record in records[:3]} == {("mine", "own")}
    assert records[3:] == [Left("no format that is read here (.png)"), Bad("sub/e.txt", None, "it is empty")]


def test_links_out_of_the_folder_and_hidden_files_are_passed_over_and_counted(tmp_path):
    outside, inside = tmp_path / "out", tmp_path / "in"
    outside.mkdir()
    inside.mkdir()
    (outside / "secret.txt").write_text("x")
    (inside / "a.txt").write_text("x")
    os.symlink(outside / "secret.txt", inside / "link.txt")
    os.symlink(outside, inside / "folder")
    os.symlink(inside / "a.txt", inside / "b.txt")
    os.symlink(inside / "gone.txt", inside / "dangling.txt")
    for name in (".a", ".b", "c.md"):
        (inside / name).write_text("x")
    os.mkfifo(inside / "pipe.txt")
    _, files, passed = files_under(inside, (".txt",))
    assert [file.name for file in files] == ["a.txt", "b.txt"]
    assert {left.reason: left.count for left in passed} == {
        "hidden file": 2,
        "file that does not end in .txt": 1,
        "link that leads out of the folder": 1,
        "link that leads nowhere": 1,
        "link to a folder, which is not followed": 1,
        "neither a file nor a folder": 1,
    }
    found = parts(inside, source="x", licence="x", endings=(".txt",))
    assert [record for record in records_of(found) if isinstance(record, Left)] == list(passed)


def test_what_is_passed_over_does_not_change_the_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "PART_FILES", 2)
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text("x")
    before = [len(list(part())) for part in parts(tmp_path, source="x", licence="x")[1]]
    (tmp_path / ".hidden").write_text("x")
    after = [len(list(part())) for part in parts(tmp_path, source="x", licence="x")[1]]
    assert before == [2, 2] and after == [2, 3]


def test_a_missing_or_empty_folder_and_an_unknown_format_are_said_before_reading(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(SourceError):
            parts(path, source="x", licence="x")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match="did you mean json"):
        parts(tmp_path, source="x", licence="x", form="jsonn")


def test_parts_are_of_bounded_size_and_can_be_sent_to_another_process(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "PART_FILES", 3)
    monkeypatch.setattr(readers, "PART_BYTES", 100)
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text("x" * (10 if number < 7 else 90))
    files, found = parts(tmp_path, source="x", licence="x")
    assert [len(part.args[0]) for part in found] == [3, 3, 2, 1, 1]
    again = pickle.loads(pickle.dumps(found))
    assert [r.id for part in again for r in part()] == [str(number) for number in range(10)]


def test_a_large_file_of_lines_is_cut_and_every_line_stands_in_one_part(tmp_path, monkeypatch):
    rows = [{"id": f"r{number}", "text": "word " * (number % 7 + 1)} for number in range(200)]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    plain, packed, wide = tmp_path / "a.jsonl", tmp_path / "b.jsonl", tmp_path / "c.jsonl"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content, 1))
    wide.write_bytes(content.decode().encode("utf-16"))
    monkeypatch.setattr(readers, "PART_BYTES", 1000)
    spans = [given.span for part in parts(plain, source="x", licence="x")[1] for given in part.args[0]]
    assert len(spans) == -(-len(content) // 1000) and spans[0][0] == 0 and spans[-1][1] == len(content)
    assert all(left[1] == right[0] for left, right in zip(spans, spans[1:], strict=False))
    for path in (packed, wide):
        [part] = parts(path, source="x", licence="x")[1]
        assert part.args[0][0].span is None


def reading(monkeypatch, function, whole=False):
    monkeypatch.setitem(FORMATS, "text", Format("x:y", whole=whole))
    monkeypatch.setattr(readers, "load", lambda name: function)


@pytest.mark.parametrize("whole", [True, False])
def test_whatever_a_reader_raises_is_a_bad_record_and_never_quotes_the_file(tmp_path, monkeypatch, whole):
    for error in (ValueError("Vornak"), KeyError("Vornak"), RecursionError("Vornak"), MemoryError(), OSError("Vornak")):

        def broken(given, error=error):
            yield given.document("one", "words")
            raise error

        reading(monkeypatch, broken, whole)
        *kept, bad = read_file(here(tmp_path), "text")
        assert isinstance(bad, Bad) and len(kept) == (0 if whole else 1)
        assert "Vornak" not in bad.reason


@pytest.mark.parametrize("whole", [True, False])
def test_a_reader_that_never_ends_is_stopped_and_what_it_gave_before_is_kept(tmp_path, monkeypatch, whole):
    def endless(given):
        yield given.document("one", "words")
        while True:
            pass

    reading(monkeypatch, endless, whole)
    *kept, bad = read_file(here(tmp_path, limits=Limits(seconds=0.1)), "text")
    assert bad.reason == "it takes more than 0.1 s (limits: seconds); what follows in this file was not read"
    assert len(kept) == (0 if whole else 1)


def test_a_slow_user_of_the_records_does_not_use_up_the_time(tmp_path, monkeypatch):
    import time

    reading(monkeypatch, lambda given: (given.document(str(number), "words") for number in range(4)))
    found = []
    for record in read_file(here(tmp_path, limits=Limits(seconds=0.1)), "text"):
        time.sleep(0.06)
        found.append(record.id)
    assert found == ["0", "1", "2", "3"]


def test_a_document_that_no_file_could_keep_is_bad(tmp_path, monkeypatch):
    texts = ["words", " \n", "a\0b", "a\ud83db"]
    reading(monkeypatch, lambda given: (given.document("x", text, line) for line, text in enumerate(texts, 1)))
    first, *others = read_file(here(tmp_path), "text")
    assert isinstance(first, Document) and all(isinstance(record, Bad) for record in others)
    assert [record.line for record in others] == [2, 3, 4]


def test_a_file_without_a_record_is_counted_but_an_empty_range_is_not(tmp_path, monkeypatch):
    reading(monkeypatch, lambda given: iter(()))
    assert list(read_file(here(tmp_path), "text")) == [Left("a file of text without a record")]
    assert list(read_file(here(tmp_path, span=(2, 3)), "text")) == []


def test_a_file_that_cannot_be_opened_is_bad_and_the_next_is_read(tmp_path):
    gone = Given(tmp_path / "gone.txt", "gone.txt", "made", "CC0-1.0")
    bad, document = read_part([gone, here(tmp_path)])
    assert bad == Bad("gone.txt", None, "cannot be read (No such file or directory)") and document.text == "words"
