"""Passages ranked again by a model that reads the question and the passage together.

Both functions return what ``Index.search(rerank=…)`` takes: the question and texts in, a score each out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from residency.core.errors import Unsupported
from residency.infer.evidence import harmless
from residency.infer.retrieve.index import Rerank

if TYPE_CHECKING:
    from residency.models.local import LocalModel

ASKED = "Passage: {}\n\nWrite a question that this passage answers."
"""How a model is asked for the question of a passage (Sachan et al. 2022, section 2.2)."""
LONGEST = 1500
"""Characters of a passage that a model reads."""


def by_likelihood(model: LocalModel) -> Rerank:
    """Return a ranking by how likely a model finds the question after the passage: mean nats a token.

    Sachan et al. 2022, Improving Passage Retrieval with Zero-Shot Question Generation, arXiv 2204.07496, eq. 1.
    """

    def scores(question: str, texts: Sequence[str]) -> list[float]:
        from residency.models.pack import Block

        answer = model.encode_answer(harmless(question).strip())
        prompts = [[{"role": "user", "content": ASKED.format(harmless(text)[:LONGEST])}] for text in texts]
        blocks = [Block(model.encode_prompt(prompt), [answer], [n]) for n, prompt in enumerate(prompts)]
        found = model.score(blocks)
        return [found[n].total / max(1, len(answer)) for n in range(len(texts))]

    return scores


def by_classifier(model: Any, label: str) -> Rerank:
    """Return a ranking by an encoder that was trained on pairs: the probability of ``label`` for question and text.

    Nogueira and Cho 2019, Passage Re-ranking with BERT, arXiv 1901.04085. Raises Unsupported for a model without it.
    """
    labels = list(getattr(model, "labels", ()))
    if label not in labels:
        raise Unsupported(
            f"{getattr(model, 'name', 'the model')} tells apart {', '.join(labels) or 'nothing'}, no {label}"
        )

    def scores(question: str, texts: Sequence[str]) -> list[float]:
        return [float(odds[labels.index(label)]) for odds in model.classify([question] * len(texts), list(texts))]

    return scores
