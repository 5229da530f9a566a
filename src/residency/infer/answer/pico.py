"""A clinical question in its parts: who the patients are, what is done, compared with what, and what comes of it.

Richardson et al. 1995, The well-built clinical question. A model names the parts; what it names has to stand in the
question itself, so that nothing is searched for that nobody asked about.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from residency.core.types import Model
from residency.corpus.make.support import stems
from residency.infer.evidence import harmless

PARTS = ("population", "intervention", "comparison", "outcome")
_ASK = (
    "Question: {question}\n\nName the parts of this question in its own words, as JSON with the keys population (who "
    "the patients are), intervention (what is done or asked about), comparison (the alternative) and outcome (what is "
    "hoped for or feared). Leave a part empty that the question does not name."
)
_SCHEMA = {
    "type": "object",
    "properties": {part: {"type": "string", "maxLength": 120} for part in PARTS},
    "required": list(PARTS),
    "additionalProperties": False,
}
OWN = 0.5
"""The share of a part's words that the question has to hold."""


@dataclass(frozen=True, slots=True)
class Pico:
    """The parts of a question; one that it does not name is empty. ``read`` says whether a model's reply gave them."""

    population: str = ""
    intervention: str = ""
    comparison: str = ""
    outcome: str = ""
    read: bool = False

    def told(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return asdict(self)


def framed(question: str, model: Model, *, max_tokens: int = 160) -> Pico:
    """Return the parts of a question; none of them where the reply cannot be read or names nothing of the question."""
    asked = [{"role": "user", "content": _ASK.format(question=harmless(question))}]
    reply = model.generate([asked], max_tokens=max_tokens, schema=_SCHEMA)[0]
    try:
        found = json.loads(reply.text or "")
    except ValueError:
        return Pico()
    if not isinstance(found, dict):
        return Pico()
    parts = {part: _own(str(found.get(part) or ""), question) for part in PARTS}
    return Pico(**parts, read=any(parts.values()))


def _own(part: str, question: str) -> str:
    """Return a part, or "" where most of its words are not the question's."""
    words, asked = stems(part), stems(question)
    return " ".join(part.split()) if words and len(words & asked) >= OWN * len(words) else ""


def searches(question: str, pico: Pico) -> Sequence[str]:
    """Return what is searched for: the question, what is done with whom, and the same with what comes of it."""
    who = " ".join(part for part in (pico.intervention, pico.population) if part)
    what = " ".join(part for part in (who, pico.comparison, pico.outcome) if part)
    return list(dict.fromkeys(text for text in (question, who, what) if text))
