"""A tagger and a linear CRF as one: the weight is chosen on the development part and on nothing else."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from residency.core.errors import UserError
from residency.core.legal import Share
from residency.core.store import read_examples, sha256_json, write_manifest
from residency.core.types import Example
from residency.measure.spans import span_counts
from residency.models.blend import Blend, blend
from residency.models.load import of_stage, open_source
from residency.models.reading import head_of, labels_of
from residency.models.tagging import decode, spans_of
from residency.train.crf import fit
from residency.train.processes import is_main

WEIGHTS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
"""Of the first of two taggers; at the ends stands one of them alone."""


def with_crf(
    model: Path,
    examples: Path,
    *,
    out: Path,
    # The evaluation task whose examples are learned, where the folder holds those of several; empty: all.
    examples_of: str = "",
    # The encoder's shares that are tried on the development part; the rest is the CRF's.
    weights: tuple[Share, ...] = WEIGHTS,
) -> None:
    """Write the tagger of the stage before and a linear CRF of the same training examples as one.

    The weight is chosen on the development part (``choose_weight``); the CRF is kept in ``out/crf``. Raises UserError
    where the stage before left no tagger, or nothing was held out.
    """
    if not is_main():
        return
    source = of_stage(model)
    if head_of(source.path, source.about or {}) != "tag" or not source.reader:
        raise UserError(
            f"{source.name} is no tagger; blend follows a stage that leaves one, such as encode: {{task: tag}}"
        )
    rows = [e for e in read_examples(examples / "examples.jsonl", task=examples_of or None) if "text" in e.meta]
    train, dev = ([e for e in rows if e.split in parts] for parts in (("train",), ("dev", "validation")))
    fit(train, labels_of(source.path, source.about or {}), out / "crf", name="linear CRF")
    combine(model, out / "crf", dev, out, weights=weights, name="encoder and CRF")


def choose_weight(
    first: Any, second: Any, examples: Sequence[Example], weights: Sequence[float] = WEIGHTS
) -> tuple[float, dict[float, float]]:
    """Return the weight of the first with which both together do best, and the exact span F1 with each weight.

    ``examples`` are those of the development part; none of a test may be here. Of equal weights it is the first given.
    Each tagger reads every text once.
    """
    if any(example.split == "test" for example in examples) or not examples:
        raise UserError("a weight is chosen on development items: give those of the validation part, and no test item")
    texts = [example.meta["text"] for example in examples]
    read = [Read(model, texts) for model in (first, second)]
    scores = {weight: _f1(blend(read, (weight, 1 - weight)), examples) for weight in weights}
    return max(scores, key=lambda weight: scores[weight]), scores


class Read:
    """What a tagger said of some texts, kept: it answers for them and for no others."""

    def __init__(self, model: Any, texts: Sequence[str]) -> None:
        self.name, self.hash, self.tags = model.name, model.hash, model.tags
        self._said = model.tag_probabilities(texts)

    def tag_probabilities(self, texts: Sequence[str]) -> Any:
        """Return what was said of the texts."""
        return self._said


def _f1(model: Blend, examples: Sequence[Example]) -> float:
    """Return the exact span F1 over all examples together."""
    counts = Counter[str]()
    said = model.tag_probabilities([example.meta["text"] for example in examples])
    known = {tag[2:] for tag in model.tags}
    for (words, odds), example in zip(said, examples, strict=True):
        wanted = [span for span in example.spans if span.label in known]
        counts.update(span_counts(spans_of(words, decode(odds, model.tags)), wanted))
    total = 2 * counts["tp"] + counts["fp"] + counts["fn"]
    return 2 * counts["tp"] / total if total else 1.0


def combine(
    first: Path,
    second: Path,
    examples: Sequence[Example],
    out: Path,
    *,
    weights: Sequence[float] = WEIGHTS,
    name: str = "blend",
    type: str = "auto",
) -> Blend:
    """Return two stages' taggers as one, kept in the folder ``out`` as a stage of its own that names their folders.

    The weight is that of ``choose_weight`` on ``examples``; the manifest holds the F1 of each that was tried.
    """
    opened = [open_source(of_stage(folder), type=type) for folder in (first, second)]
    weight, scores = choose_weight(opened[0], opened[1], examples, weights)
    out.mkdir(parents=True, exist_ok=True)
    made = blend(opened, (weight, 1 - weight), name=name)
    parts = [
        {"folder": os.path.relpath(folder.resolve(), out.resolve()), "name": model.name, "weight": part}
        for folder, model, part in zip((first, second), opened, made.weights, strict=True)
    ]
    labels = [tag[2:] for tag in made.tags if tag.startswith("B-")]
    about = {"name": name, "path": ".", "hash": made.hash, "kind": "blend", "labels": labels, "parts": parts}
    chosen_on = sha256_json(sorted(example.id for example in examples))
    tried = [{"weight": weight, "f1": score} for weight, score in scores.items()]
    write_manifest(out, stage="blend", model=about, weight=weight, tried=tried, n=len(examples), items=chosen_on)
    return made
