"""Numbers on a scale, as for how alike two texts are: got by likelihood, read in a reply, and scored.

By likelihood each whole number of the scale is an option, and the model's number is the expected one: the options
weighed by their probabilities, as Liu et al. 2023, G-Eval, weigh a judge's ratings. A reply's number counts as it is
written; where it has none on the scale, there is none, and no guess stands in for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from residency.core.types import Example
from residency.infer.likelihood import choose
from residency.measure.calibration import confidences
from residency.measure.scorers import parse_number

Said = tuple[str, dict[str, Any]]
METHOD = "likelihood of each whole number of the scale and end of turn, summed; the answer is their expected value"
ANSWER = "the number"
COMMA = ("es", "fr")
"""Languages that write a comma before decimals."""


def by_likelihood(model: Any, examples: Sequence[Example], prefix: Sequence[int]) -> Iterator[Said]:
    """Yield each example's expected number, and the likelihoods that it comes from."""
    for example, choice in zip(examples, choose(model, examples, prefix=prefix), strict=True):
        weights = confidences(choice.logprobs)
        value = sum(float(weight) * int(number) for weight, number in zip(weights, example.choices, strict=True))
        yield f"{value:.4f}", {"choice_logprobs": choice.logprobs}  # further digits are rounding and would rank items


def number_in(text: str, example: Example, *, thought: bool = False) -> str | None:
    """Return the number that a reply names; None where it names none, or one that is not on the scale."""
    low, high = example.meta["scale"]
    found = parse_number(text, low, high, comma=example.meta["language"] in COMMA, thought=thought)
    return None if found is None else f"{found:g}"


def scored(example: Example, prediction: str) -> dict[str, Any]:
    """Return the ``pair`` of people's and the model's number, 0 to 1 on the scale, and how near they are (1: equal)."""
    low, high = example.meta["scale"]
    wanted, given = ((float(number) - low) / (high - low) for number in (example.meta["score"], prediction))
    return {"pair": [wanted, given], "score": 1 - abs(wanted - given)}


def extractor(*, reason: bool) -> str:
    """Return what of a reply counts, in words."""
    return (
        f"the number behind the last answer:, or {'alone on the last line' if reason else 'first or last of the reply'}"
    )


def as_compared(example: Example) -> Example:
    """Return a solved item as it is shown where likelihoods are compared: with the nearest of the options."""
    return replace(example, wanted=[str(math.floor(example.meta["score"] + 0.5))])
