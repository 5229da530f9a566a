"""What a detector is worth on texts whose identifiers are known: what it finds exactly, what it masks, what it spoils.

Exact: same first and last character, same kind. Masked: every letter and digit of a span lies under some finding of any
kind, which is what counts for a leak. Precision by characters: the share of masked letters and digits that identify.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from residency.corpus.identify.found import Found
from residency.corpus.identify.lexicon import FAMILY, GIVEN, known_names
from residency.measure.intervals import Metric, bootstrap

from .marked_sets import Text

Row = Mapping[str, Any]
LEAST = 10
"""A cell of fewer spans is not called the weakest."""


def row_of(text: Text, found: Iterable[Found]) -> dict[str, Any]:
    """Return what a text adds: counts by kind, by mess, and characters."""
    counts: Counter[tuple[str, ...]] = Counter()
    covered, told = np.zeros(len(text.text), bool), np.zeros(len(text.text), bool)
    letters = np.array([c.isalnum() for c in text.text], bool)
    guesses = {(f.start, f.end, text.merged.get(f.entity_type, f.entity_type)) for f in found}
    for start, end, _ in guesses:
        covered[start:end] = True
    for (start, end, kind), mess, direct in zip(
        text.spans, text.messes or [""] * len(text.spans), text.direct, strict=True
    ):
        told[start:end] = True
        masked = bool(covered[start:end][letters[start:end]].all())
        more = [("direct",)] if direct else []
        if mess and kind == "NAME":
            more.append(("mess", "a name in no list" if unlisted(text.text[start:end]) else "a name in a list"))
        for key in (("kind", kind), ("mess", mess), ("cell", kind, mess), ("all",), *more):
            counts[*key, "n"] += 1
            counts[*key, "masked"] += masked
            counts[*key, "exact"] += (start, end, kind) in guesses
    for _, _, kind in guesses:
        counts["kind", kind, "found"] += 1
        counts["all", "found"] += 1
    counts["characters", "masked"] = int((covered & letters).sum())
    counts["characters", "right"] = int((covered & told & letters).sum())
    return {"group": text.group, "id": text.id, "counts": counts}


@functools.cache
def listed() -> frozenset[str]:
    """Return the words of the names that the detector's lists hold."""
    people = (entry for entry, flag in known_names() if flag in (GIVEN, FAMILY))
    return frozenset(word for entry in people for word in words_of(entry))


def unlisted(name: str) -> bool:
    """Return whether no word of a name stands in a list of the detector's."""
    return not listed() & set(words_of(name))


def words_of(name: str) -> list[str]:
    """Return the words of three letters and more, small."""
    return [word for word in re.findall(r"[^\W\d_]+", name.lower()) if len(word) > 2]


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return all figures of an engine on a set, with 95% intervals over groups."""
    kinds = sorted({key[1] for row in rows for key in row["counts"] if key[0] == "kind"})
    messes = sorted({key[1] for row in rows for key in row["counts"] if key[0] == "mess" and key[1]})
    return {
        "strict_f1": told(rows, f1("all")),
        "strict_precision": told(rows, share(("all", "exact"), ("all", "found"))),
        "strict_recall": told(rows, share(("all", "exact"), ("all", "n"))),
        "masked": told(rows, share(("all", "masked"), ("all", "n"))),
        "direct_masked": told(rows, share(("direct", "masked"), ("direct", "n"))),
        "character_precision": told(rows, share(("characters", "right"), ("characters", "masked"))),
        "by_kind": {kind: _of_kind(rows, kind) for kind in kinds},
        "by_mess": {m: told(rows, share(("mess", m, "masked"), ("mess", m, "n"))) for m in messes},
        "cells": cells(rows),
    }


def _of_kind(rows: Sequence[Row], kind: str) -> dict[str, Any]:
    name = ("kind", kind)
    return {
        "n": total(rows, (*name, "n")),
        "precision": told(rows, share((*name, "exact"), (*name, "found"))),
        "recall": told(rows, share((*name, "exact"), (*name, "n"))),
        "f1": told(rows, f1(*name)),
        "masked": told(rows, share((*name, "masked"), (*name, "n"))),
    }


def cells(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return kind by mess: how many spans there are and which share of them is masked, the weakest first."""
    keys = sorted({key[1:3] for row in rows for key in row["counts"] if key[0] == "cell" and key[2]})
    made = []
    for kind, mess in keys:
        n = total(rows, ("cell", kind, mess, "n"))
        made.append({"kind": kind, "mess": mess, "n": n, "masked": total(rows, ("cell", kind, mess, "masked")) / n})
    return sorted(made, key=lambda cell: (cell["n"] < LEAST, cell["masked"], -cell["n"]))


def total(rows: Iterable[Row], key: tuple[str, ...]) -> int:
    """Return the sum of a count."""
    return sum(row["counts"][key] for row in rows)


def told(rows: Sequence[Row], metric: Metric) -> dict[str, float | int | None]:
    """Return a metric's value, low, high and what it rests on; None where it says nothing."""
    found = bootstrap(rows, metric)
    return {key: None if np.isnan(v) else round(float(v), 4) for key, v in zip(
        ("value", "low", "high"), (found.value, found.low, found.high), strict=True)}  # fmt: skip


def share(top: tuple[str, ...], bottom: tuple[str, ...]) -> Metric:
    """Return the share of one count in another."""

    def stats(row: Row) -> Sequence[float]:
        return float(row["counts"][top]), float(row["counts"][bottom])

    def value(sums: np.ndarray) -> np.ndarray:
        return np.where(sums[..., 1] > 0, sums[..., 0] / np.maximum(sums[..., 1], 1), np.nan)

    return Metric("/".join(top), stats, value, graded=True)


def f1(*name: str) -> Metric:
    """Return strict F1: twice what is exact over what is found and what there is."""

    def stats(row: Row) -> Sequence[float]:
        counts = row["counts"]
        return 2.0 * counts[*name, "exact"], float(counts[*name, "found"] + counts[*name, "n"])

    return Metric("f1", stats, share((), ()).value, graded=True)
