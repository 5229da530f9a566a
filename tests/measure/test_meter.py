"""The meter sees time, the memory of the whole process tree, and energy where it can be estimated."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from residency.measure import meter as module
from residency.measure.meter import meter


def test_wall_and_processor_time_are_told_apart() -> None:
    with meter("sleep") as asleep:
        time.sleep(0.3)
    with meter("work") as awake:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            sum(range(1000))
    assert 0.29 < asleep.wall_s < 5 and asleep.cpu_s < 0.25
    assert awake.cpu_s > 0.25


def test_the_peak_counts_child_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 0.05)
    with meter("idle") as alone:
        time.sleep(0.2)
    code = "import time; x = bytearray(b'x') * 120_000_000; time.sleep(0.8)"
    with meter("child") as both:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert both.peak_rss_mb > alone.peak_rss_mb + 110


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells shared pages apart")
def test_pages_that_processes_share_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 0.05)
    ours = bytearray(b"x") * 150_000_000
    with meter("alone") as alone:
        time.sleep(0.2)
    with meter("shared") as both:
        child = os.fork()
        if not child:
            time.sleep(0.6)
            os._exit(0)
        os.waitpid(child, 0)
    assert len(ours) and both.peak_rss_mb < alone.peak_rss_mb + 75


def test_a_meter_is_whole_also_after_an_error_and_may_be_nested() -> None:
    with pytest.raises(KeyError), meter("outer") as outer, meter("inner") as inner:
        time.sleep(0.1)
        raise KeyError
    assert outer.wall_s >= inner.wall_s > 0.09
    assert outer.row()["energy_wh_estimated"] is None  # too short to say


def test_energy_is_estimated_for_the_whole_block_without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("codecarbon")
    monkeypatch.setattr(module, "ENERGY_AFTER_SECONDS", 0.1)
    with meter("work") as cost:
        time.sleep(6)
    assert cost.energy_wh_estimated is not None
    watts = cost.energy_wh_estimated * 3600 / cost.wall_s
    assert 1 < watts < 2000


def test_energy_is_unknown_where_codecarbon_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    monkeypatch.setattr(module, "ENERGY_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 0.05)
    with meter("work") as cost:
        time.sleep(0.3)
    assert cost.energy_wh_estimated is None
