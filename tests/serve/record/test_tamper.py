"""Edit, delete, insert, reorder, truncate: each is found, on both databases, whoever did it had all but the keys."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from residency.serve.record import head as heads
from residency.serve.record.chain import Row, Tip, hash_of
from residency.serve.record.head import Head
from residency.serve.record.verify import verify
from residency.serve.store.keys import Seal
from serve.record.record_case import Case, mended, put

Change = Callable[[list[Row]], list[Row]]
LENGTH = 7


@pytest.fixture
def written(case: Case) -> Case:
    return case.wrote(LENGTH, keep_text=True)


def changed(case: Case, change: Change) -> None:
    """Put the rows that ``change`` makes of them in place of all."""
    rows = change(case.rows())
    with case.tampering() as connection:
        connection.execute(text("DELETE FROM record"))
        for row in rows:
            put(connection, row)


def edit(seq: int, **values: Any) -> Change:
    """Return what edits one entry and leaves its hash."""
    return lambda rows: [replace(row, **values) if row.seq == seq else row for row in rows]


def rehashed(seq: int, **values: Any) -> Change:
    """Return what edits one entry and gives it the hash that it then ought to have."""

    def change(rows: list[Row]) -> list[Row]:
        made = edit(seq, **values)(rows)
        return [replace(row, hash=hash_of(row)) if row.seq == seq else row for row in made]

    return change


def swapped(one: int, other: int, *names: str) -> Change:
    """Return what swaps columns of two entries."""

    def change(rows: list[Row]) -> list[Row]:
        first, second = rows[one - 1], rows[other - 1]
        rows[one - 1] = replace(first, **{name: getattr(second, name) for name in names})
        rows[other - 1] = replace(second, **{name: getattr(first, name) for name in names})
        return rows

    return change


ALL_BUT_SEQ = ("at", "kind", "request", "actor", "body", "sealed", "before", "hash")
CHANGES: dict[str, tuple[Change, int]] = {
    "a body edited": (edit(4, body='{"n":5}'), 4),
    "an actor edited": (edit(4, actor="user:berta"), 4),
    "a time edited": (edit(4, at="2026-01-01T00:00:00.000000Z"), 4),
    "a kind edited": (edit(1, kind="metrics"), 1),
    "a hash edited": (edit(4, hash="f" * 64), 4),
    "an edit with its hash made right": (rehashed(4, actor="user:berta"), 4),
    "an edit of the last with its hash made right": (rehashed(LENGTH, actor="user:berta"), LENGTH),
    "an edit with all hashes behind it made right": (lambda rows: mended(edit(4, actor="user:berta")(rows)), 4),
    "one deleted": (lambda rows: rows[:3] + rows[4:], 4),
    "the first deleted": (lambda rows: rows[1:], 1),
    "one deleted and the rest moved up": (lambda rows: mended(rows[:3] + rows[4:]), 4),
    "one inserted with all numbers made right": (lambda rows: mended(rows[:3] + [rows[1]] + rows[3:]), 4),
    "one inserted at the end": (lambda rows: mended([*rows, replace(rows[1], at=rows[-1].at)]), LENGTH + 1),
    "two reordered": (swapped(3, 5, *ALL_BUT_SEQ), 3),
    "two reordered with all hashes made right": (lambda rows: mended(swapped(3, 5, *ALL_BUT_SEQ)(rows)), 3),
    "the end cut off": (lambda rows: rows[:-1], LENGTH),
    "much of the end cut off": (lambda rows: rows[:2], 3),
    "all deleted": (lambda rows: [], 1),
    "sealed texts swapped": (swapped(3, 5, "sealed"), 3),
    "sealed texts swapped with all hashes made right": (lambda rows: mended(swapped(3, 5, "sealed")(rows)), 3),
    "a sealed text taken away": (edit(4, sealed=None), 4),
    "a body that is no JSON": (lambda rows: mended(edit(4, body="{")(rows)), 4),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_found_at_its_first_entry(written: Case, what: str) -> None:
    assert written.verify().ok
    change, first_bad = CHANGES[what]
    changed(written, change)
    report = written.verify()
    assert not report.ok and report.first_bad == first_bad, report.faults


@pytest.mark.parametrize("what", CHANGES)
def test_with_the_public_key_alone_it_is_found_too(what: str, folder: Path) -> None:
    """What was mended behind a change is then found at the head; whose entries stand after it cannot be said."""
    case = Case(folder).wrote(LENGTH, keep_text=True)
    assert verify(case.database, case.seal.public, case.head).ok
    changed(case, CHANGES[what][0])
    report = verify(case.database, case.seal.public, case.head)
    assert not report.ok and report.first_bad is not None and not report.marks
    case.end()


def test_every_single_edit_of_every_column_is_found(written: Case) -> None:
    before = written.rows()
    values: dict[str, Any] = {"request": "x", "before": "e" * 64, "sealed": b"x" * 60}
    for name in ("at", "kind", "request", "actor", "body", "sealed", "before", "hash"):
        for row in (before[0], before[3], before[-1]):
            with written.tampering() as connection:
                put(connection, replace(row, **{name: values.get(name, f" {getattr(row, name)}"[:64])}))
            assert written.verify().first_bad == row.seq, name
            with written.tampering() as connection:
                put(connection, row)
    assert written.verify().ok


# --- the head --------------------------------------------------------------------------------------------------------


def forged(case: Case, seal: Seal, tip: Tip) -> None:
    case.head.unlink()
    heads.begin(case.head, heads.head_of(tip, seal))


def test_a_head_signed_by_another_key_hides_nothing(written: Case, tmp_path: Path) -> None:
    changed(written, lambda rows: rows[:3])
    last = written.rows()[-1]
    forged(written, Seal(tmp_path), Tip(last.seq, last.hash, last.at))
    report = written.verify()
    assert [fault.seq for fault in report.faults] == [None, None]
    assert "not signed by the key" in report.faults[0].what


def test_a_head_whose_number_was_changed_is_no_head(written: Case) -> None:
    changed(written, lambda rows: rows[:-1])
    written.head.write_bytes(
        written.head.read_bytes().replace(b'"count":7', b'"count":6').replace(b'"seq":7', b'"seq":6')
    )
    report = written.verify()
    assert not report.ok and any("head's lines" in fault.what for fault in report.faults)


def test_a_head_that_is_gone_is_missed(written: Case) -> None:
    written.head.unlink()
    assert "no signed head" in written.verify().faults[0].what


def test_an_older_head_with_an_older_record_is_found_by_a_head_that_was_kept(case: Case) -> None:
    case.wrote(2)
    old_rows, old_head = case.rows(), case.head.read_bytes()
    case.wrote(3)
    kept = [heads.read(case.head, case.seal.public).head]
    changed(case, lambda rows: old_rows)
    case.head.write_bytes(old_head)
    assert case.verify().ok, "nobody can see this without what was kept"
    assert case.verify(kept=kept).first_bad == 3
    case.wrote(3)  # and going on from there does not hide it
    assert case.verify().ok and case.verify(kept=kept).first_bad == 5


def test_a_kept_head_of_another_record_is_said_to_be(written: Case, tmp_path: Path) -> None:
    other = heads.head_of(Tip(2, written.rows()[1].hash, "t"), Seal(tmp_path))
    assert "kept head at entry 2" in written.verify(kept=[other]).faults[0].what


def test_many_faults_are_counted_and_the_first_are_told(case: Case) -> None:
    case.wrote(60)
    changed(case, lambda rows: [replace(row, actor="x") for row in rows])
    report = case.verify()
    assert (len(report.faults), report.more, report.first_bad) == (50, 10, 1)
    assert report.told()["more_faults"] == 10


def test_a_record_is_checked_while_it_is_written(case: Case) -> None:
    with case.opened() as writer:
        import threading

        stop = threading.Event()

        def write() -> None:
            from serve.record.record_case import entry

            while not stop.is_set():
                writer.write_now(entry())

        writing = threading.Thread(target=write)
        writing.start()
        try:
            reports = [case.verify() for _ in range(15)]
            until = time.monotonic() + 30  # a busy machine may not have let the other thread write yet
            while reports[-1].entries <= reports[0].entries and time.monotonic() < until:
                reports.append(case.verify())
        finally:
            stop.set()
            writing.join()
    assert all(report.ok for report in reports), [report.faults for report in reports if not report.ok]
    assert reports[-1].entries > reports[0].entries


def test_heads_are_read_from_what_was_kept_only_where_they_are_whole() -> None:
    good = asdict(Head(1, "h", 1, "t", "k", "s"))
    assert heads.from_told(good) == Head(1, "h", 1, "t", "k", "s")
    for bad in ({**good, "seq": "1"}, {**good, "more": 1}, [], None, {**good, "count": True}):
        assert heads.from_told(bad) is None
    assert heads.from_text(b"\xff") is None and heads.from_text("{") is None
