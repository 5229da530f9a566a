"""An answer in a model's own words from the evidence laid before it, of which the support check leaves what holds."""

from __future__ import annotations

import re
from collections.abc import Sequence

from residency.core.types import Message, Model
from residency.infer.answer.sentences import spans
from residency.infer.evidence import Evidence, harmless, laid_before

ASK = (
    "Question: {question}\n\nAnswer in at most {most} short sentences, using only what the evidence says. If the "
    "evidence does not answer the question, reply: I do not know."
)
_NUMBERED = re.compile(r"\s*\[\d+(?:\s*,\s*\d+)*\]")
_UNKNOWN = re.compile(r"\b(?:do(?:es)? not|don't|doesn't|cannot|can't) (?:know|say|answer)\b", re.IGNORECASE)
SHOWN = 5
"""Passages that are laid before the model."""


def written(question: str, evidence: Sequence[Evidence], model: Model, *, most: int, max_tokens: int) -> list[str]:
    """Return the sentences that a model writes, at most ``most``; none where it says that it does not know.

    The numbers of evidence that it writes itself are taken out: what supports a sentence is found by the check.
    """
    content = ASK.format(question=harmless(question), most=most)
    prompt: list[Message] = laid_before([{"role": "user", "content": content}], evidence[:SHOWN])
    reply = model.generate([prompt], max_tokens=max_tokens)[0]
    if reply.text is None:
        return []
    text = _NUMBERED.sub("", reply.text)
    found = [" ".join(text[start:end].split()) for start, end in spans(text)]
    if reply.finish == "length" and len(found) > 1:
        found.pop()  # it was cut short
    return [] if not found or _UNKNOWN.search(found[0]) else list(dict.fromkeys(found))[:most]
