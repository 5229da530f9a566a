"""Kill -9 while entries are written, and the database stopped and started: what was answered is there, once."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from residency.serve.store.tables import USERS
from serve.record.record_case import Case

PROGRAM = Path(__file__).with_name("killed.py")
TESTS = PROGRAM.parents[2]


def killed(case: Case, name: str, seconds: float, meanwhile=lambda: None) -> dict[str, int]:  # type: ignore[no-untyped-def]
    """Return what a process was answered before it was killed, so many seconds after its first answer."""
    asked = f"import sys; sys.path.insert(0, {str(TESTS)!r}); sys.argv[0] = ''; exec(open({str(PROGRAM)!r}).read())"
    program = [sys.executable, "-c", asked, str(case.folder), case.url, name]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        first = process.stdout.readline()
        time.sleep(seconds)
        meanwhile()
        process.kill()
        lines = [first, *process.stdout.read().splitlines()]
    told = [line.split() for line in lines if len(line.split()) == 2]
    return {label: int(seq) for label, seq in told if seq}


def held(case: Case, answered: dict[str, int]) -> None:
    """Hold the record against what was answered, before and after a start of the service."""
    assert answered and case.verify().ok
    case.open().close()
    report = case.verify()
    assert report.ok and report.after_head == 0, report.faults
    there = [(row.content["label"], row.seq) for row in case.rows() if row.kind == "request"]
    assert len(dict(there)) == len(there) and set(answered.items()) <= set(there)
    with case.database.connect() as connection:
        made = set(connection.execute(select(USERS.c.id)).scalars())
    assert made == {label for label, _ in there if int(label.rsplit("-", 1)[1]) % 3 == 0}, "a note without its entry"


def test_a_killed_service_has_lost_nothing_that_was_answered(case: Case) -> None:
    held(case, killed(case, "once", 0.1))


@pytest.mark.slow
def test_twenty_kills_at_random_moments(case: Case) -> None:
    drawn, answered = random.Random(9), {}
    for turn in range(20):
        answered |= killed(case, f"k{turn}", drawn.uniform(0.0, 0.4))
        held(case, answered)


@pytest.mark.slow
def test_the_database_is_stopped_and_started_under_load_and_the_service_killed(
    folder: Path, postgres, migrated
) -> None:
    case, drawn, answered = Case(folder, postgres.make(migrated)), random.Random(10), {}

    def bounce() -> None:
        drawn.choice([postgres.stop, postgres.kill])()
        time.sleep(drawn.uniform(0.0, 0.3))
        postgres.start()
        time.sleep(drawn.uniform(0.0, 1.5))

    for turn in range(10):
        answered |= killed(case, f"k{turn}", drawn.uniform(0.0, 0.3), bounce)
        held(case, answered)
    case.end()
