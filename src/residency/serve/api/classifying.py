"""One of several labels for a text: by the likelihood of each where the model can tell it, else by a schema."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from residency.core.errors import Unsupported
from residency.core.types import Message, Model

ASK = "Which of these labels is right for the text: {}? Answer with the label alone."


@dataclass(frozen=True, slots=True)
class Chosen:
    """The label that a model chose (None: it gave none), how, and each label's share of the likelihood.

    ``odds`` are the labels' log-probabilities, in nats.
    """

    label: str | None
    how: str
    shares: dict[str, float] | None = None
    odds: tuple[float, ...] = ()


def classify(text: str, labels: Sequence[str], model: Model, instruction: str = "") -> Chosen:
    """Return the label that a model chooses; of equal ones the first."""
    prompt = asked(text, labels, instruction)
    try:
        scores = model.loglik([prompt] * len(labels), list(labels))
    except Unsupported:
        return _by_schema(prompt, labels, model)
    totals = [one.total for one in scores]
    top = max(totals)
    weights = [math.exp(total - top) for total in totals]
    shares = {label: weight / sum(weights) for label, weight in zip(labels, weights, strict=True)}
    return Chosen(labels[totals.index(top)], "likelihood", shares, tuple(totals))


def asked(text: str, labels: Sequence[str], instruction: str = "") -> list[Message]:
    """Return what a model is asked: the text first, so that the question stands nearest to the answer."""
    question = "\n".join(part for part in (instruction.strip(), ASK.format(", ".join(labels))) if part)
    return [{"role": "user", "content": f"{text}\n\n{question}"}]


def _by_schema(prompt: list[Message], labels: Sequence[str], model: Model) -> Chosen:
    schema = {"type": "string", "enum": list(labels)}
    (reply,) = model.generate([prompt], max_tokens=64, schema=schema)
    try:
        said = json.loads(reply.text or "")
    except json.JSONDecodeError:
        return Chosen(None, "schema")
    return Chosen(said if said in labels else None, "schema")
