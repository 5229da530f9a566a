"""Training of the linear CRF (``models/crf.py``): the likelihood of the tags of all texts, by L-BFGS.

Nothing in it is drawn by chance: the same texts give the same bytes, so that there is no seed to vary, and what its
score would be with other training texts is not told by training it again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pycrfsuite

from residency.core.errors import UserError
from residency.core.progress import Bar, progress
from residency.core.store import atomic_path, sha256_file, write_manifest
from residency.core.types import Example
from residency.models.crf import FILE, CrfModel, features
from residency.models.load import of_stage, open_source
from residency.models.tagging import bio, lost, tagset, words_of

ITERATIONS = 100
"""Of L-BFGS (Nocedal 1980), at most."""
PENALTY = {"c1": 0.1, "c2": 0.1}
"""On the weights: their absolute values, their squares. Chosen of six pairs on the development part of NCBI-disease (F1
0.812; CRFsuite's own defaults, 0 and 1: 0.796), and the same for every task."""


def fit(
    examples: Sequence[Example],
    labels: Sequence[str],
    out: Path,
    *,
    name: str = "crf",
    iterations: int = ITERATIONS,
    **facts: Any,
) -> CrfModel:
    """Return the CRF that was trained on the marked spans of examples, kept in the folder ``out`` as a stage.

    Spans are by place in ``meta["text"]``. The manifest holds how many texts, words and spans it learned from, the
    spans that tags cannot hold by reason, the seconds, and ``facts``. Raises UserError where there is nothing to learn.
    """
    began = time.perf_counter()
    _need_spans(examples, labels)
    counts, without = Counter[str](), Counter[str]()
    trainer = Trainer("lbfgs", {"max_iterations": iterations, **PENALTY}, verbose=False)
    places = {tag: str(place) for place, tag in enumerate(tagset(labels))}  # CRFsuite's labels must be ASCII
    for example in examples:
        text = example.meta["text"]
        if words := words_of(text):
            trainer.append(features(text, words), [places[tag] for tag in bio(words, example.spans, labels)])
        counts.update(texts=1, words=len(words), spans=sum(span.label in labels for span in example.spans))
        without += lost(words, example.spans, labels)
    digest = _trained(trainer, out / FILE, iterations)
    about = {"name": name, "path": ".", "hash": digest, "kind": "crf", "labels": list(labels)}
    taken = {"iterations": iterations, **PENALTY, "seconds": round(time.perf_counter() - began, 2)}
    write_manifest(out, stage="crf", model=about, **counts, not_taggable=dict(without), **taken, **facts)
    model: CrfModel = open_source(of_stage(out))
    return model


def _need_spans(examples: Sequence[Example], labels: Sequence[str]) -> None:
    if not any(span.label in labels for example in examples for span in example.spans):
        raise UserError(
            f"none of {len(examples)} training texts has a span marked {', '.join(labels) or '(no label)'}; a tagger "
            "learns from spans by place: entities with start, end and label"
        )


class Trainer(pycrfsuite.Trainer):
    """CRFsuite's trainer, which tells each iteration and remembers Ctrl-C: no exception passes through the library."""

    bar: Bar | None = None
    stopped = False

    def message(self, message: str) -> None:
        """Take what the library says."""
        try:
            if self.bar and "Iteration #" in message:
                self.bar.add(1)
        except KeyboardInterrupt:
            self.stopped = True


def _trained(trainer: Trainer, path: Path, iterations: int) -> str:
    """Return the hash of the file that the trainer wrote."""
    with atomic_path(path) as temporary, progress("linear CRF", total=iterations, unit="iteration") as trainer.bar:
        trainer.train(os.fsencode(temporary))
        if trainer.stopped:
            raise KeyboardInterrupt
    return sha256_file(path)
