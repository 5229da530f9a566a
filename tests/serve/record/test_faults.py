"""Whatever goes wrong, and in whatever order: the chain verifies, and what was answered is there once."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from residency.serve.record import head as heads
from residency.serve.types import Unrecorded
from serve.record.conftest import MEMORY
from serve.record.record_case import Case, Faults, entry

STEP = st.one_of(
    st.tuples(st.just("write"), st.lists(st.sampled_from(["", "before", "after", "head"]), max_size=3)),
    st.tuples(st.sampled_from(["restart", "crash"]), st.just([])),
)
STEPS = st.lists(STEP, min_size=1, max_size=12)


class Story:
    """A service that writes, meets faults, dies and starts again; it notes what was answered and what was not."""

    def __init__(self, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
        self.case, self.answered, self.told_no, self.number = case, {}, set(), 0
        self.faults, self.patch = Faults(case.database), monkeypatch
        self.heads: list[str] = []
        real = heads.put

        def put(path: Path, head: heads.Head, *, line: int) -> None:
            if self.heads:
                raise OSError(28, self.heads.pop())
            real(path, head, line=line)

        monkeypatch.setattr(heads, "put", put)
        self.writer = case.open(patience=0.05)

    def step(self, what: str, faults: list[str]) -> None:
        """Do one thing."""
        if what == "write":
            self._write(faults)
            return
        if what == "crash":
            self.writer._book._drop()  # what was not committed is gone, and nobody said goodbye
        self.writer.close()
        self.writer = self.case.open(patience=0.05)

    def _write(self, faults: list[str]) -> None:
        self.faults.next = [one for one in faults if one != "head"]
        self.heads = ["No space left on device"] * faults.count("head")
        self.number += 1
        try:
            self.answered[self.number] = self.writer.write_now(entry(self.number))
        except Unrecorded:
            self.told_no.add(self.number)
        self.faults.next, self.heads = [], []

    def end(self) -> None:
        """Hold the record against what was answered."""
        self.writer.close()
        self.case.open().close()
        self.faults.end()
        there = [(row.content["n"], row.seq) for row in self.case.rows() if row.kind == "request"]
        assert len(dict(there)) == len(there), "an entry is there twice"
        assert set(self.answered.items()) <= set(there), (
            "an entry that was answered is not there, or has another number"
        )
        assert set(dict(there)) <= set(self.answered) | self.told_no
        report = self.case.verify()
        assert report.ok and report.after_head == 0, report.faults


def told(case: Case, steps: list[tuple[str, list[str]]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        story = Story(case, patch)
        for what, faults in steps:
            story.step(what, faults)
        story.end()


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_any_story_ends_with_a_chain_that_verifies(steps: list[tuple[str, list[str]]]) -> None:
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    case = Case(folder)
    try:
        told(case, steps)
    finally:
        case.end()
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "steps",
    [
        [("write", []), ("write", ["after"]), ("restart", []), ("write", ["before"]), ("write", [])],
        [
            ("write", ["after", "after"]),
            ("crash", []),
            ("write", ["head", "head", "head"]),
            ("crash", []),
            ("write", []),
        ],
        [("write", ["head"] * 3), ("write", ["after", "after", "before"]), ("write", []), ("restart", [])],
    ],
)
def test_a_story_on_each_database(case: Case, steps: list[tuple[str, list[str]]]) -> None:
    told(case, steps)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_any_story_with_postgres(postgres, migrated: str, steps: list[tuple[str, list[str]]]) -> None:
    folder = Path(tempfile.mkdtemp())
    case = Case(folder, postgres.make(migrated))
    try:
        told(case, steps)
    finally:
        case.end()
        shutil.rmtree(folder)
