"""The record in the folder is the truth; the index can be lost, shared, or out of reach."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from residency.core import runs
from residency.core.errors import StorageError, UserError


@pytest.fixture
def root(own_runs_folder: Path) -> Path:
    return own_runs_folder


def test_a_record_is_laid_over_the_one_before(root: Path) -> None:
    runs.update_record(root / "one", recipe="quick", status="running")
    runs.update_record(root / "one", status="done", versions={"torch": "2"})
    assert runs.read_record(root / "one") == {"recipe": "quick", "status": "done", "versions": {"torch": "2"}}


def test_runs_are_listed_the_newest_first(root: Path) -> None:
    for name, began in (("one", "2026-01-01T00:00:00+00:00"), ("two", "2026-01-02T00:00:00+00:00")):
        runs.update_record(root / name, status="done", began=began)
    runs.point_latest(root / "two")
    assert [row["id"] for row in runs.list_runs(root)] == ["two", "one"]


def test_no_runs_are_an_empty_list_and_leave_no_file(root: Path) -> None:
    assert runs.list_runs(root) == []
    assert not root.exists()


def test_a_lost_index_is_filled_again_and_a_deleted_run_goes(root: Path) -> None:
    for name in ("one", "two"):
        runs.update_record(root / name, status="done")
    (root / "index.sqlite").unlink()
    (root / "two" / "run.json").unlink()
    (root / "two").rmdir()
    assert [row["id"] for row in runs.list_runs(root)] == ["one"]


def test_a_run_whose_process_is_gone_counts_as_stopped(root: Path) -> None:
    runs.update_record(root / "one", status="running")
    assert runs.list_runs(root)[0]["status"] == "stopped"
    with open(root / "one" / ".lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert runs.list_runs(root)[0]["status"] == "running"


def test_two_processes_cannot_walk_the_same_run(root: Path) -> None:
    with runs.only_one(root / "one"), pytest.raises(UserError, match="another process"), runs.only_one(root / "one"):
        pass
    with runs.only_one(root / "one"):
        pass


def test_an_index_can_be_shared_by_url(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDENCY_DB", f"sqlite:///{tmp_path / 'shared.sqlite'}")
    runs.update_record(root / "one", status="done")
    runs.update_record(tmp_path / "elsewhere" / "two", status="done")
    assert {row["id"] for row in runs.list_runs(root)} == {"one", "two"}
    assert not (root / "index.sqlite").exists()


def test_an_index_out_of_reach_is_named_without_its_password(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESIDENCY_DB", "nosuchdatabase://user:secret@host/db")
    with pytest.raises(UserError, match="RESIDENCY_DB \\(nosuchdatabase\\)") as caught:
        runs.update_record(root / "one", status="done")
    assert "secret" not in str(caught.value)
    assert runs.read_record(root / "one") == {"status": "done"}  # the truth is written first


def test_a_broken_index_file_is_a_storage_error(root: Path) -> None:
    root.mkdir(parents=True)
    (root / "index.sqlite").write_text("not a database, but long enough to be looked at" * 40)
    with pytest.raises(StorageError, match="index.sqlite"):
        runs.update_record(root / "one", status="done")


def test_a_link_takes_the_place_of_a_link_or_a_folder(root: Path) -> None:
    for name in ("one", "two"):
        (root / name).mkdir(parents=True)
        runs.point_latest(root / name)
    assert (root / "latest").readlink() == Path("two")
    (root / "gguf").mkdir()
    (root / "gguf" / "old").touch()
    runs.link(root / "gguf", root / "one")
    assert (root / "gguf").resolve() == (root / "one").resolve()


def test_the_runs_folder_is_the_one_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert runs.runs_root() == root
    monkeypatch.delenv("RESIDENCY_RUNS")
    assert runs.runs_root() == Path("runs")
