"""Calibration against hand-worked bins and known properties of the softmax."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from residency.measure import calibration, intervals


def error_of(confidence: Sequence[float], correct: Sequence[float]) -> float:
    """Return the metric's value over rows of these numbers."""
    rows = [
        {"group": str(i), "confidence": c, "score": s} for i, (c, s) in enumerate(zip(confidence, correct, strict=True))
    ]
    return intervals.bootstrap(rows, calibration.calibration_error(), n=1).value


def test_the_error_matches_a_hand_worked_case_with_two_bins() -> None:
    # (0.9, 1]: two items at 0.95, one right: gap 0.45. (0.5, 0.6]: two items at 0.55, both right: gap 0.45
    confidence, correct = [0.95, 0.95, 0.55, 0.55], [1.0, 0.0, 1.0, 1.0]
    assert error_of(confidence, correct) == pytest.approx(0.45)


def test_a_bin_holds_its_upper_edge_and_not_its_lower() -> None:
    # 0.3 falls in (0.2, 0.3] and 0.31 in (0.3, 0.4]; in one shared bin the gap would be 0.195
    assert error_of([0.3, 0.31], [1.0, 0.0]) == pytest.approx((0.7 + 0.31) / 2)


def test_a_perfectly_calibrated_model_has_an_error_near_zero() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(50_000)
    correct = (rng.random(50_000) < confidence).astype(float)
    assert error_of(confidence.tolist(), correct.tolist()) < 0.015


def test_confidences_of_zero_and_one_are_legal_and_others_are_not() -> None:
    assert error_of([0.0, 1.0], [0.0, 1.0]) == 0.0
    with pytest.raises(ValueError, match="must lie in"):
        error_of([1.5], [1.0])


def test_nothing_to_calibrate_is_nan() -> None:
    assert np.isnan(error_of([], []))


def test_the_metric_over_rows_leaves_out_rows_without_a_confidence() -> None:
    rows = [{"id": str(i), "group": str(i), "score": 1.0, "confidence": 0.8} for i in range(20)]
    rows.append({"id": "x", "group": "x", "score": 1.0, "confidence": None})
    metric = calibration.calibration_error()
    assert intervals.scored(rows, metric)[1] == 1
    assert intervals.bootstrap(rows, metric).value == pytest.approx(0.2)


def test_confidences_are_a_softmax_and_a_temperature_flattens_without_reordering() -> None:
    logprobs = [-1.0, -2.0, -4.0]
    plain, cool = calibration.confidences(logprobs), calibration.confidences(logprobs, temperature=3.0)
    assert plain.sum() == pytest.approx(1.0)
    assert plain[0] / plain[1] == pytest.approx(np.e)
    assert cool.max() < plain.max()
    assert list(np.argsort(cool)) == list(np.argsort(plain))
    assert np.isfinite(calibration.confidences([-4000.0, -5000.0])).all()


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        calibration.confidences([0.0], temperature=0.0)
