"""How much a passage weighs by the study that it is from: a level from 1 to 5, how certain, and the words that say so.

The levels follow the table of the Oxford Centre for Evidence-Based Medicine (2011) for whether a treatment helps;
certainty begins at the design and goes down for limits that the text itself names, as in GRADE (Guyatt et al. 2008).
Both go by the kind of study that a source states, or else by words: a rule of thumb for the order in which evidence is
read, and no appraisal. A guideline has no level of its own: it is graded where it grades itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from residency.infer.evidence import Evidence

CERTAINTY = ("very low", "low", "moderate", "high")
GUIDELINE, UNKNOWN = "guideline", "not stated"
_DESIGNS: list[tuple[int, str, re.Pattern[str]]] = [
    (level, name, re.compile(words, re.IGNORECASE))
    for level, name, words in (
        (1, "systematic review", r"systematic(?:ally)? review|meta[- ]?analys[ie]s|cochrane review"),
        (
            0,
            GUIDELINE,
            r"(?:practice |clinical )guidelines?\b|consensus statement|position statement|recommendation grade",
        ),
        (
            2,
            "randomised trial",
            r"randomi[sz]ed|double[- ]blind|placebo[- ]controlled|\bRCTs?\b|clinical trial, phase iii",
        ),
        (
            3,
            "cohort study",
            r"\bcohort\b|prospective(?:ly)? follow|non-?randomi[sz]ed|follow-up study|controlled clinical",
        ),
        (
            4,
            "case-control study or series",
            r"case[- ]control|case series|case reports?\b|cross[- ]sectional|retrospective",
        ),
        (
            5,
            "mechanism or opinion",
            r"\bin vitro\b|\b(?:mice|rats?|animal model)\b|expert opinion|\bwe believe\b|editorial",
        ),
    )
]
"""By level, the strongest first; 0 stands for a guideline."""
_NAMES = [name for _, name, _ in _DESIGNS]
_ORDER = [*_NAMES[:4], UNKNOWN, *_NAMES[4:]]
_START = {1: 3, 2: 3, 3: 1, 4: 1, 5: 0}
"""Where certainty begins, of ``CERTAINTY``."""
_LIMITS = {
    "risk of bias": re.compile(r"open[- ]label|unblinded|high risk of bias|not blinded|lost to follow-up", re.I),
    "few patients": re.compile(r"\bsmall (?:sample|study|number|trial)|\b(?:n ?= ?|only )(?:[1-9]|[1-9]\d)\b", re.I),
    "inconsistent": re.compile(r"heterogene(?:ity|ous)|conflicting results|inconsistent", re.I),
    "imprecise": re.compile(r"wide confidence interval|underpowered|imprecis", re.I),
    "indirect": re.compile(r"surrogate|indirect (?:comparison|evidence)|healthy volunteers", re.I),
}


@dataclass(frozen=True, slots=True)
class Level:
    """A passage's level, 1 the strongest and 5 the weakest (None: not stated, or a guideline), with its design.

    ``cue`` are the words that it was read from, ``limits`` what takes certainty away.
    """

    level: int | None
    design: str
    certainty: str | None
    cue: str = ""
    limits: tuple[str, ...] = ()

    @property
    def order(self) -> int:
        """Return where it stands when evidence is put in order: what states no design before series and opinion."""
        return _ORDER.index(self.design)


def level_of(one: Evidence) -> Level:
    """Return the level of a passage, by what is stated of its study, else by its title, its section and its text."""
    for text in (one.study, one.title, one.section, one.text):
        for number, design, words in _DESIGNS:
            if found := words.search(text):
                return _level(number, design, found[0], one)
    return Level(None, UNKNOWN, None)


def _level(number: int, design: str, cue: str, one: Evidence) -> Level:
    if not number:
        return Level(None, design, None, cue)
    limits = tuple(name for name, words in _LIMITS.items() if words.search(f"{one.title} {one.text}"))
    return Level(number, design, CERTAINTY[max(0, _START[number] - len(limits))], cue, limits)
