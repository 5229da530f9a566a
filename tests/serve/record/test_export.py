"""An exported part of the record is checked anywhere, and holds no text of a patient."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from residency.core.errors import SourceError, UserError
from residency.serve.record import head as heads
from residency.serve.record.export import export, verify_export
from residency.serve.record.search import Wanted, newest, oldest
from residency.serve.store.keys import Seal
from serve.record.record_case import Case, entry


@pytest.fixture
def filled(folder: Path, database_url: str) -> Case:
    case = Case(folder, database_url)
    with case.opened(keep_text=True) as writer:
        for number in range(1, 9):
            who, kind = ("user:anna", "request") if number % 2 else ("key:k1", "sign-in")
            writer.write_now(entry(number, actor=who, kind=kind, texts={"prompt": f"made-up words {number}"}))
    yield case
    case.end()


def exported(case: Case, wanted: Wanted = Wanted(), **more: str) -> Path:  # noqa: B008
    path = case.folder / "out.jsonl"
    path.write_bytes(b"".join(export(case.database, case.seal, Wanted(**more) if more else wanted)))
    return path


def test_the_whole_record_is_exported_and_holds(filled: Case) -> None:
    path = exported(filled)
    report = verify_export(path, filled.seal.public)
    assert report.ok and (report.entries, report.last.seq) == (8, 8)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["seq"] for line in lines[1:-1]] == list(range(1, 9)) and lines[-1]["entries"] == 8


def test_no_text_of_a_patient_leaves_not_even_sealed(filled: Case) -> None:
    content = exported(filled).read_bytes()
    assert b"made-up" not in content
    assert all(row.sealed and row.sealed.hex().encode() not in content for row in filled.rows())


def test_a_part_is_exported_and_holds(filled: Case) -> None:
    report = verify_export(exported(filled, actor="key:k1"), filled.seal.public)
    assert report.ok and report.entries == 4


def changed_line(at: int, change: Callable[[dict], dict | None]) -> Callable[[list[bytes]], list[bytes]]:
    def of(lines: list[bytes]) -> list[bytes]:
        made = change(json.loads(lines[at]))
        lines[at : at + 1] = [] if made is None else [json.dumps(made).encode()]
        return lines

    return of


CHANGES = {
    "an entry edited": changed_line(3, lambda one: {**one, "actor": "user:berta"}),
    "an entry's hash edited": changed_line(3, lambda one: {**one, "hash": "0" * 64}),
    "an entry taken out": changed_line(3, lambda one: None),
    "the head edited": changed_line(0, lambda one: {**one, "head": {**one["head"], "seq": 3, "count": 3}}),
    "the filter edited": changed_line(0, lambda one: {**one, "wanted": {"actor": "user:anna"}}),
    "the signature edited": changed_line(-1, lambda one: {**one, "signature": "0" * 128}),
    "the count edited": changed_line(-1, lambda one: {**one, "entries": 7}),
    "the signature taken away": lambda lines: lines[:-1],
    "the end cut off": lambda lines: lines[:5],
    "an entry twice": lambda lines: [*lines[:4], *lines[3:]],
    "entries reordered": lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
    "something behind the end": lambda lines: [*lines, b"{}"],
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_file_does_not_hold(folder: Path, what: str) -> None:
    case = Case(folder).wrote(8)
    path = exported(case)
    path.write_bytes(b"\n".join(CHANGES[what](path.read_bytes().splitlines())) + b"\n")
    assert not verify_export(path, case.seal.public).ok
    case.end()


def test_a_file_of_another_service_does_not_hold_by_our_key(folder: Path, tmp_path: Path) -> None:
    case, other = Case(folder).wrote(2), Case(tmp_path).wrote(2)
    path = exported(other)
    assert verify_export(path).ok and not verify_export(path, case.seal.public).ok
    case.end()
    other.end()


def test_a_kept_head_finds_that_history_was_changed_before_the_export(folder: Path, tmp_path: Path) -> None:
    case = Case(folder).wrote(3)
    path = exported(case)
    true, other = heads.read(case.head, case.seal.public).head, heads.head_of(heads.EMPTY, Seal(tmp_path))
    assert true and verify_export(path, kept=[true]).ok
    false = heads.head_of(heads.Tip(2, "f" * 64, "t"), case.seal)
    assert verify_export(path, kept=[true, false]).first_bad == 2
    assert not verify_export(path, kept=[other]).ok
    case.end()


@pytest.mark.parametrize("content", [b"", b"\xff\n", b"[]\n", b'{"form": "another"}\n', b"text"])
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(SourceError):
        verify_export(path)


@pytest.mark.parametrize("line", [b"not json", b'{"seq": 1}', b'{"seq": "x", "hash": ""}'])
def test_a_line_that_is_no_entry_is_refused_without_its_words(folder: Path, line: bytes) -> None:
    case = Case(folder).wrote(2)
    path = exported(case)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], line, *lines[1:]]))
    with pytest.raises(SourceError) as caught:
        verify_export(path)
    assert "not json" not in str(caught.value)
    case.end()


def test_an_empty_record_is_exported_too(folder: Path) -> None:
    case = Case(folder).wrote(0)
    assert verify_export(exported(case), case.seal.public).ok
    case.end()


# --- looking for entries ---------------------------------------------------------------------------------------------


def numbers(case: Case, **asked: str) -> list[int]:
    return [row.seq for row in oldest(case.database, Wanted(**asked))]


def test_entries_are_found_by_who_what_and_which_request(filled: Case) -> None:
    assert numbers(filled, actor="user:anna") == [1, 3, 5, 7] and numbers(filled, kind="sign-in") == [2, 4, 6, 8]
    assert numbers(filled, request="r3") == [3] and numbers(filled, request="r3", actor="key:k1") == []
    assert numbers(filled, actor="' OR 1=1 --") == []


def test_entries_are_found_by_time(filled: Case) -> None:
    rows = filled.rows()
    day, third = rows[0].at[:10], rows[2].at
    assert numbers(filled, since=third) == [3, 4, 5, 6, 7, 8] and numbers(filled, until=third) == [1, 2, 3]
    assert len(numbers(filled, since=day, until=day)) == 8 and numbers(filled, until="2020-01-01") == []
    assert numbers(filled, since="2020-01-01T00:00:00+05:00", until="2020-01-02") == []


def test_a_time_that_is_none_is_refused(filled: Case) -> None:
    with pytest.raises(UserError, match="2026-11-27"):
        numbers(filled, since="yesterday")


def test_pages_go_back_from_the_newest(filled: Case) -> None:
    first = newest(filled.database, most=3)
    second = newest(filled.database, most=3, below=first[-1].seq)
    assert [row.seq for row in [*first, *second]] == [8, 7, 6, 5, 4, 3]
