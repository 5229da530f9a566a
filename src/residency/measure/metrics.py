"""Every metric by its name: what a row of items must hold for it, and how it is summed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from residency.measure import intervals, writing
from residency.measure.calibration import calibration_error
from residency.measure.intervals import Metric, Row

RIGHT_OR_WRONG = ("accuracy", "instruction_accuracy")
"""Means of items that are right or wrong; all other means are of graded scores."""
FIELDS = ("bertscore", "chrf", "rouge_1", "rouge_2")
"""Means of a field of the same name."""


def metric_for(name: str, items: Iterable[Row]) -> Metric:
    """Return the metric of a name; those over classes take them from what the items want."""
    if name in ("macro_f1", "balanced_accuracy"):
        classes = sorted({row["wanted"][0] for row in items})
        return intervals.macro_f1(classes) if name == "macro_f1" else balanced_accuracy(classes)
    if name in FIELDS:
        return intervals.mean_of(name, name, graded=True)
    made: dict[str, Callable[[], Metric]] = {
        "entity_f1": intervals.entity_f1,
        "relation_f1": relation_f1,
        "rubric_score": rubric_score,
        "entity_f1_relaxed": entity_f1_relaxed,
        "perplexity": intervals.perplexity,
        "ece": calibration_error,
        "bleu": bleu,
    }
    return made[name]() if name in made else intervals.mean_of(name, graded=name not in RIGHT_OR_WRONG)


def relation_f1() -> Metric:
    """Return micro F1 over the rows' counts of pairs."""
    base = intervals.entity_f1()
    return Metric("relation_f1", base.stats, base.value, graded=True)


def rubric_score() -> Metric:
    """Return the mean of items' scores, which may lie below 0, cut to 0 to 1 (Arora et al. 2025, HealthBench)."""
    base = intervals.mean_of("rubric_score", graded=True)
    return Metric("rubric_score", base.stats, lambda sums: np.clip(base.value(sums), 0.0, 1.0), graded=True)


def entity_f1_relaxed() -> Metric:
    """Return the F1 of spans that overlap one of the same label: precision over found, recall over wanted spans."""

    def stats(row: Row) -> Sequence[float] | None:
        found = row.get("relaxed")
        return None if found is None else [found[key] for key in ("right", "found", "reached", "wanted")]

    def value(sums: np.ndarray) -> np.ndarray:
        right, found, reached, wanted = (sums[..., i] for i in range(4))
        precision = np.where(found > 0, right / np.where(found > 0, found, 1), 0.0)
        recall = np.where(wanted > 0, reached / np.where(wanted > 0, wanted, 1), 0.0)
        both = precision + recall
        mean = np.where(both > 0, 2 * precision * recall / np.where(both > 0, both, 1), 0.0)
        return np.where(found + wanted > 0, mean, np.nan)

    return Metric("entity_f1_relaxed", stats, value, graded=True)


def balanced_accuracy(classes: Sequence[str]) -> Metric:
    """Return the mean recall of the classes that occur; equals scikit-learn's ``balanced_accuracy_score``."""

    def stats(row: Row) -> Sequence[float] | None:
        if row.get("score") is None:
            return None
        label = row["wanted"][0]
        pairs = [(float(label == c), float(label == c == row.get("prediction"))) for c in classes]
        return [number for pair in pairs for number in pair]

    def value(sums: np.ndarray) -> np.ndarray:
        cells = sums.reshape(*sums.shape[:-1], len(classes), 2)
        seen = cells[..., 0] > 0
        recall = np.where(seen, cells[..., 1] / np.where(seen, cells[..., 0], 1), 0.0)
        count = seen.sum(axis=-1)
        return np.where(count > 0, recall.sum(axis=-1) / np.where(count > 0, count, 1), np.nan)

    return Metric("balanced_accuracy", stats, value)


def bleu() -> Metric:
    """Return corpus BLEU over the rows' n-gram counts."""
    return Metric("bleu", lambda row: row.get("bleu"), writing.bleu_value, graded=True)
