"""The search for a better prompt on development items: tried in rounds, and held against the first on items kept apart.

Whoever wins among many on some items is partly lucky there. So a third of the groups has no part in the choice, and on
these the winner is compared with the prompt one began with, in pairs: that is the number to go by.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from residency.core.errors import UserError
from residency.core.progress import say
from residency.core.types import Example, Interval, Model
from residency.infer.prompts.edits import Candidate, distinct, edited
from residency.infer.prompts.halving import LEAST, Answer, Standing, Trial, halve
from residency.infer.prompts.prompt import Prompt
from residency.infer.prompts.rewrite import Written, mended, rewritten
from residency.measure.paired import Paired

FINALISTS = 2
"""Candidates of a generation that the next one begins with, beside the first prompt of all."""
KEPT_APART = 3
"""One of so many groups has no part in the choice."""


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found: ``best`` may be the prompt one began with. ``first`` and ``last`` are the values of both on the
    items kept apart, ``gap`` is their paired difference there; ``chosen_on`` items were chosen on.
    """

    start: Prompt
    best: Candidate
    first: Interval
    last: Interval
    gap: Paired
    chosen_on: int
    tried: int
    rounds: list[list[Standing]]
    dropped: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)

    @property
    def better(self) -> bool:
        """Return whether the best is told apart from the first prompt, above it."""
        return self.gap.difference.low > 0


def search(
    start: Prompt,
    items: Sequence[Example],
    answer: Answer,
    metric: str,
    *,
    writer: Model | None = None,
    mends: bool = False,
    tries: int = 8,
    generations: int = 2,
    styles: bool = True,
    whole: bool = False,
    seed: int = 0,
) -> Searched:
    """Return the best prompt that was found for development items.

    In each generation a ``writer`` rewrites the best prompt up to ``tries`` times and, with ``mends``, mends it against
    its wrong answers; the first generation has our own edits too (``styles`` and ``whole`` as in ``edited``). Raises
    UserError where an item is of a test split, or where there are too few.
    """
    choosing, apart = parted(items)
    trial, known = Trial(choosing, answer, metric), {start.hash}
    first, found = Candidate(start), Written()
    left, rounds, tried = [first], list[list[Standing]](), 1
    for generation in range(generations):
        new = [] if generation else list(edited(start, styles=styles, whole=whole))
        if writer:
            made = _written(left[0].prompt, writer, trial, tries, mends, seed + 2 * generation)
            found.dropped += made.dropped
            found.reasons += made.reasons
            new += made.candidates
        new = distinct(new, known)
        if not new:
            break
        among = [first, *(one for one in left if one is not first), *new]
        tried += len(new)
        say(f"generation {generation + 1}: {len(among)} prompts, up to {len(choosing)} items each")
        rounds += halve(among, trial, keep=FINALISTS)
        left = [one.candidate for one in rounds[-1] if not one.left]
    best = left[0]
    held = Trial(apart, answer, metric)
    before, after = (held.value(prompt, len(apart)) for prompt in (start, best.prompt))
    gap = held.gap(start, best.prompt, len(apart))
    return Searched(start, best, before, after, gap, len(choosing), tried, rounds, found.dropped, found.reasons)


def _written(prompt: Prompt, writer: Model, trial: Trial, tries: int, mends: bool, seed: int) -> Written:
    """Return what a writer makes of a prompt."""
    made = rewritten(prompt, writer, tries, trial.items, seed=seed)
    if mends:
        more = mended(prompt, writer, list(_wrong(prompt, trial)), trial.items, seed=seed)
        made.candidates += more.candidates
        made.dropped += more.dropped
        made.reasons += more.reasons
    return made


def _wrong(prompt: Prompt, trial: Trial) -> Iterator[tuple[Example, str]]:
    """Yield the items that a prompt was most wrong on, of those it was asked (at least the first few), with answers."""
    count = max(min(LEAST, len(trial.items)), len(trial.rows.get(prompt.hash, ())))
    scored = [(row["score"], n) for n, row in enumerate(trial.first(prompt, count)) if row["score"] is not None]
    for score, n in sorted(scored):
        if score < 1:
            yield trial.items[n], str(trial.rows[prompt.hash][n]["prediction"] or "")


def parted(items: Sequence[Example]) -> tuple[list[Example], list[Example]]:
    """Return (the items to choose on, those kept apart), whole groups each, in an order drawn by hash.

    Raises UserError where an item is of a test split, or where there are too few of either.
    """
    if of_test := [e.id for e in items if e.split.startswith("test")]:
        raise UserError(f"{len(of_test)} items are of a test split; a prompt is searched on development items only")
    ordered = sorted(items, key=lambda e: _mark(e.id))
    apart = [e for e in ordered if _mark(e.group or e.id) % KEPT_APART == 0]
    choosing = [e for e in ordered if _mark(e.group or e.id) % KEPT_APART]
    if len(choosing) < LEAST or len(apart) < LEAST // 2:
        raise UserError(
            f"{len(items)} development items are too few to search on: {len(choosing)} to choose on and {len(apart)} "
            f"kept apart; needed are {LEAST} and {LEAST // 2}"
        )
    return choosing, apart


def _mark(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"prompt:{name}".encode()).digest()[:8], "big")
