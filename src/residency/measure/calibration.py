"""Whether a model's confidence can be believed: expected calibration error, and applying a stored temperature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from residency.measure.intervals import Metric, Row

BINS = 10


def confidences(logprobs: Sequence[float], *, temperature: float = 1.0) -> np.ndarray:
    """Return the softmax of the choices' log-probabilities divided by ``temperature``, ``[choices]``.

    A temperature above 1 makes a model less sure and never changes its choice: Guo et al. (2017), On calibration of
    modern neural networks, equation 9. It is fitted on a development split and stored; here it is only applied.
    """
    if not temperature > 0:
        raise ValueError(f"temperature {temperature}: it must be above 0")
    scaled = np.asarray(logprobs, dtype=float) / temperature
    weights = np.exp(scaled - scaled.max())
    return weights / weights.sum()


def calibration_error(bins: int = BINS) -> Metric:
    """Return the expected calibration error of rows' ``confidence`` against their 0/1 ``score``, as a metric."""

    def stats(row: Row) -> Sequence[float] | None:
        confidence, score = row.get("confidence"), row.get("score")
        if confidence is None or score is None or np.isnan(confidence) or np.isnan(score):
            return None
        cells = np.zeros((bins, 3))
        cells[_bin(float(confidence), bins)] = 1.0, float(confidence), float(score)
        return cells.ravel().tolist()

    def value(sums: np.ndarray) -> np.ndarray:
        cells = sums.reshape(*sums.shape[:-1], bins, 3)
        total = cells[..., 0].sum(axis=-1)
        gaps = np.abs(cells[..., 1] - cells[..., 2]).sum(axis=-1)
        return np.where(total > 0, gaps / np.where(total > 0, total, 1), np.nan)

    return Metric("ece", stats, value, higher_is_better=False, graded=True)


def _bin(confidence: float, bins: int) -> int:
    """Return the bin of a confidence in [0, 1]; a bin holds its upper edge."""
    if not 0.0 <= confidence <= 1.0 + 1e-9:
        raise ValueError(f"confidence {confidence}: it must lie in [0, 1]")
    return min(bins - 1, max(0, int(np.ceil(confidence * bins - 1e-12)) - 1))
