"""What of an answer stands where sources contradict each other: the sentences that none of them contradicts.

Where two passages about what is asked contradict each other in a sentence that would be said, there is no answer: a
person has to settle it. A contradiction beside the point silences nothing: what evidence contradicts is left out and
told, and the others answer, where they speak of what is asked as fully as those that are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from residency.corpus.make.support import stems
from residency.infer.answer.conflict import conflicts
from residency.infer.answer.parts import UNSUPPORTED, Citation, Conflict, Place, Sentence
from residency.infer.answer.quote import Rank
from residency.infer.answer.said import nearest
from residency.infer.answer.sentences import stretches
from residency.infer.answer.sides import speaks_of
from residency.infer.answer.support import Judge
from residency.infer.evidence import Evidence

Said = tuple[list[Sentence], list[Sentence]]
"""The sentences that stay, and those that were removed."""


def agreed(
    question: str,
    say: Callable[[frozenset[Place]], Said],
    held: Sequence[Evidence],
    beside: Sequence[Evidence],
    rank: Rank,
    judge: Judge | None,
) -> tuple[Said, list[Conflict]]:
    """Return what ``say`` says without what is contradicted, and the contradictions that were met.

    ``held`` is evidence about what is asked, ``beside`` what was found with it. Nothing stays where what would be left
    is thin; the last that was said is among the removed then.
    """
    every = [one for passage in (*held, *beside) for one in stretches(passage)]
    met: dict[tuple[Place, Place], Conflict] = {}
    out: frozenset[Place] = frozenset()
    asked = {one.id for one in held}
    while True:
        kept, removed = say(out)
        if not stand(kept):
            return ([], [*kept, *removed]), list(met.values())
        for pair in conflicts(nearest(question, held, rank, kept), judge, every):
            met.setdefault((pair.first.key, pair.second.key), pair)
        if not out and _at_issue(kept, met.values(), asked):
            return ([], [*kept, *removed]), list(met.values())
        denied = frozenset(key for pair in met for key in pair)
        if not any(c.key in denied for one in kept for c in one.citations):
            break
        out |= denied
    if met and not _as_full(question, kept, met.values(), held):
        return ([], [*kept, *removed]), list(met.values())
    return (kept, removed), list(met.values())


def _at_issue(kept: Sequence[Sentence], met: Iterable[Conflict], asked: set[str]) -> bool:
    """Return whether a sentence that would be said contradicts, or is contradicted, by passages about what is asked."""
    said = {c.key for one in kept if one.support != UNSUPPORTED for c in one.citations}
    sides = [(one.first, one.second) for one in met]
    return any({a.evidence, b.evidence} <= asked and {a.key, b.key} & said for a, b in sides)


def stand(said: Sequence[Sentence]) -> bool:
    """Return whether any sentence is supported."""
    return any(one.support != UNSUPPORTED for one in said)


def _as_full(question: str, kept: Sequence[Sentence], met: Iterable[Conflict], held: Sequence[Evidence]) -> bool:
    """Return whether a sentence that stays says as much of what is asked as each that is contradicted."""
    asked = stems(question)
    ids = {one.id for one in held}

    def full(quote: str, one: Citation) -> tuple[bool, int]:
        return speaks_of(question, quote), len(stems(f"{one.title} {one.section} {quote}") & asked)

    denied = [full(one.quote, one) for pair in met for one in (pair.first, pair.second) if one.evidence in ids]
    left = [full(c.quote, c) for one in kept if one.support != UNSUPPORTED for c in one.citations]
    return any(all(side >= other and share >= most for other, most in denied) for side, share in left)
