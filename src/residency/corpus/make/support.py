"""Whether an answer is supported by its source, as far as words can show it: its numbers with their units stand there,
of each sentence enough content words do, and no sentence says "no" where the source says "yes".

A cheap check that says why, in the manner of the faithfulness tests of summarisation (Maynez et al. 2020, arXiv
2005.00661); the cues of negation follow NegEx (Chapman et al. 2001). A paraphrase in wholly other words is refused
wrongly, and a false sentence in the source's own words passes: ``verdicts`` asks a model as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from residency.core.legal import Share
from residency.core.types import Message, Model
from residency.corpus.make.measures import numbers
from residency.corpus.make.prompts import VERDICT, asked
from residency.corpus.make.rows import Asking, parsed, replies

NUMBER, WORDS, TURNED, UNSURE = (
    "a number or unit is not in the source",
    "too few words are in the source",
    "it says the opposite of the source",
    "the model finds it not supported",
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_END = re.compile(r"(?<=[.!?;])\s+|\n+|(?<=[。！？；])")
_STOP = frozenset(
    """a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing down during each few for from further had has have having he her here hers him his how i
    if in into is it its itself just may me might more most must my of off on once only or other our out over own s same
    she should so some such than that the their them then there these they this those through to too under until up us
    very was we were what when where which while who whom why will with would you your yes
    de la el los las un una y en que es con por para del se al le les des et est une du dans pour der die das und ist
    ein eine mit von zu den""".split()
)
_NO = frozenset(
    """no not never none nor neither without cannot denies denied deny negative absent absence lack lacks lacking
    free excluded unlikely isn't aren't wasn't weren't doesn't don't didn't can't couldn't shouldn't won't hasn't
    haven't hadn't no ningún ninguna sin niega pas sans aucun aucune kein keine nicht ohne""".split()
)
_OPPOSITES = [
    (frozenset(one.split()), frozenset(other.split()))
    for one, other in (
        ("increas rise rais higher elevat more grow", "decreas reduc lower fall drop less declin"),
        ("left", "right"),
        ("benign", "malignant"),
        ("acute", "chronic"),
        ("improv better", "worsen deteriorat worse"),
        ("hypertension", "hypotension"),
        ("tachycardia", "bradycardia"),
        ("start begin", "stop discontinu"),
        ("safe", "unsafe"),
        ("common", "rare uncommon"),
    )
]
_OPPOSED = frozenset().union(*(words for pair in _OPPOSITES for words in pair))


@dataclass(frozen=True, slots=True)
class Rule:
    """What is asked of an answer. The defaults were chosen on validation items (``bench/support.py``)."""

    # The share of each sentence's content words that the source must hold.
    words: Share = 0.3
    # Whether every number must stand in the source.
    numbers: bool = True
    # Whether nothing may be denied that the source affirms, or the other way round.
    negation: bool = True
    # The share of words in common from which two sentences are compared for negation.
    near: Share = 0.8


RULE = Rule()
SHORTEST = 3
"""Content words of a sentence that is judged by itself: of shorter ones a single word decides."""


@dataclass(frozen=True, slots=True)
class Support:
    """What was found, and the first reason to refuse, or None.

    ``words`` is the share of content words in the source of the sentence that has the fewest there, ``absent`` the
    share of numbers that are not, ``turned`` the share of sentences turned round.
    """

    words: float
    absent: float
    turned: float
    reason: str | None

    @property
    def score(self) -> float:
        """Return one number for ranking: the share of words, less the shares of absent numbers and turned sentences."""
        return self.words - self.absent - self.turned


@dataclass(frozen=True)
class Source:
    """A source that answers are checked against, read once: its stems, numbers and sentences."""

    text: str
    stems: frozenset[str] = field(init=False)
    numbers: frozenset[tuple[str, str]] = field(init=False)
    sentences: list[tuple[frozenset[str], bool]] = field(init=False)

    def __post_init__(self) -> None:
        sentences = [(stems(part), denies(part)) for part in sentences_of(self.text)]
        object.__setattr__(self, "sentences", sentences)
        object.__setattr__(self, "stems", frozenset().union(*(found for found, _ in sentences)))
        object.__setattr__(self, "numbers", frozenset(numbers(self.text, spelt=True)))


def check(answer: str, source: Source, rule: Rule = RULE) -> Support:
    """Return how far an answer is supported. One without content words is supported by what it does not say."""
    said = [(found, denies(part)) for part in sentences_of(answer) if (found := stems(part))]
    words = _least_share([found for found, _ in said], source.stems)
    given = numbers(answer)
    absent = sum(not _stands(number, source) for number in given) / len(given) if given else 0.0
    turned = sum(_turned(found, no, source, rule.near) for found, no in said) / len(said) if said else 0.0
    reason = NUMBER if rule.numbers and absent else TURNED if rule.negation and turned else None
    return Support(words, absent, turned, reason or (WORDS if words < rule.words else None))


def _least_share(said: list[frozenset[str]], source: frozenset[str]) -> float:
    """Return the lowest share of a sentence's words that the source holds; of all together where all are very short."""
    long = [found for found in said if len(found) >= SHORTEST]
    whole = [frozenset().union(*said)] if said and not long else long
    return min((len(found & source) / len(found) for found in whole), default=1.0)


def _stands(number: tuple[str, str], source: Source) -> bool:
    """Return whether the source has the number, with the same unit where the answer gives one."""
    value, unit = number
    return number in source.numbers if unit else any(value == other for other, _ in source.numbers)


def _turned(said: frozenset[str], no: bool, source: Source, near: float) -> bool:
    """Return whether the source's sentences that are nearest to this one all say the opposite."""
    about = said - _OPPOSED or said
    shares = [len(about & found) / len(about) for found, _ in source.sentences]
    best = max(shares, default=0.0)
    if best < near or len(said) < 2:
        return False
    nearest = [pair for share, pair in zip(shares, source.sentences, strict=True) if share == best]
    return all(no != other or _opposite(said, found) for found, other in nearest)


def _opposite(said: frozenset[str], found: frozenset[str]) -> bool:
    """Return whether one holds a word of a pair of opposites and the other its counterpart, and neither holds both."""
    return any(
        (said & a and not said & b and found & b and not found & a)
        or (said & b and not said & a and found & a and not found & b)
        for a, b in _OPPOSITES
    )


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, roughly: they end at a full stop with white space behind it, or with the line."""
    return [part for part in _END.split(text) if part.strip()]


def denies(sentence: str) -> bool:
    """Return whether a sentence holds an odd number of cues of negation: two undo each other."""
    cues = sum(word in _NO for word in _WORD.findall(sentence.lower().replace("’", "'")))
    return cues % 2 == 1


def stems(text: str) -> frozenset[str]:
    """Return the content words of a text, each without its ending; of scripts without spaces, the pairs of signs."""
    found: set[str] = set()
    for word in _WORD.findall(text.lower()):
        if _CJK.search(word):
            found.update(word[at : at + 2] for at in range(max(1, len(word) - 1)))
        elif len(word) > 1 and word not in _STOP and word.replace("’", "'") not in _NO:
            found.add(stem(word))
    return frozenset(found)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return a lower-case word without the commonest English endings; short words stay as they are."""
    word = word.removesuffix("'s").removesuffix("’s")
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("ly", ""), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 4 and not word.endswith(("ss", "us", "is")):
            word = word.removesuffix(ending) + instead
            break
    return word.removesuffix("e") if len(word) > 4 else word


def verdicts(
    pairs: Iterable[tuple[str, str]], model: Model, *, batch: int = 16, seed: int = 0
) -> Iterator[bool | None]:
    """Yield for each (answer, source) whether a model finds it supported; None where its reply cannot be read."""

    def prompt(pair: tuple[str, str]) -> list[Message]:
        return asked(VERDICT, answer=pair[0], source=pair[1])

    for _, reply in replies(model, pairs, prompt, Asking(24, 0.0, batch), seed=seed, schema=VERDICT.schema):
        found = parsed(reply, VERDICT.schema)
        yield None if isinstance(found, str) else found["supported"]
