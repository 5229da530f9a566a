"""Several taggers as one: the weighted mean of what each says of every word, then one decoding.

An encoder and a linear CRF err in different places; their mean is a linear opinion pool (Stone 1961, The Opinion Pool).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from residency.core.errors import UserError
from residency.core.store import read_manifest, sha256_json
from residency.models.tagging import Words


class Blend:
    """Taggers whose word probabilities are averaged; the tags are those of the first."""

    def __init__(self, models: Sequence[Any], weights: Sequence[float], *, name: str, hash: str) -> None:
        self.name, self.hash = name, hash
        self.models, self.weights = list(models), [float(weight) for weight in weights]
        self.tags: list[str] = list(models[0].tags)
        self._places = [[model.tags.index(tag) for tag in self.tags] for model in models]

    def tag_probabilities(self, texts: Sequence[str]) -> list[tuple[Words, np.ndarray]]:
        """Return each text's words and the mean probability of each tag ``[words, tags]``."""
        found = [model.tag_probabilities(texts) for model in self.models]
        return [self._mean(parts) for parts in zip(*found, strict=True)]

    def _mean(self, parts: Sequence[tuple[Words, np.ndarray]]) -> tuple[Words, np.ndarray]:
        words = list(parts[0][0])
        if any(list(other) != words for other, _ in parts):
            raise UserError(f"the taggers of {self.name} do not cut a text into the same words; they cannot be blended")
        odds = [w * np.asarray(o)[:, p] for w, (_, o), p in zip(self.weights, parts, self._places, strict=True)]
        return words, np.sum(odds, axis=0) / sum(self.weights)


def blend(models: Sequence[Any], weights: Sequence[float], *, name: str = "blend") -> Blend:
    """Return taggers as one. Raises UserError where their tags differ, or where a weight is below 0 or all are 0."""
    if len(models) != len(weights) or not models or min(weights) < 0 or not sum(weights):
        raise UserError(f"{len(models)} taggers and the weights {list(weights)}: each needs one, at least 0, not all 0")
    for model in models[1:]:
        if set(model.tags) != set(models[0].tags):
            raise UserError(
                f"{model.name} has the tags {', '.join(model.tags)}; {models[0].name} has "
                f"{', '.join(models[0].tags)}: only taggers of the same labels can be blended"
            )
    digest = sha256_json([[model.hash, float(weight)] for model, weight in zip(models, weights, strict=True)])
    return Blend(models, weights, name=name, hash=digest)


def open_blend(folder: Path | str, *, name: str, hash: str, type: str = "auto") -> Blend:
    """Return the blend that a stage's manifest tells of: the folders of its parts, and their weights."""
    from residency.models.load import of_stage, open_source

    parts = (read_manifest(folder) or {})["model"]["parts"]
    models = [open_source(of_stage(Path(folder) / part["folder"]), type=type) for part in parts]
    return blend(models, [part["weight"] for part in parts], name=name)
