"""A model as a judge: it rates one answer on an axis, or says which of two is better, both orders asked.

A model of ours is read by likelihood: the expected rating over the scale. A reward model gives scores, and the rating
is what lies between two of its cut points. Any other writes its rating, and what cannot be read is "not scored". A long
answer is cut in the middle, since its beginning and end say most.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from residency.core.errors import UserError
from residency.core.texts import shortened
from residency.core.types import Example, Message, Model
from residency.evaluate.judges.axes import Axis, nearest
from residency.infer.likelihood import choose
from residency.measure.ordinal import rating_of
from residency.models.local import LocalModel
from residency.models.reward import RewardModel


@dataclass(frozen=True, slots=True)
class Judged:
    """A rating on an axis's scale: the expected value, and the whole number next to it; nan: not scored.

    The whole number is what a passport measures, so it is what a judge's rating is everywhere.
    """

    rating: float
    expected: float


def rate(model: Model, axis: Axis, items: Sequence[dict[str, Any]]) -> list[Judged]:
    """Return the judge's rating of each ``{"question", "answer"}``."""
    if isinstance(model, RewardModel):
        return _from_scores(model, axis, items)
    prompts = [rating_prompt(axis, item["question"], item["answer"]) for item in items]
    marks = [str(r) for r in axis.ratings]
    if isinstance(model, LocalModel):
        examples = [Example(str(i), p, [marks[0]], choices=marks) for i, p in enumerate(prompts)]
        return [_from_likelihoods(axis, c.logprobs) for c in choose(model, examples, end=False)]
    replies = model.generate(prompts, max_tokens=8)
    return [_from_words(axis, r.text) for r in replies]


def rating_prompt(axis: Axis, question: str, answer: str) -> list[Message]:
    """Return the chat that asks for a rating."""
    scale = "\n".join(f"{number} = {words}" for number, words in zip(axis.ratings, axis.scale, strict=True))
    text = (
        f"Question: {question}\n\nAnswer: {shortened(answer)}\n\n{axis.question}\n{scale}\n"
        f"Reply with one number from {axis.ratings[0]} to {axis.ratings[-1]}."
    )
    return [{"role": "user", "content": text}]


def _from_scores(model: RewardModel, axis: Axis, items: Sequence[dict[str, Any]]) -> list[Judged]:
    """Return ratings by scores; UserError where the model was given no cut points for this axis."""
    if axis.name not in model.cuts:
        held = ", ".join(model.cuts) or "none"
        raise UserError(
            f"{model.name} scores answers but has no cut points between ratings of {axis.name} (it has: {held}); train "
            "it with `rated`, a set of answers that people rated"
        )
    expected = [rating_of(score, model.cuts[axis.name]) for score in _scores(model, items, "answer")]
    return [Judged(nearest(axis, value), value) for value in expected]


def _scores(model: RewardModel, items: Sequence[dict[str, Any]], key: str) -> list[float]:
    asked = [[{"role": "user", "content": item["question"]}] for item in items]
    return model.score_answers(asked, [item[key] for item in items])


def _from_likelihoods(axis: Axis, logprobs: Sequence[float]) -> Judged:
    top = max(logprobs)
    odds = [math.exp(v - top) for v in logprobs]
    expected = sum(r * o for r, o in zip(axis.ratings, odds, strict=True)) / sum(odds)
    return Judged(nearest(axis, expected), expected)


def _from_words(axis: Axis, text: str | None) -> Judged:
    found = re.search(r"\d+", text or "")
    rating = float(found[0]) if found and int(found[0]) in axis.ratings else math.nan
    return Judged(rating, rating)


def prefer(model: Model, axis: Axis, items: Sequence[dict[str, Any]]) -> list[float]:
    """Return for each ``{"question", "first", "second"}`` how strongly the first is preferred: 1, 0, 0.5 for a tie.

    Each pair is asked in both orders; a judge that follows the place and not the answer gives 0.5. nan: not scored.
    """
    if isinstance(model, RewardModel):
        both = zip(*(_scores(model, items, key) for key in ("first", "second")), strict=True)
        return [(1 + (a > b) - (a < b)) / 2 for a, b in both]
    turned = [{**i, "first": i["second"], "second": i["first"]} for i in items]
    straight, swapped = (_wins(model, axis, part) for part in (items, turned))
    return [(a + 1 - b) / 2 for a, b in zip(straight, swapped, strict=True)]


def _wins(model: Model, axis: Axis, items: Sequence[dict[str, Any]]) -> list[float]:
    prompts = [pair_prompt(axis, i["question"], i["first"], i["second"]) for i in items]
    if isinstance(model, LocalModel):
        examples = [Example(str(i), p, ["A"], choices=["A", "B"]) for i, p in enumerate(prompts)]
        return [float(c.index == 0) for c in choose(model, examples, end=False)]
    found = [re.search(r"\b[AB]\b", reply.text or "") for reply in model.generate(prompts, max_tokens=8)]
    return [float(f[0] == "A") if f else math.nan for f in found]


def pair_prompt(axis: Axis, question: str, first: str, second: str) -> list[Message]:
    """Return the chat that asks which of two answers is better."""
    text = (
        f"Question: {question}\n\nAnswer A: {shortened(first)}\n\nAnswer B: {shortened(second)}\n\n{axis.question}\n"
        "Which answer is better in this? Reply with A or B."
    )
    return [{"role": "user", "content": text}]
