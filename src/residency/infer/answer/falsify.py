"""A sentence made false in one thing, or put otherwise and still true: what a check of support is tried with.

The changes are those of a careless writer: another number, a "not" more or less, a word for its opposite (Kryściński et
al. 2020, Evaluating the Factual Consistency of Abstractive Text Summarization). What cannot be changed so comes back as
it is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from residency.corpus.make.support import denies

_NUMBER = re.compile(r"(?<![\w.,])\d{1,4}(?![\w.,]*\d)")
_VERB = re.compile(r"\b(?:is|are|was|were|can|may|should|will)\b(?! not\b)")
_NOT = re.compile(r"\b(is|are|was|were|can|may|should|will|do|does|did) not\b")
_ASIDE = re.compile(r"\s*\([^()]{3,80}\)")
_LEAD = re.compile(r"^(?:However|In general|In addition|Usually|In some cases|Also|For example|In most cases), (\w)")
_TURNS = [
    ("increases", "decreases"), ("increased", "decreased"), ("increase", "decrease"), ("higher", "lower"),
    ("more", "less"), ("more", "fewer"), ("high", "low"), ("common", "rare"), ("improve", "worsen"),
    ("before", "after"), ("dominant", "recessive"), ("always", "never"), ("acute", "chronic"), ("benign", "malignant"),
    ("mild", "severe"), ("early", "late"), ("children", "adults"), ("males", "females"), ("men", "women"),
    ("large", "small"), ("starts", "stops"), ("normal", "abnormal"), ("possible", "impossible"), ("safe", "unsafe"),
    ("left", "right"), ("faster", "slower"), ("most", "few"), ("best", "worst"), ("upper", "lower"), ("loss", "gain"),
]  # fmt: skip
_OTHER = {a: b for a, b in _TURNS} | {b: a for a, b in _TURNS}
_TURNED = re.compile(rf"\b(?:{'|'.join(sorted(_OTHER, key=len, reverse=True))})\b")


def other_number(sentence: str, rng: random.Random) -> str:
    """Return the sentence with one of its numbers changed."""
    found = list(_NUMBER.finditer(sentence))
    if not found:
        return sentence
    one = rng.choice(found)
    value = int(one[0])
    other = rng.choice(
        [value + rng.randint(1, 9), 2 * value + 1, 10 * value or 10, max(0, value - 1) + 3 * (value < 2)]
    )
    return f"{sentence[: one.start()]}{other}{sentence[one.end() :]}"


def negated(sentence: str, rng: random.Random) -> str:
    """Return the sentence with a "not" more, or less where it has one."""
    if found := _NOT.search(sentence):
        return f"{sentence[: found.start()]}{found[1]}{sentence[found.end() :]}"
    found = None if denies(sentence) else _VERB.search(sentence)
    return f"{sentence[: found.end()]} not{sentence[found.end() :]}" if found else sentence


def turned(sentence: str, rng: random.Random) -> str:
    """Return the sentence with one word turned into its opposite."""
    found = list(_TURNED.finditer(sentence))
    if not found:
        return sentence
    one = rng.choice(found)
    return f"{sentence[: one.start()]}{_OTHER[one[0]]}{sentence[one.end() :]}"


def put_otherwise(sentence: str) -> str:
    """Return the sentence without its asides and the word that ties it to the one before."""
    short = _ASIDE.sub("", sentence)
    return _LEAD.sub(lambda found: found[1].upper(), short)


def renamer(others: dict[str, list[str]]) -> Callable[[str, random.Random], str]:
    """Return what puts another name of a finding in place of the first that a sentence holds; at most five words."""

    def renamed(sentence: str, rng: random.Random) -> str:
        words = list(re.finditer(r"[^\W_]+", sentence))
        for size in range(5, 0, -1):
            for first in range(len(words) - size + 1):
                start, end = words[first].start(), words[first + size - 1].end()
                if found := others.get(sentence[start:end].lower()):
                    return f"{sentence[:start]}{rng.choice(found)}{sentence[end:]}"
        return sentence

    return renamed
