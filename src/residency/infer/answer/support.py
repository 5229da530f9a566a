"""Whether a sentence is supported, and where: the fewest places of a passage that hold its words, and two checks.

The first is of words (``corpus.make.support``): its numbers stand there, enough of its content words do, and it does
not say "no" where they say "yes"; its numbers are of the same thing there (``figures``). The second is an encoder that
was trained to tell whether one text follows from another (``recipes/support.yaml``). Each catches what the other lets
pass; a sentence has to pass both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from residency.core.errors import Unsupported
from residency.core.legal import Share
from residency.corpus.make.support import Rule, Source, check, stems
from residency.infer.answer.figures import misplaced
from residency.infer.answer.parts import QUOTED, SUPPORTED, UNSUPPORTED, Sentence, Stretch, cite
from residency.infer.answer.sentences import stretches
from residency.infer.evidence import Evidence

Judge = Callable[[Sequence[str], Sequence[str]], Sequence[Sequence[float]]]
"""What tells for each (source, claim) how probable it is that the claim follows, is contradicted, or is neither."""
YES, NO, UNKNOWN = "yes", "no", "unknown"
JUDGED = "the encoder finds it not supported"
NOTHING = "it says nothing that could be checked"
MOST = 3
"""Places of one passage that may support one sentence together."""
GAIN = 0.15
"""The share of a sentence's content words that a further place has to add."""


@dataclass(frozen=True, slots=True)
class Support:
    """What is asked of a sentence, and what becomes of those that fail: "remove" or "mark" them.

    ``judge`` is the second check, none where there is no encoder; ``least`` the probability of "yes" from which it
    accepts.
    """

    rule: Rule = Rule(words=0.6)
    judge: Judge | None = None
    least: Share = 0.5
    unsupported: Literal["remove", "mark"] = "remove"


def judge_of(model: Any) -> Judge:
    """Return the judge that an encoder is, its labels put in order; Unsupported where it is trained for another use."""
    known = list(getattr(model, "labels", ()))
    if not {YES, NO, UNKNOWN} <= set(known):
        told = ", ".join(known) or "no labels"
        raise Unsupported(f"{model.name} tells apart {told}, not yes, no and unknown; train one: residency run support")
    order = [known.index(label) for label in (YES, NO, UNKNOWN)]

    def judge(sources: Sequence[str], claims: Sequence[str]) -> Sequence[Sequence[float]]:
        if not sources:
            return []
        return [[float(row[i]) for i in order] for row in model.classify(list(sources), list(claims))]

    return judge


def supported(sentence: str, evidence: Sequence[Evidence], wanted: Support = Support()) -> Sentence:  # noqa: B008
    """Return a sentence with the places that support it best, and whether they do."""
    return all_supported([sentence], evidence, wanted)[0]


def all_supported(sentences: Sequence[str], evidence: Sequence[Evidence], wanted: Support) -> list[Sentence]:
    """Return each sentence with what supports it; the encoder is asked about all of them at once."""
    cut = [stretches(one) for one in evidence]
    found = [_by_words(sentence, cut, wanted.rule) for sentence in sentences]
    if wanted.judge is None:
        return found
    asked = [i for i, one in enumerate(found) if one.support == SUPPORTED]
    sources = [" ".join(c.quote for c in found[i].citations) for i in asked]
    for i, odds in zip(asked, wanted.judge(sources, [sentences[i] for i in asked]), strict=True):
        if odds[0] < wanted.least:
            found[i] = Sentence(sentences[i], UNSUPPORTED, odds[0], found[i].citations, reason=JUDGED)
    return found


def _by_words(sentence: str, cut: Iterable[Sequence[Stretch]], rule: Rule) -> Sentence:
    """Return the sentence with the places of the passage that hold most of it; an equal one further down is no better.

    One that stands there word for word is a quotation.
    """
    said, tried = stems(sentence), []
    if not said:
        return Sentence(sentence, UNSUPPORTED, 0.0, reason=NOTHING)
    for passage in cut:
        if place := _quoted(sentence, passage):
            return Sentence(sentence, QUOTED, 1.0, (cite(place),))
        if held := _holding(said, passage):
            result = check(sentence, Source("\n".join(one.text for one in held)), rule)
            reason = result.reason or (misplaced(sentence, held) if rule.numbers else None)
            tried.append((reason is None, result.score, held, reason))
    if not tried:
        return Sentence(sentence, UNSUPPORTED, 0.0, reason="nothing in the evidence speaks of it")
    passed, score, held, reason = max(tried, key=lambda one: one[:2])  # the first of equals
    score = min(1.0, max(0.0, score))
    return Sentence(sentence, SUPPORTED if passed else UNSUPPORTED, score, tuple(map(cite, held)), reason=reason)


def _quoted(sentence: str, passage: Sequence[Stretch]) -> Stretch | None:
    """Return where a sentence stands word for word in a passage; white space and a last full stop do not count."""
    wanted = " ".join(sentence.split()).rstrip(".")
    for one in passage:
        if " ".join(one.text.split()).rstrip(".") == wanted:
            return one
        at = one.text.find(sentence)
        if at >= 0:
            return Stretch(one.evidence, one.start + at, one.start + at + len(sentence))
    return None


def _holding(said: frozenset[str], passage: Sequence[Stretch]) -> list[Stretch]:
    """Return the fewest stretches of a passage that hold most of the words: each further one adds enough."""
    words = {one: stems(one.text) & said for one in passage}
    chosen: list[Stretch] = []
    missing = said
    while len(chosen) < MOST and (rest := [one for one in passage if one not in chosen]):
        best = max(rest, key=lambda one: len(words[one] & missing))
        if len(words[best] & missing) < (GAIN * len(said) if chosen else 1):
            break
        chosen.append(best)
        missing = missing - words[best]
    return sorted(chosen, key=lambda one: one.start)
