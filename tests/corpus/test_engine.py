"""Work spread over processes and over Ray: the same results in the same order, and no task lost to one that dies."""

import os
import signal
import subprocess
import time
from functools import partial
from importlib.util import find_spec
from multiprocessing import active_children
from pathlib import Path
from threading import Timer

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from residency.core.errors import UserError
from residency.corpus.engine import engine


def square(number):
    return number * number


def die_on(bad, number):
    if number == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def raise_on(bad, number):
    if number == bad:
        raise ValueError(f"task {number}")
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_tasks(tmp_path, workers):
    with engine("local", scratch=tmp_path, workers=workers) as run:
        assert list(run.each(square, range(20))) == [n * n for n in range(20)]
        assert list(run.each(square, [])) == [] and list(run.each(square, [3])) == [9]


def test_a_task_whose_process_dies_is_told_and_the_others_go_on(tmp_path):
    with engine("local", scratch=tmp_path, workers=2) as run:
        done = list(run.each(partial(die_on, 3), range(8), lambda task: f"lost {task}"))
    assert done == [0, 1, 2, "lost 3", 4, 5, 6, 7]


def test_an_error_of_a_task_is_raised_as_it_is(tmp_path):
    with engine("local", scratch=tmp_path, workers=2) as run, pytest.raises(ValueError, match="task 2"):
        list(run.each(partial(raise_on, 2), range(5)))


def test_tasks_are_taken_as_they_are_needed_and_not_all_at_once(tmp_path):
    taken = []

    def tasks():
        for number in range(100):
            taken.append(number)
            yield number

    with engine("local", scratch=tmp_path, workers=2) as run:
        results = run.each(square, tasks())
        next(results)
        assert len(taken) < 10
        results.close()


def test_a_query_joins_files_and_leaves_nothing_behind(tmp_path):
    for name, rows in (("one", [3, 1]), ("two", [2, 3])):
        pq.write_table(pa.table({"n": rows}), tmp_path / f"{name}'s.parquet")
    with engine("local", scratch=tmp_path) as run, run.queries() as query:
        sql = "SELECT n, count(*) AS times FROM mine GROUP BY n ORDER BY n"
        out = query(sql, tmp_path / "out.parquet", mine=[tmp_path / "one's.parquet", tmp_path / "two's.parquet"])
    assert pq.read_table(out).to_pydict() == {"n": [1, 2, 3], "times": [1, 1, 2]}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one's.parquet", "out.parquet", "two's.parquet"]


def test_a_query_that_needs_more_memory_than_it_may_says_which_setting_gives_it_more(tmp_path):
    pq.write_table(pa.table({"n": range(3_000_000)}), tmp_path / "n.parquet")
    sql = "SELECT DISTINCT n FROM mine ORDER BY n DESC"
    little = engine("local", scratch=tmp_path, workers=1, memory_mb=4)
    with little as run, run.queries() as query, pytest.raises(UserError, match="memory_mb: 4"):
        query(sql, tmp_path / "out.parquet", mine=[tmp_path / "n.parquet"])
    assert not (tmp_path / "out.parquet").exists()


@pytest.fixture(scope="module")
def ray_run(tmp_path_factory):
    if find_spec("ray") is None:
        pytest.skip("Ray is not installed (pip install 'residency[ray]')")
    with engine("ray", scratch=Path(tmp_path_factory.mktemp("ray")), workers=2) as run:
        yield run


def test_ray_gives_the_same_results_in_the_same_order(ray_run):
    assert list(ray_run.each(square, range(20))) == [n * n for n in range(20)]


def test_ray_tells_of_a_task_whose_process_dies_and_raises_an_error_as_it_is(ray_run):
    assert list(ray_run.each(partial(die_on, 1), range(4), lambda task: f"lost {task}")) == [0, "lost 1", 2, 3]
    with pytest.raises(ValueError, match="task 2"):
        list(ray_run.each(partial(raise_on, 2), range(4)))


def test_a_cluster_that_does_not_answer_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(UserError, match="nothing answers at RAY_ADDRESS=127.0.0.1:1"), engine("ray", scratch=tmp_path):
        pass


def start_and_nap(number):
    """Start a program that stays, write down its number, and stay as long."""
    if number:
        Path(f"child-{number}").write_text(str(subprocess.Popen(["sleep", "60"]).pid))
        time.sleep(60)
    return number


def test_ctrl_c_ends_the_tasks_at_work_and_what_they_started_and_waits_for_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KeyboardInterrupt), engine("local", scratch=tmp_path, workers=2) as run:
        results = run.each(start_and_nap, range(3))
        assert next(results) == 0
        while len(list(tmp_path.glob("child-*"))) < 2 or not all(map(Path.read_text, tmp_path.glob("child-*"))):
            time.sleep(0.05)
        raise KeyboardInterrupt
    started = [int(file.read_text()) for file in tmp_path.glob("child-*")]
    gone, left = psutil.wait_procs([psutil.Process(pid) for pid in started if is_there(pid)], timeout=10)
    assert len(started) == 2 and not left
    for child in active_children():
        child.join(10)
    assert not active_children()


def test_ctrl_c_in_a_query_is_ctrl_c_and_leaves_nothing_behind(tmp_path):
    pq.write_table(pa.table({"n": np.arange(5_000_000)}), tmp_path / "rows.parquet")
    sql = "SELECT count(*) AS pairs FROM mine, range(200) WHERE (n * range) % 7 = 3"
    alarm = Timer(0.3, partial(os.kill, os.getpid(), signal.SIGINT))
    with (
        pytest.raises(KeyboardInterrupt),
        engine("local", scratch=tmp_path, workers=1) as run,
        run.queries() as query,
    ):
        alarm.start()
        query(sql, tmp_path / "out.parquet", mine=[tmp_path / "rows.parquet"])
    assert [path.name for path in tmp_path.iterdir()] == ["rows.parquet"]


def is_there(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
