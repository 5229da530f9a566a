"""Whether the numbers of a sentence stand in its places as it has them: of the same thing, in the same turn, on the
same side of a limit.

A dose may stand there and still be another's: the first one's for the second, one drug's for the other, "above 10" for
"below 10", "1 mg per kg" for "1 mg". A number is bound to the words of its own clause, to the ordinals there (first,
second), to what limits it and to what it is counted by. These are rules of English alone, and where nothing tells two
places apart, the number stands. What binds a number by sense alone is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from residency.corpus.make.measures import UNITS, numbers, value
from residency.corpus.make.support import NUMBER, stem, stems
from residency.infer.answer.parts import Stretch
from residency.infer.answer.sentences import spans

ORDINAL = "a number stands there for another turn (first, second, …)"
COMPARED = "a number stands there with another limit (above, below, at least, at most)"
COUNTED = "a number stands there by another measure (per kg, per day)"
ELSEWHERE = "a number stands there for something else"
BOUND = 0.5
"""Of the words of a number's clause that its places hold, its own sentence there has to hold a larger share."""

_SMALL = "one two three four five six seven eight nine ten eleven twelve".split()
_TURNS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_ORDINALS = {word: str(n) for n, word in enumerate(_TURNS, 1)} | {
    "initial": "1",
    "initially": "1",
    "last": "last",
    "final": "last",
}
_ORDINAL = re.compile(rf"\b(?:(\d+)(?:st|nd|rd|th)|({'|'.join(_ORDINALS)}))\b(?!-line)")
_FIGURE = re.compile(
    rf"(?<![\w.,])(?<![a-z]-)\d+(?:[.,]\d+)*(?!(?:st|nd|rd|th)\b)|\b(?:{'|'.join(_SMALL)})\b"
    r"|\b(?:once|twice)\b(?=\s+(?:an?|per|in|each|every|daily|weekly|monthly)\b)"
)
_RANGE = re.compile(r"\s*(?:[-–]|to\b|and\b|or\b)\s*$")
_UNIT = re.compile(r"[\s-]?(°[cf]?|%|[^\W\d_]+)")
_PER = re.compile(
    r"\s*(?:(?:/|\bper\b|\ba\b|\bevery\b|\beach\b)\s*(?:(m[²2])|([^\W\d_]+))|\b(daily|weekly|monthly|hourly)\b)"
)
_UNITS = frozenset(stem(word) for word in [*UNITS, "time", "times"])
_OFTEN = re.compile(r"\b(?:(?:an?|per|each|every)\s(hour|day|week|month|year)|(daily|weekly|monthly|hourly))\b")
_LY = {"daily": "day", "weekly": "week", "monthly": "month", "hourly": "hour"}
_TIMES = frozenset("second minute hour day week month year".split())
_TIME = re.compile(r"(?:\d\s?|\bper |/|\b(?:times|once|twice) a |\b(?:one|half) a? ?)$")
_NEXT = re.compile(r"\W*(?:and\s+)?(?:followed|then)\b")
_CLAUSE = re.compile(r"[,;:()—]\s|\s[(–—]|\b(?:and|but|then|while|whereas|followed)\b")
_ASIDE = re.compile(r"\([^()]*\)")
_LEAD = re.compile(r"(?:in|for|by|at|after|before|if|when|with|on|during|among)\b[^,;:.]{1,60},\s")
_THAN = "higher|greater|larger|longer|older|taller"
_LESS = "lower|smaller|shorter|younger|fewer"
_ABOUT = r"(?:(?:about|around|approximately|roughly|the age of|ages?|aged)\s+)*$"
_BEFORE = {
    "most": rf"(?:(?:\b(?:not|never|no) (?:to )?(?:more|{_THAN}) than|\b(?:not|never)(?: to)? exceed(?:ing|s)?"
    rf"|\b(?:not|never) (?:above|over)|\bup to|\bat (?:the )?most|\bmaximum(?: \w+)? of|[≤⩽]|<=)\s*)"
    rf"{_ABOUT}",
    "least": rf"(?:(?:\b(?:not|no) (?:less|fewer|{_LESS}) than|\b(?:not|never) (?:below|under)|\bat (?:the )?least"
    rf"|\bminimum(?: \w+)? of|[≥⩾]|>=)\s*){_ABOUT}",
    "above": rf"(?:(?:\b(?:more|{_THAN}) than|\babove|\bover|\bexceed(?:s|ing)?|\bbeyond|>)\s*){_ABOUT}",
    "below": rf"(?:(?:\b(?:less|{_LESS}) than|\bbelow|\bunder|<)\s*){_ABOUT}",
    "after": rf"\bafter\s+{_ABOUT}",
    "before": rf"\bbefore\s+{_ABOUT}",
}
_LIMITS = [(name, re.compile(pattern)) for name, pattern in _BEFORE.items()]
_BEHIND = [
    ("least", re.compile(r"(?:\s+[^\W\d_]+){0,3}\s+(?:or|and)\s+(?:more|above|over|older|higher|greater|longer)\b")),
    ("most", re.compile(r"(?:\s+[^\W\d_]+){0,3}\s+(?:or|and)\s+(?:less|fewer|below|under|younger|lower|shorter)\b")),
]
_LOOSE = frozenset({"after", "before"})
"""Said of a time as often as not: only the one for the other is another limit."""
_PRONOUN = re.compile(r"(?:It|This|That|These|Those|They|He|She|The (?:drug|medicine|dose))\b")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number as a sentence has it: its value and unit, and what it is bound to there.

    ``clause`` are the words of its own clause, ``sentence`` those of the whole one with its head, both without endings.
    """

    value: str
    unit: str
    ordinals: frozenset[str]
    limit: str
    per: frozenset[str]
    clause: frozenset[str]
    sentence: frozenset[str]


def misplaced(sentence: str, places: Sequence[Stretch]) -> str | None:
    """Return why a number of the sentence does not stand in these places as the sentence has it; None where all do.

    A number that does not stand there at all is not looked at, since the check of words has refused it; but for "once"
    and "twice", which it does not read.
    """
    there = [one for place in _with_leads(places) for one in place]
    held = frozenset[str]().union(*(one.sentence for one in there), *(stems(place.text) for place in places))
    for said in figures(sentence):
        same = [one for one in there if one.value == said.value and (not said.unit or one.unit == said.unit)]
        if not same and said.unit == "times" and any(one.unit == "times" for one in there):
            return NUMBER
        if same and (why := _why(said, same, there, held)):
            return why
    return None


def _why(said: Figure, same: Sequence[Figure], there: Sequence[Figure], held: frozenset[str]) -> str | None:
    """Return in what none of the same numbers agrees with the one said."""
    for reason, agrees in ((COMPARED, _limited), (COUNTED, _counted), (ORDINAL, _in_turn)):
        same = [one for one in same if agrees(said, one)]
        if not same:
            return reason
    bound = said.clause & held
    if not bound:
        return None
    others = [one for one in there if one.value != said.value and one.unit == said.unit]
    nearest = max((len(bound & one.clause) for one in others), default=0)
    close = [one for one in same if len(bound & one.clause) >= nearest]
    return None if any(len(bound & one.sentence) > BOUND * len(bound) for one in close) else ELSEWHERE


def _limited(said: Figure, one: Figure) -> bool:
    if {said.limit, one.limit} & _LOOSE:
        return not {said.limit, one.limit} >= _LOOSE and not ({said.limit, one.limit} - _LOOSE - {""})
    return said.limit == one.limit


def _counted(said: Figure, one: Figure) -> bool:
    """Return whether both are counted by the same; a time may be left out, not be added."""
    return said.per <= one.per and not (one.per - said.per - _TIMES)


def _in_turn(said: Figure, one: Figure) -> bool:
    return said.ordinals <= one.ordinals


# --- numbers as they are read ----------------------------------------------------------------------------------------


def _with_leads(places: Sequence[Stretch]) -> Iterator[list[Figure]]:
    """Yield the numbers of each place; a sentence that begins with "it" speaks of what the one before it does."""
    for place in places:
        one = place.evidence
        before = [(a, b) for a, b in spans(one.text[: place.start])][-1:] if _PRONOUN.match(place.text) else []
        lead = " ".join(one.text[a:b] for a, b in before)
        head = stems(f"{one.title} {one.section} {lead}")
        yield [found for a, b in spans(place.text) for found in figures(place.text[a:b], head, source=True)]


def figures(sentence: str, head: frozenset[str] = frozenset(), *, source: bool = False) -> list[Figure]:
    """Return the numbers of a sentence in their order.

    Of a ``source`` all words for numbers are read, else those before a unit; and how often something is given may stand
    anywhere in its sentence, else in the number's clause.
    """
    text = " ".join(sentence.lower().split())
    words = stems(text) | head
    asides = [one.span() for one in _ASIDE.finditer(text)]
    plain = _ASIDE.sub(lambda one: " " * len(one[0]), text)  # what stands in brackets parts no clause
    found = []
    for match in _FIGURE.finditer(text):
        amount, unit, end = _measured(text, match)
        if match[0][0].isdigit() or unit or source:
            read = text if any(a < match.start() < b for a, b in asides) else plain
            start, stop = _clause_of(read, match.start())
            clause = read[start:stop]
            per = _per(read, end) | _often(text if source else clause)
            bound = (_turn(read, start, stop), _limit(read, match.start(), end), per, _said(clause))
            found.append(Figure(amount, unit, *bound, words))
    return found


def _measured(text: str, match: re.Match[str]) -> tuple[str, str, int]:
    """Return the value and unit of a number, and where both end: "twice a day" is two times."""
    if match[0] in ("once", "twice"):
        return str(1 + (match[0] == "twice")), "times", match.end()
    amount = value(match[0]) if match[0][0].isdigit() else str(_SMALL.index(match[0]) + 1)
    unit = _UNIT.match(text, match.end())
    if unit and (unit[1] in UNITS or unit[1] in ("time", "times")):
        return amount, UNITS.get(unit[1], "times"), unit.end()
    whole = numbers(text[match.start() : match.end() + 30])  # of a range both ends have the unit
    return amount, next((u for v, u in sorted(whole) if v == amount and u), ""), match.end()


def _cuts(text: str) -> list[int]:
    """Return where clauses begin and end: no range of numbers is cut, nor what a sentence only begins with."""
    lead = _LEAD.match(text)
    inner = [one.start() for one in _CLAUSE.finditer(text, lead.end() if lead else 0)]
    ranges = {at for at in inner if re.search(r"\d\s*$", text[:at]) and re.match(r"(?:and)?\s*\d", text[at:])}
    return [0, *(at for at in inner if at not in ranges), len(text)]


def _clause_of(text: str, at: int) -> tuple[int, int]:
    """Return where the clause of a number stands, with those before it as long as it says nothing itself."""
    cuts = _cuts(text)
    last = next(i for i, cut in enumerate(cuts) if cut > at or i == len(cuts) - 1)
    first = last - 1
    while first > 0 and not _said(part := text[cuts[first] : cuts[last]]) and not _NEXT.match(part):
        first -= 1
    return cuts[first], cuts[last]


def _said(clause: str) -> frozenset[str]:
    """Return the content words of a clause, without units."""
    return stems(clause) - _UNITS


def _turn(text: str, start: int, stop: int) -> frozenset[str]:
    """Return the ordinals of a clause; what follows on the first is the second."""
    found, before = _ordinals(text[start:stop]), _ordinals(text[:start])
    if not found and before and _NEXT.match(text[start:stop]):
        return frozenset(str(int(one) + 1) for one in before if one.isdigit())
    return found


def _ordinals(text: str) -> frozenset[str]:
    """Return the ordinals of a text; a second that is a time is none."""
    found = (one for one in _ORDINAL.finditer(text) if not _TIME.search(text[: one.start()]))
    return frozenset(one[1] or _ORDINALS[one[2]] for one in found)


def _often(text: str) -> frozenset[str]:
    return frozenset(one[1] or _LY[one[2]] for one in _OFTEN.finditer(text))


def _limit(text: str, start: int, end: int) -> str:
    """Return how a number is compared ("" where it is not), the end of a range as its beginning."""
    before = text[:start]
    if (joint := _RANGE.search(before)) and (earlier := re.search(r"[\d.,]+$", before[: joint.start()])):
        before = before[: earlier.start()]
    named = next((name for name, pattern in _LIMITS if pattern.search(before)), "")
    return named or next((name for name, pattern in _BEHIND if pattern.match(text, end)), "")


def _per(text: str, end: int) -> frozenset[str]:
    """Return what a number is counted by: the kg and the day of "mg/kg daily"."""
    found = set()
    while match := _PER.match(text, end):
        word = match[2] or _LY.get(match[3] or "", "m2")
        if match[2] and word not in UNITS and match[0].lstrip().startswith(("a ", "each", "every")):
            break  # "10 mg a patient": no measure
        found.add(UNITS.get(word, stem(word)))
        end = match.end()
    return frozenset(found)
