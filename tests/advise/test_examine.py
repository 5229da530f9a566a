"""What so many items tell, against the intervals that are really drawn; and how labels are parted."""

from __future__ import annotations

import numpy as np
import pytest

from residency.advise.examine import MEASURED, half_width, items_for, parts_of
from residency.measure.intervals import bootstrap, mean_of
from residency.measure.limits import FEW


@pytest.mark.parametrize("items", [50, 200])
def test_the_width_of_an_accuracy_is_that_of_a_real_interval(items: int) -> None:
    draw = np.random.default_rng(0)
    rows = [{"score": float(draw.random() < 0.5), "group": str(n), "id": str(n)} for n in range(items)]
    found = bootstrap(rows, mean_of("accuracy"))
    assert (found.high - found.low) / 2 == pytest.approx(half_width("classify", items), rel=0.15)


def test_the_width_falls_with_the_root_of_the_number() -> None:
    for kind in ("classify", *MEASURED):
        assert half_width(kind, 400) == pytest.approx(half_width(kind, 100) / 2)
        assert half_width(kind, items_for(kind, 0.05)) <= 0.05


@pytest.mark.parametrize("labelled", [40, 60, 200, 500, 5000])
def test_labels_are_parted_without_a_rest_and_enough_is_examined(labelled: int) -> None:
    learn, watch, test = parts_of(labelled)
    assert learn + watch + test == labelled and learn > watch
    assert FEW <= test <= max(FEW, labelled // 2)
