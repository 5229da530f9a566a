"""An answer in the evidence's own words: which sentences of it are quoted, and in what order they are read.

Every sentence is given a score for the question, by one of several ways: its words, its vector, how likely a model
finds the question behind it, or the numbers that a model names when it is asked. The best ones stand in the answer in
the order of their passages, since what follows on in a text follows on in an answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Container, Sequence
from typing import Any

from residency.core.types import Message, Model
from residency.corpus.make.support import stems
from residency.infer.answer.enough import names
from residency.infer.answer.parts import Place, Stretch
from residency.infer.answer.sentences import says_nothing, stretches
from residency.infer.answer.sides import cues
from residency.infer.evidence import GRAPH, RULE, Evidence, harmless

Rank = Callable[[str, Sequence[str]], Sequence[float]]
"""What scores texts for a question, the higher the better: any cross-scorer."""
READ = 40
"""Sentences at most that are scored: those of the first passages."""
SIDE, PLACE = 1.0, 0.5
"""What it counts in ``by_words`` that a text speaks of the side that is asked about, and that it is the first."""
FADES = 0.25
"""How much of a sentence's score is lost from the first passage to the one at the end."""
_ASK = (
    "Question: {question}\n\nWhich of these sentences answer the question? Name at most {most} numbers, the most "
    'important first, as JSON: {{"sentences": [number, …]}}; an empty list where none answers it.\n\n{sentences}'
)


def quotable(question: str, evidence: Sequence[Evidence]) -> list[Stretch]:
    """Return the sentences that may be quoted, those of the first passages first, and each wording once.

    Of a document that is titled by something else than what is asked about, only sentences that name it themselves, or
    name what the title leaves out of it. Questions in a text are no answers, nor are its
    headings.
    """
    found: dict[str, Stretch] = {}
    for one in evidence:
        head = f"{one.title} {one.section}"
        whole = not one.title or one.shelf == GRAPH or names(question, head)
        for stretch in stretches(one):
            says = not stretch.text.endswith("?") and not says_nothing(stretch)
            if says and (whole or names(question, f"{head} {stretch.text}")):
                found.setdefault(" ".join(stretch.text.lower().split()), stretch)
    return list(found.values())[:READ]


def quoted(
    question: str, evidence: Sequence[Evidence], rank: Rank, most: int, out: Container[Place] = ()
) -> list[Stretch]:
    """Return the best sentences, at most ``most``, the best first; those with a score of 0 or less are none.

    None of ``out`` is among them.
    """
    pool = [one for one in quotable(question, evidence) if one.key not in out]
    scores = rank(question, [one.text for one in pool]) if pool else []
    fade = _fading(evidence)
    marks = [score * fade[one.evidence.id] for score, one in zip(scores, pool, strict=True)]
    order = sorted((i for i in range(len(pool)) if marks[i] > 0), key=lambda i: (-marks[i], i))
    return [pool[i] for i in order[:most]]


def _fading(evidence: Sequence[Evidence]) -> dict[str, float]:
    """Return by passage how much its sentences count: the less, the further down its search has it."""
    found: dict[str, float] = {}
    for shelf in dict.fromkeys(one.shelf for one in evidence):
        mine = [one.id for one in evidence if one.shelf == shelf]
        found |= {key: 1 - FADES * place / len(mine) for place, key in enumerate(mine)}
    return found


def in_order(chosen: Sequence[Stretch], evidence: Sequence[Evidence]) -> list[Stretch]:
    """Return the stretches as they are read: passage by passage, the one with the best of them first."""
    first: dict[str, int] = {}
    for one in chosen:
        first.setdefault(one.evidence.id, len(first))
    return sorted(chosen, key=lambda one: (first[one.evidence.id], one.start))


# --- ways to score ---------------------------------------------------------------------------------------------------


def by_words(question: str, texts: Sequence[str]) -> list[float]:
    """Return how much of the question's words each text holds, and whether it speaks of the side that is asked about.

    Rare words count more, by inverse document frequency over the texts at hand (Spärck Jones 1972); the first texts a
    little more than later ones.
    """
    asked, held, side = stems(question), [stems(text) for text in texts], cues(question)
    weight = {word: math.log((1 + len(texts)) / (1 + sum(word in one for one in held))) + 1 for word in asked}
    whole = sum(weight.values()) or 1.0
    return [
        sum(weight[w] for w in one & asked) / whole + SIDE * min(2, len(one & side)) / 2 + PLACE / (2 + place)
        if one
        else 0.0
        for place, one in enumerate(held)
    ]


def by_vectors(model: Model) -> Rank:
    """Return a rank by the cosine of sentence vectors, 0 to 1, of any model that embeds."""

    def rank(question: str, texts: Sequence[str]) -> list[float]:
        vectors = model.embed([question, *texts])
        return [max(0.0, float(value)) for value in vectors[1:] @ vectors[0]]

    return rank


def by_likelihood(model: Any) -> Rank:
    """Return a rank by how likely a model finds the question behind a text, a token's probability in the mean, 0 to 1.

    Sachan et al. 2022, Improving Passage Retrieval with Zero-Shot Question Generation (arXiv 2204.07496).
    """

    def rank(question: str, texts: Sequence[str]) -> list[float]:
        asked = [[_turn(f"Text: {harmless(text)}\n\nWrite a question that this text answers.")] for text in texts]
        found = model.loglik(asked, [question] * len(texts))
        return [math.exp(one.total / max(1, len(one.logprobs))) for one in found]

    return rank


def by_asking(model: Model, *, most: int = 3, max_tokens: int = 64) -> Rank:
    """Return a rank by the numbers that a model names when it is shown the texts: the first counts most, others 0.

    A reply that cannot be read names none.
    """
    numbers = {"type": "array", "items": {"type": "integer"}, "maxItems": most}
    schema = {"type": "object", "properties": {"sentences": numbers}, "required": ["sentences"]}

    def rank(question: str, texts: Sequence[str]) -> list[float]:
        listed = "\n".join(f"[{number}] {harmless(text)}" for number, text in enumerate(texts, 1))
        shown = f"<evidence>\n{listed}\n</evidence>\n{RULE}"
        asked = [_turn(_ASK.format(question=harmless(question), most=most, sentences=shown))]
        named = _named(model.generate([asked], max_tokens=max_tokens, schema=schema)[0].text)
        places = {number: place for place, number in reversed(list(enumerate(named)))}
        return [1 / (1 + places[number]) if number in places else 0.0 for number in range(1, len(texts) + 1)]

    return rank


def _turn(content: str) -> Message:
    return {"role": "user", "content": content}


def _named(text: str | None) -> list[int]:
    """Return the numbers of a reply in their order; none where it cannot be read."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return []
    numbers = found.get("sentences") if isinstance(found, dict) else None
    return [n for n in numbers if isinstance(n, int)] if isinstance(numbers, list) else []
