"""Where two sources do not go together: one affirms what the other denies, one says it rises and the other that it
falls, or they give the same thing in another number.

Found by words alone among sentences that say nearly the same: two that speak of different things are no conflict. A
passage that is not about what is asked can deny a sentence too, where it says the very same. What an encoder takes for
a contradiction counts as well, where one is given. One that is put in wholly other words is not seen by words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations

from residency.corpus.make.measures import numbers
from residency.corpus.make.support import TURNED, Rule, Source, check, stems
from residency.infer.answer.parts import Conflict, Stretch, cite
from residency.infer.answer.support import Judge

NUMBERS, OPPOSITE, JUDGED = "other numbers", "one says the opposite", "the encoder finds a contradiction"
NEAR, LONGER = 0.75, 0.5
"""The shares of the shorter and of the longer sentence's content words that the other has to hold."""
ALIKE = 0.9
"""The share of words in common from which numbers without a unit are compared, in texts of one title: else they count
different things, or are part of a name."""
SURE = 0.9
"""The probability from which the encoder's contradiction counts, in both directions."""
LEAST = 3
"""Content words of a sentence that one of a passage beside the question can deny."""
_YEAR = re.compile(r"(?:19|20)\d\d")
_UNITS = frozenset("mg g kg mcg ml day daily time hour week month year twice three".split())
"""Words that come with numbers, and say nothing of what these are of."""
_LEANS = re.compile(
    r"\W*(?:it|its|they|their|these|this|those|that|he|she|such|most|some|people|patients|the \w+)\b", re.I
)
"""How a sentence begins that speaks of what its own document is about, and may not be held against another's."""
_RULE = Rule(words=0.0, numbers=False, near=NEAR)


def conflicts(found: Sequence[Stretch], judge: Judge | None = None, beside: Sequence[Stretch] = ()) -> list[Conflict]:
    """Return the pairs of stretches of different documents that contradict each other, in the order given.

    ``beside`` are stretches that need not be about what is asked: one of them counts where it says the very same thing
    as one of ``found``, its title read with it.
    """
    pairs = [(a, b) for a, b in combinations(found, 2) if _apart(a, b) and _near(a.text, b.text)]
    known = set(found)
    more = [one for one in beside if one not in known]
    pairs += [(a, b) for a in found for b in more if _apart(a, b) and _near(a.text, b.text) and _the_same(a, b)]
    seen = {pair: why for pair in pairs if (why := _why(*pair))}
    if judge is not None:
        rest = [pair for pair in pairs if pair not in seen]
        seen |= dict.fromkeys(_judged(rest, judge), JUDGED)
    return [Conflict(cite(a), cite(b), seen[a, b]) for a, b in pairs if (a, b) in seen]


def _apart(a: Stretch, b: Stretch) -> bool:
    """Return whether two stretches can contradict: of one document, or of a chart and a textbook, they do not."""
    return a.evidence.document != b.evidence.document and a.evidence.shelf == b.evidence.shelf


@lru_cache(maxsize=4_096)
def _words(text: str) -> frozenset[str]:
    return stems(text)


def _near(a: str, b: str) -> bool:
    """Return whether two sentences say nearly the same; of a list and a sentence nobody could tell."""
    first, second = _words(a), _words(b)
    fewest, most = sorted((len(first), len(second)))
    shared = len(first & second)
    return fewest >= 2 and shared >= NEAR * fewest and shared >= LONGER * most


def _the_same(a: Stretch, b: Stretch) -> bool:
    """Return whether two sentences speak of the very same: what only one says is the title of the other."""
    if _LEANS.match(a.text) or _LEANS.match(b.text):
        return False
    first, second = _words(a.text), _words(b.text)
    whole = first - second <= _head(b) and second - first <= _head(a)
    return whole and min(len(first), len(second)) >= LEAST


def _head(one: Stretch) -> frozenset[str]:
    return stems(f"{one.evidence.title} {one.evidence.section}")


def _why(first: Stretch, second: Stretch) -> str | None:
    """Return in what two sentences that speak of the same do not go together."""
    a, b = first.text, second.text
    if check(a, Source(b), _RULE).reason == TURNED or check(b, Source(a), _RULE).reason == TURNED:
        return OPPOSITE
    said, other = _words(a) - _UNITS, _words(b) - _UNITS
    if len(said & other) < NEAR * min(len(said), len(other)):  # two drugs with a dose each
        return None
    ours, theirs = _by_unit(a), _by_unit(b)
    same = first.evidence.title == second.evidence.title and _alike(a, b)
    units = ours.keys() & theirs.keys() - ({""} if not same else set())
    return NUMBERS if any(ours[unit].isdisjoint(theirs[unit]) for unit in units) else None


def _alike(a: str, b: str) -> bool:
    """Return whether two sentences are the same but for a word or two."""
    first, second = stems(a), stems(b)
    return len(first & second) >= ALIKE * max(len(first), len(second))


def _by_unit(text: str) -> dict[str, set[str]]:
    """Return the numbers of a sentence by their unit ("": none), without years."""
    found: dict[str, set[str]] = {}
    for value, unit in numbers(text):
        if unit or not _YEAR.fullmatch(value):
            found.setdefault(unit, set()).add(value)
    return found


def _judged(pairs: Sequence[tuple[Stretch, Stretch]], judge: Judge) -> Iterator[tuple[Stretch, Stretch]]:
    """Yield the pairs that the encoder finds contradictory, whichever of the two it reads first."""
    ways: list[Callable[[tuple[Stretch, Stretch]], tuple[str, str]]] = [
        lambda pair: (pair[0].text, pair[1].text),
        lambda pair: (pair[1].text, pair[0].text),
    ]
    odds = [judge(*zip(*map(way, pairs), strict=True)) if pairs else [] for way in ways]
    for pair, there, back in zip(pairs, *odds, strict=True):
        if there[1] >= SURE and back[1] >= SURE:
            yield pair
