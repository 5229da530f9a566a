"""Two answers that people judged: whether a model finds the better one likelier, as preference alignment is to teach.

Neither is shown. A causal model weighs them by their mean log-probability a token behind the question, so that the
shorter one has no advantage (the reward of Meng et al. 2024, SimPO, eq. 3); a reward model weighs them by its score.
Chance is half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from residency.core.errors import Unsupported
from residency.core.types import Example
from residency.infer.likelihood import choose
from residency.measure.scorers import choice_accuracy
from residency.models.local import LocalModel
from residency.models.reward import RewardModel

Said = tuple[str, dict[str, Any]]
METHOD = "likelihood of both answers, neither shown, the mean a token with the end of turn"


def by_likelihood(model: Any, examples: Sequence[Example], prefix: Sequence[int]) -> Iterator[Said]:
    """Yield the answer of each pair that a model finds better, with the values of both."""
    if isinstance(model, RewardModel):
        values = [model.score_answers([e.prompt] * 2, e.choices) for e in examples]
    elif isinstance(model, LocalModel):
        values = [choice.logprobs for choice in choose(model, examples, prefix=prefix, norm="mean")]
    else:
        raise Unsupported(f"{model.name} gives no likelihoods, by which two answers are weighed")
    for example, both in zip(examples, values, strict=True):
        yield example.choices[int(both[1] > both[0])], {"choice_logprobs": both}


def scored(example: Example, prediction: str) -> dict[str, Any]:
    """Return 1 for the answer that people judged better, else 0."""
    return {"score": choice_accuracy(prediction, example.wanted)}


def extractor(*, reason: bool) -> str:
    """Return what of a reply counts: nothing is written."""
    return ""


def as_compared(example: Example) -> Example:
    """Return a solved item as it is shown before others."""
    return replace(example, choices=[])
