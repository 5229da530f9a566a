"""An encoder of the training engine as the trained part of the detector: slower, and it reads more of the context.

The model is handed in, so that this package needs no torch: whatever has ``tag_probabilities`` and ``tags``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from residency.core.errors import UserError
from residency.corpus.identify.found import Found
from residency.corpus.identify.kinds import kind_of


class Encoder:
    """Reads a text by an encoder that ``encode: {task: tag}`` trained; its labels are kinds of ours, or known ones."""

    in_domain = True

    def __init__(self, model: Any) -> None:
        if not hasattr(type(model), "tag_probabilities"):
            raise UserError(
                f"{getattr(model, 'name', 'this model')} tags no words; train one with encode: {{task: tag}}"
            )
        self.model = model

    def marks(self, text: str, threshold: float | None) -> tuple[list[Found], list[Found]]:
        """Return what the encoder reads in a text, and what else it holds possible above the threshold."""
        ((words, odds),) = self.model.tag_probabilities([text])
        tags = list(self.model.tags)
        some = 1 - np.asarray(odds)[:, tags.index("O")] if words else np.zeros(0)
        starts = np.array([start for start, _ in words])
        made = []
        for span in self.model.tag([text])[0]:
            first, last = np.searchsorted(starts, (span.start, span.end))
            made.append(Found(span.start, span.end, kind_of(span.label), _mean(some[first:last]), "encoder"))
        perhaps = []
        kinds = [place for place, tag in enumerate(tags) if tag != "O"]
        for w in np.flatnonzero(some > threshold).tolist() if threshold is not None else []:
            label = tags[kinds[int(np.asarray(odds[w])[kinds].argmax())]][2:]
            start, end = words[w]
            perhaps.append(Found(start, end, kind_of(label), round(float(some[w]), 3), "encoder:perhaps"))
        return made, perhaps

    def about(self) -> dict[str, Any]:
        """Return what tells this encoder from another."""
        return {"encoder": self.model.name, "hash": self.model.hash}


def _mean(odds: np.ndarray) -> float:
    return round(float(odds.mean()), 3) if len(odds) else 0.0
