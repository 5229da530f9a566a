"""Whether texts are in the language that they are read in: a detector finds little in a text of another.

The first texts of each batch are looked at, since to look at all would cost as much as to find.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from residency.core.errors import UserError
from residency.corpus.clean.language import language_of

LOOKED = 20
"""So many texts of a batch are looked at."""
SHARE, LEAST = 0.1, 2
"""So large a share of those whose language is told, and so many, may be of another before it is said."""


def tongues(texts: Sequence[str]) -> Counter[str]:
    """Return how many of the first texts are in which language (those that are told); none where nothing tells it."""
    try:
        return Counter(filter(None, map(language_of, texts[:LOOKED])))
    except UserError:  # the model of languages is not installed
        return Counter()


def foreign(found: Mapping[str, int], language: str) -> str:
    """Return a warning where many texts are in another language than they were read in; else nothing."""
    others = {code: count for code, count in found.items() if code != language}
    whole, wrong = sum(found.values()), sum(others.values())
    if wrong < LEAST or wrong <= SHARE * whole:
        return ""
    named = ", ".join(f"{code} {count}" for code, count in sorted(others.items(), key=lambda row: (-row[1], row[0])))
    return (
        f"{wrong} of {whole} texts that were looked at seem to be in another language than {language} ({named}): what "
        f"identifies somebody is missed there. Give the language that they are in, and leave out what is in none of "
        "those that can be read."
    )
