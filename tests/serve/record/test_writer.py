"""The writer: whoever is answered is on record, once, in order; whoever cannot be is told so, and nothing is lost."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from residency.core.errors import UserError
from residency.serve.record import head as heads
from residency.serve.record.book import Stale, Tampered
from residency.serve.record.search import texts_of
from residency.serve.store.keys import Seal
from residency.serve.store.tables import USERS
from residency.serve.types import Recorder, Unrecorded
from serve.record.record_case import Case, Faults, entry

ANNA = {"id": "u1", "name": "anna", "role": "clinician", "active": True, "made": "t", "changed": "t"}
COPIED = "at, kind, request, actor, body, sealed, hash, hash"
ANNA |= {"must_change": False, "failed": 0}


def users(case: Case) -> list[str]:
    with case.database.connect() as connection:
        return list(connection.execute(select(USERS.c.role)).scalars())


def test_an_entry_is_numbered_and_the_signed_head_has_it_when_it_is_answered(case: Case) -> None:
    with case.opened() as writer:
        recorder: Recorder = writer
        for number in (1, 2, 3):
            assert recorder.write_now(entry(number)) == number
            found = heads.read(case.head, case.seal.public)
            assert found.head and (found.head.seq, found.bad) == (number, 0)
            assert found.head.hash == case.rows()[-1].hash
    assert [row.content for row in case.rows()] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert case.verify().ok


def test_all_who_wait_share_a_transaction(case: Case) -> None:
    async def many(count: int) -> list[int]:
        return await asyncio.gather(*(writer.write(entry(number)) for number in range(count)))

    with case.opened() as writer:
        numbers = asyncio.run(many(60))
        assert sorted(numbers) == list(range(1, 61)) and writer.about()["groups"] < 30
        told = {row.seq: row.content["n"] for row in case.rows()}
    assert [told[number] for number in numbers] == list(range(60))


def test_threads_and_coroutines_write_one_chain(case: Case) -> None:
    async def some(base: int) -> list[int]:
        return [await writer.write(entry(base + number)) for number in range(5)]

    with case.opened() as writer, ThreadPoolExecutor(6) as pool:
        loops = [pool.submit(asyncio.run, some(100 * one)) for one in range(3)]
        threads = [pool.submit(lambda: [writer.write_now(entry()) for _ in range(5)]) for _ in range(3)]
        numbers = [number for one in [*loops, *threads] for number in one.result()]
    assert sorted(numbers) == list(range(1, 31)) and case.verify().ok


def test_a_restart_goes_on_where_it_was_left(case: Case) -> None:
    for count in (1, 2, 3):
        with case.opened() as writer:
            assert writer.write_now(entry(count)) == count
    assert case.verify().ok


def test_texts_are_kept_only_where_they_are_switched_on_and_then_sealed(case: Case) -> None:
    texts = {"prompt": "made-up words of a patient, naïve \0 \ud800", "answer": "none"}
    with case.opened() as writer:
        writer.write_now(entry(1, texts=texts))
    with case.opened(keep_text=True) as writer:
        writer.write_now(entry(2, texts=texts))
    without, with_ = case.rows()
    assert without.sealed is None and texts_of(without, case.seal) == {}
    assert with_.sealed and b"made-up" not in with_.sealed and texts_of(with_, case.seal) == texts


def test_a_second_process_is_refused_and_the_first_goes_on(case: Case, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("residency.serve.record.locks._PATIENCE", 0.1)
    with case.opened() as writer:
        for folder in (case.folder, tmp_path):  # the same folder, or the same database by another folder
            with pytest.raises(UserError, match="another process writes"):
                Case(folder, case.url or str(case.database.url)).open()
        assert writer.write_now(entry(1)) == 1
    with case.opened() as writer:
        assert writer.write_now(entry(2)) == 2


def test_a_body_that_is_no_json_fails_alone(case: Case) -> None:
    with case.opened() as writer:
        with pytest.raises(TypeError):
            writer.write_now(entry(body={"x": object()}))
        assert writer.write_now(entry()) == 1


def test_a_caller_that_gave_up_does_not_stop_the_others(case: Case) -> None:
    async def some() -> list[int]:
        gone = asyncio.create_task(writer.write(entry(1)))
        await asyncio.sleep(0)
        gone.cancel()
        return [await writer.write(entry(number)) for number in (2, 3)]

    with case.opened() as writer:
        assert asyncio.run(some())[-1] == len(case.rows())
    assert case.verify().ok


def test_a_closed_record_takes_nothing_more_but_writes_what_waits(case: Case) -> None:
    writer = case.open()
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(writer.write_now, entry(number)) for number in range(8)]
        time.sleep(0.05)
        writer.close()
        done = [one for one in waiting if one.exception() is None]
    assert len(done) == len(case.rows())
    with pytest.raises(Unrecorded):
        writer.write_now(entry())


# --- entries with statements -----------------------------------------------------------------------------------------


def test_statements_and_their_entry_are_there_together(case: Case) -> None:
    with case.opened() as writer:
        assert writer.write_now_with(entry(1), [insert(USERS).values(ANNA)]) == 1
        assert asyncio.run(writer.write_with(entry(2), [update(USERS).values(role="reviewer")])) == 2
        assert writer.write_now_with(entry(3), [lambda connection: connection.execute(text("DELETE FROM users"))]) == 3
    assert users(case) == [] and len(case.rows()) == 3


def test_a_statement_that_fails_takes_its_entry_with_it_and_no_other(case: Case) -> None:
    async def all_at_once() -> list[object]:
        asked = [writer.write(entry(number)) for number in range(5)]
        asked.insert(2, writer.write_with(entry(9), [update(USERS).values(role="x"), insert(USERS).values(ANNA)]))
        return await asyncio.gather(*asked, return_exceptions=True)

    with case.opened() as writer:
        writer.write_now_with(entry(), [insert(USERS).values(ANNA)])
        results = asyncio.run(all_at_once())
        assert isinstance(results.pop(2), IntegrityError) and sorted(results) == [2, 3, 4, 5, 6]
        assert writer.about()["alive"]
    assert users(case) == ["clinician"] and 9 not in [row.content["n"] for row in case.rows()]
    assert case.verify().ok


def test_a_change_of_what_has_changed_meanwhile_is_refused(case: Case) -> None:
    late = update(USERS).where(USERS.c.name == "anna", USERS.c.failed == 7).values(role="reviewer")
    with case.opened() as writer:
        writer.write_now_with(entry(), [insert(USERS).values(ANNA)])
        with pytest.raises(Stale) as caught:
            writer.write_now_with(entry(), [late])
    assert caught.value.status == 409 and users(case) == ["clinician"] and len(case.rows()) == 1


def test_a_statement_is_carried_out_once_where_the_commit_was_in_doubt(case: Case) -> None:
    more = update(USERS).values(failed=USERS.c.failed + 1)
    with case.opened(patience=2.0) as writer:
        writer.write_now_with(entry(), [insert(USERS).values(ANNA)])
        faults = Faults(case.database)
        for fault in ("after", "before"):
            faults.next = [fault]
            writer.write_now_with(entry(), [more])
        faults.end()
    with case.database.connect() as connection:
        assert connection.execute(select(USERS.c.failed)).scalar() == 2
    assert len(case.rows()) == 3 and case.verify().ok


# --- when things go wrong --------------------------------------------------------------------------------------------


def test_nothing_is_answered_while_the_database_is_locked_and_it_goes_on_by_itself(case: Case) -> None:
    with case.opened(patience=0.2) as writer:
        writer.write_now(entry(1))
        with case.database.connect() as other:
            if case.is_sqlite:
                other.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                other.execute(text("LOCK TABLE record"))
            _impatient(case)
            with pytest.raises(Unrecorded):
                writer.write_now(entry(2))
            assert not writer.about()["alive"]
            other.rollback()
        assert writer.write_now(entry(3)) == 2 and writer.about()["alive"]
    assert case.verify().ok


def _impatient(case: Case) -> None:
    """Let new connections wait for a lock for a tenth of a second alone, so that the test does not take five."""
    from sqlalchemy import event

    said = "PRAGMA busy_timeout=100" if case.is_sqlite else "SET lock_timeout = '100ms'"

    @event.listens_for(case.database, "checkout")
    def settle(connection, record, proxy) -> None:  # type: ignore[no-untyped-def]
        with connection.cursor() if not case.is_sqlite else _closing(connection.cursor()) as cursor:
            cursor.execute(said)

    for writer in case.writers:
        writer._book._drop()


def _closing(cursor):  # type: ignore[no-untyped-def]
    from contextlib import closing

    return closing(cursor)


def test_a_lock_that_is_soon_let_go_is_waited_for(case: Case) -> None:
    with case.opened(patience=5.0) as writer:
        other = case.database.connect()
        other.exec_driver_sql("BEGIN IMMEDIATE" if case.is_sqlite else "LOCK TABLE record")
        letting_go = threading.Timer(0.2, other.rollback)
        letting_go.start()
        try:
            began = time.monotonic()
            assert writer.write_now(entry(1)) == 1 and time.monotonic() - began > 0.1
        finally:
            letting_go.join()
            other.close()


def test_postgres_gone_and_back(folder: Path, postgres, migrated: str) -> None:
    case = Case(folder, postgres.make(migrated))
    try:
        with case.opened() as writer:
            writer.write_now(entry(1))
            for end in (postgres.stop, postgres.kill):
                end()
                with pytest.raises(Unrecorded):
                    writer.write_now(entry())
                postgres.start()
                assert writer.write_now(entry()) == len(case.rows())
        assert case.verify().ok and len(case.rows()) == 3
    finally:
        case.end()


def test_a_file_that_goes_under_the_service_answers_nobody_until_it_is_back(folder: Path) -> None:
    case = Case(folder)
    path, aside = Path(str(case.database.url.database)), folder / "aside"
    with case.opened() as writer:
        assert writer.write_now(entry(1)) == 1
        path.rename(aside)
        for number in (2, 3):
            with pytest.raises(Unrecorded):
                writer.write_now(entry(number))
        assert not path.exists(), "an empty database was made in its place"
        aside.rename(path)
        assert writer.write_now(entry(4)) == len(case.rows())
    assert {1, 4} <= {row.content["n"] for row in case.rows()} and case.verify().ok
    case.end()


def test_a_log_that_goes_under_the_service_answers_nobody_and_nothing_is_lost(folder: Path) -> None:
    case = Case(folder)
    with case.opened() as writer:
        answered = [writer.write_now(entry(1))]
        Path(f"{case.database.url.database}-wal").rename(folder / "aside")
        with pytest.raises(Unrecorded):
            writer.write_now(entry(2))
        answered.append(writer.write_now(entry(3)))
    assert [{row.content["n"]: row.seq for row in case.rows()}[one] for one in (1, 3)] == answered and case.verify().ok
    case.end()


def test_a_copy_in_the_place_of_the_file_answers_nobody(folder: Path) -> None:
    case = Case(folder)
    path = Path(str(case.database.url.database))
    with case.opened() as writer:
        writer.write_now(entry(1))
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        for number in (2, 3):
            with pytest.raises(Unrecorded):
                writer.write_now(entry(number))
    case.end()


def test_a_full_disk_under_the_database(folder: Path) -> None:
    case = Case(folder)
    with case.opened(keep_text=True) as writer:
        writer.write_now(entry(1))
        connection = writer._book._connect()
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        connection.rollback()
        with pytest.raises(Unrecorded) as caught:
            writer.write_now(entry(2, texts={"prompt": "x" * 50_000}))
        assert "full" in str(caught.value.__cause__) and "xxx" not in str(caught.value.__cause__)
        assert writer.write_now(entry(3)) == 2  # a new connection knows no such limit
    assert case.verify().ok
    case.end()


def test_a_full_disk_under_the_head(case: Case, monkeypatch) -> None:
    real = heads.put

    def full(path: Path, head: heads.Head, *, line: int) -> None:
        raise OSError(28, "No space left on device")

    with case.opened() as writer:
        writer.write_now(entry(1))
        monkeypatch.setattr(heads, "put", full)
        for number in (2, 3):
            with pytest.raises(Unrecorded):
                writer.write_now(entry(number))
        monkeypatch.setattr(heads, "put", real)
        writer.write_now(entry(4))
    assert [row.content["n"] for row in case.rows()] == [1, 2, 3, 4] and case.verify().ok


def test_a_commit_of_which_nobody_heard_is_looked_up_and_not_written_twice(case: Case) -> None:
    with case.opened(patience=2.0) as writer:
        faults = Faults(case.database)
        for number, fault in enumerate(("after", "before", "after"), 1):
            faults.next = [fault]
            assert writer.write_now(entry(number)) == number
        faults.end()
    assert [row.content["n"] for row in case.rows()] == [1, 2, 3] and case.verify().ok


def test_entries_behind_the_head_when_the_power_went_are_taken_up_and_said_to_be(case: Case, monkeypatch) -> None:
    case.wrote(2)
    with monkeypatch.context() as patched:
        patched.setattr(heads, "put", _power_cut)
        with case.opened() as writer, pytest.raises(Unrecorded):
            writer.write_now(entry(3))
    assert case.verify().after_head == 1
    with case.opened() as writer:
        assert writer.write_now(entry(5)) == 5
    told = case.rows()[3]
    assert (told.kind, told.content["event"], told.content["entries_after_head"]) == ("record", "taken up", 1)
    assert case.verify().ok


def test_a_record_that_cannot_be_taken_up_is_not_opened(case: Case, monkeypatch) -> None:
    case.wrote(1)
    with monkeypatch.context() as patched:
        patched.setattr(heads, "put", _power_cut)
        with case.opened() as writer, pytest.raises(Unrecorded):
            writer.write_now(entry(2))
        with pytest.raises(Unrecorded):
            case.open()
    with case.opened() as writer:
        writer.write_now(entry(3))
    assert case.verify().ok


def _power_cut(path: Path, head: heads.Head, *, line: int) -> None:
    raise OSError(5, "Input/output error")


def test_a_torn_line_of_the_head_is_survived_and_said(case: Case) -> None:
    case.wrote(3)
    content = bytearray(case.head.read_bytes())
    newest = 0 if b'"seq":3' in content[:512] else 512
    content[newest + 200 : newest + 512] = b"\0" * 312
    case.head.write_bytes(bytes(content))
    with case.opened():
        pass
    assert case.rows()[-1].content["bad_lines_of_head"] == 1 and case.verify().ok


def test_a_clock_that_goes_back_is_said(case: Case) -> None:
    times = iter([datetime(2026, 11, 27, 12, tzinfo=UTC) + timedelta(hours=one) for one in (0, -3, 1)])
    with case.opened(clock=lambda: next(times)) as writer:
        for number in (1, 2, 3):
            writer.write_now(entry(number))
    first, second, third = case.rows()
    assert second.at == first.at < third.at and second.content["clock_back_s"] == 10800
    assert case.verify().ok


# --- a record that was touched is not written on ---------------------------------------------------------------------


def test_a_record_that_lost_its_end_or_its_head_is_not_gone_on_with(case: Case) -> None:
    case.wrote(3)
    kept = case.head.read_bytes()
    with case.tampering() as connection:
        connection.execute(text("DELETE FROM record WHERE seq = 3"))
    with pytest.raises(Tampered, match="entry 3"):
        case.open()
    case.head.unlink()
    with pytest.raises(Tampered, match="its signed head .* is gone"):
        case.open()
    case.head.write_bytes(kept.replace(b'"seq":', b'"sec":'))
    with pytest.raises(Tampered, match="no head that this service's key signed"):
        case.open()


def test_another_services_key_does_not_go_on_with_a_record(case: Case, tmp_path: Path) -> None:
    case.wrote(2)
    for one in (case.folder / "secret").iterdir():
        one.unlink()
    (case.folder / "secret").rmdir()
    case.seal = Seal(case.folder)
    with pytest.raises(Tampered):
        case.open()


def test_what_others_put_behind_the_end_is_not_taken_up(case: Case) -> None:
    case.wrote(2)
    with case.tampering() as connection:
        connection.execute(text(f"INSERT INTO record SELECT 3, {COPIED} FROM record WHERE seq = 2"))
    with pytest.raises(Tampered, match="after entry 2 stands what this service did not write"):
        case.open()


def test_what_others_write_while_it_runs_stops_it(case: Case) -> None:
    with case.opened() as writer:
        writer.write_now(entry(1))
        with case.database.begin() as connection:
            connection.execute(text(f"INSERT INTO record SELECT 2, {COPIED} FROM record"))
        for number in (2, 3):
            with pytest.raises(Unrecorded):
                writer.write_now(entry(number))
    assert case.verify().first_bad == 2
