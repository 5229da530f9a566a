"""Every metric by its name: what a row of items must hold for it, and how it is summed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from residency.measure import correlation, intervals, writing
from residency.measure.calibration import calibration_error
from residency.measure.intervals import Metric, Row
from residency.measure.scorers import f1_from_counts, macro_f1_from_counts

RIGHT_OR_WRONG = ("accuracy", "instruction_accuracy")
"""Means of items that are right or wrong; all other means are of graded scores."""
FIELDS = ("bertscore", "chrf", "distinct_1", "distinct_2", "rouge_1", "rouge_2")
"""Means of a graded field of the same name."""
SHARES = ("exact_match", "question_share", "question_share_recorded")
"""Means of a field of the same name that is 0 or 1."""


def metric_for(name: str, items: Iterable[Row]) -> Metric:
    """Return the metric of a name; those over classes take them from what the items want."""
    if name in ("macro_f1", "balanced_accuracy"):
        classes = sorted({row["wanted"][0] for row in items})
        return intervals.macro_f1(classes) if name == "macro_f1" else balanced_accuracy(classes)
    if name in FIELDS or name in SHARES:
        return intervals.mean_of(name, name, graded=name in FIELDS)
    made: dict[str, Callable[[], Metric]] = {
        "entity_f1": intervals.entity_f1,
        "relation_f1": lambda: f1_of("relation_f1", "counts"),
        "finding_f1": lambda: f1_of("finding_f1", "findings"),
        "contradiction": contradiction,
        "question_f1": lambda: f1_of("question_f1", "questions", graded=False),
        "rubric_score": rubric_score,
        "micro_f1": lambda: f1_of("micro_f1", "counts"),
        "label_f1": label_f1,
        "pearson": pearson,
        "spearman": spearman,
        "entity_f1_relaxed": entity_f1_relaxed,
        "perplexity": intervals.perplexity,
        "ece": calibration_error,
        "bleu": bleu,
        "gleu": gleu,
    }
    return made[name]() if name in made else intervals.mean_of(name, graded=name not in RIGHT_OR_WRONG)


def f1_of(name: str, field: str, *, graded: bool = True) -> Metric:
    """Return micro F1 over the counts of true positives, false positives and false negatives in a field of the rows."""

    def stats(row: Row) -> Sequence[float] | None:
        counts = row.get(field)
        return None if counts is None else [counts[key] for key in ("tp", "fp", "fn")]

    return Metric(name, stats, f1_from_counts, graded=graded)


def contradiction() -> Metric:
    """Return the share of written findings of which the reference says the opposite; nan where none was written."""

    def stats(row: Row) -> Sequence[float] | None:
        counts = row.get("findings")
        return None if counts is None else (counts["contradicted"], counts["tp"] + counts["fp"])

    return Metric("contradiction", stats, intervals.ratio, higher_is_better=False, graded=True)


def rubric_score() -> Metric:
    """Return the mean of items' scores, which may lie below 0, cut to 0 to 1 (Arora et al. 2025, HealthBench)."""
    base = intervals.mean_of("rubric_score", graded=True)
    return Metric("rubric_score", base.stats, lambda sums: np.clip(base.value(sums), 0.0, 1.0), graded=True)


def label_f1() -> Metric:
    """Return the mean F1 over a set's labels, each weighing the same, by the rows' ``marks``: one word a label.

    A label that is neither wanted nor given anywhere is left out of the mean.
    """

    def stats(row: Row) -> Sequence[float] | None:
        marks = row.get("marks")
        return None if marks is None else [float(mark == kind) for mark in marks for kind in ("tp", "fp", "fn")]

    def value(sums: np.ndarray) -> np.ndarray:
        return macro_f1_from_counts(sums.reshape(*sums.shape[:-1], -1, 3))

    return Metric("label_f1", stats, value, graded=True)


def pearson() -> Metric:
    """Return Pearson's correlation of the rows' ``pair``: the number that people gave, and the model's."""

    def stats(row: Row) -> Sequence[float] | None:
        pair = row.get("pair")
        return None if pair is None else correlation.moments(*pair)

    return Metric("pearson", stats, correlation.pearson, graded=True, least=-1.0)


def spearman() -> Metric:
    """Return Spearman's correlation of the rows' ``pair``, with ranks made anew in every draw."""

    def value(pairs: np.ndarray) -> np.ndarray:
        return correlation.spearman(np.ones(len(pairs)), pairs)

    ranked = correlation.spearman
    return Metric("spearman", lambda row: row.get("pair"), value, graded=True, least=-1.0, ranked=ranked)


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


def gleu() -> Metric:
    """Return corpus GLEU over the rows' n-gram counts."""
    return Metric("gleu", lambda row: row.get("gleu"), intervals.ratio, graded=True)
