"""BERTScore with the packaged MiniLM as its encoder: offline, on the processor, and saying so in its protocol.

The encoder is small and was trained for sentences, so the values rank answers of one run; they are not comparable
with BERTScores from RoBERTa or DeBERTa, and no published baseline exists to rescale them by.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from residency.models.weights import MINILM, packaged_encoder, quiet_transformers


def bertscore(
    predictions: Sequence[str], references: Sequence[Sequence[str]], *, encoder: Path | None = None, batch: int = 64
) -> list[float]:
    """Return each prediction's BERTScore F1 against the best of its references; 0 for an empty answer.

    Zhang et al. (2020), BERTScore, equation 1, from the encoder's last layer, without idf weights or rescaling. nan
    where no reference holds a word. An empty answer shares nothing with any reference, and the library crashes on it.
    Raises ModelError where the packaged encoder is absent.
    """
    if len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} lists of references")
    usable = [[text for text in group if text.strip()] for group in references]
    scores = [0.0 if group else float("nan") for group in usable]
    asked = [i for i, text in enumerate(predictions) if text.strip() and usable[i]]
    if asked:
        found = _library([predictions[i] for i in asked], [usable[i] for i in asked], encoder, batch)
        for i, score in zip(asked, found, strict=True):
            scores[i] = score
    return scores


def protocol() -> dict[str, object]:
    """Return how these scores are made, for the protocol of every number that uses them."""
    return {
        "metric": "BERTScore F1, best of the references",
        "library": f"bert-score {version('bert-score')}",
        "encoder": f"{MINILM.name} ({MINILM.source})",
        "encoder_sha256": MINILM.sha256,
        "layer": "last",
        "idf": False,
        "rescaled": False,
    }


def _library(predictions: list[str], references: list[list[str]], encoder: Path | None, batch: int) -> list[float]:
    from bert_score import score

    folder = encoder or packaged_encoder()
    layers = json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"]
    with quiet_transformers():
        _, _, f1 = score(
            predictions,
            references,
            model_type=str(folder),
            num_layers=layers,
            device="cpu",
            batch_size=batch,
            use_fast_tokenizer=True,
        )
    return [float(value) for value in f1]
