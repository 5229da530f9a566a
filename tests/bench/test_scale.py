"""The measure of scale: made-up items are legal ones, and memory and time of a few of them are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from residency.core.store import read_manifest
from residency.evaluate.tasks import named
from toy import toy_base  # noqa: F401

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def scale(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import scale

    return scale


@pytest.mark.parametrize("kind", ["choice", "classify"])
def test_made_up_items_are_a_task_that_is_asked_for_real(kind, scale, toy_base, tmp_path):  # noqa: F811
    (task,) = named(str(scale.write_task(tmp_path / "task", kind, 7)))
    assert task.kind == kind
    row = scale.measured(read_manifest(toy_base)["model"]["path"], kind, 7, tmp_path / "measured")
    assert row["items"] == 7 and 0 < row["asking"] < row["seconds"] and row["peak_mb"] > 50


def test_what_each_further_item_took_is_worked_out_beside_the_size_before(scale):
    before = {"items": 10, "peak_mb": 100.0, "seconds": 1.0}
    found = scale.grown(before, {"items": 110, "peak_mb": 101.0, "seconds": 2.0})
    assert found == {"bytes_an_item": pytest.approx(10485.76), "seconds_an_item": pytest.approx(0.01)}
    assert scale.grown({}, before) == {}
