"""Findings that a text affirms or denies, by a dictionary of names, and how far two texts say the same of them.

The longest known name at a place counts, as whole words, whatever its case; a plural "s" is allowed. Whose finding it
is ("her mother had asthma") and whether it is only feared are not read: both texts are read alike.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

WORD = re.compile(r"[a-z0-9]+")
NEGATION = re.compile(
    r"\b(no|not|without|denies|never|negative|absent|free of|ruled out|excluded|lacks|cannot)\b", re.I
)
_CUE = re.compile(rf"{NEGATION.pattern}|\b(?:deny|denied|denying|nor)\b|n['’]t\b", re.I)
_NO_CUE = re.compile(r"\bnot only\b|\bno (?:increase|change|worsening)\b", re.I)
_BREAK = re.compile(
    r"[;\n!?]|\b(?:but|however|although|though|except|yet|apart from|aside from|positive for|presents? with|reports|"
    r"complains|endorses|admits)\b|(?<!never )(?<!not )(?<!n['’]t )\b(?:has|had)\b",
    re.I,
)
_AFTER = re.compile(
    r"\W*(?:(?:is|are|was|were|has|have|had|been)\s+)*"
    r"(?:absent|ruled out|excluded|denied|negative(?! for)|not (?:present|seen|noted|found|observed))\b",
    re.I,
)

Finding = tuple[str, bool]
"""A concept, and whether it is affirmed (else denied)."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A known name in a text: characters ``start`` to ``end``, half open, inside ``sentence``, which is the same."""

    name: str
    start: int
    end: int
    sentence: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Names:
    """The concept of each known name (as ``normal`` writes it), how far they reach (``reach_of``), and their source."""

    concepts: Mapping[str, str]
    reach: Mapping[str, int]
    source: str


def normal(name: str) -> str:
    """Return a name's words in lower case; the dictionary is of English, so other letters part words."""
    return " ".join(WORD.findall(name.lower()))


def names_of(pairs: Iterable[tuple[str, str]], source: str) -> Names:
    """Return the dictionary of (name, concept) pairs; of two concepts with one name, the first has it."""
    concepts: dict[str, str] = {}
    for name, concept in pairs:
        if plain := normal(name):
            concepts.setdefault(plain, concept)
    return Names(concepts, reach_of(concepts), source)


def reach_of(names: Iterable[str]) -> dict[str, int]:
    """Return the most words that a name has which begins with a word, by that word."""
    reach: dict[str, int] = {}
    for name in names:
        words = name.split()
        reach[words[0]] = max(len(words), reach.get(words[0], 0))
    return reach


def mentions(text: str, known: Container[str], reach: Mapping[str, int]) -> Iterator[Mention]:
    """Yield the known names in a text, in order, the longest at each place; no name reaches over a full stop.

    ``reach`` is that of the known names.
    """
    for sentence in re.finditer(r"[^.]+\.?", text):
        found = list(WORD.finditer(sentence[0].lower()))
        words, begin, at = [match[0] for match in found], sentence.start(), 0
        while at < len(words):
            for size in range(min(reach.get(words[at], 1), len(words) - at), 0, -1):
                if name := _known(" ".join(words[at : at + size]), known):
                    yield Mention(name, begin + found[at].start(), begin + found[at + size - 1].end(), sentence.span())
                    at += size - 1
                    break
            at += 1


def _known(name: str, known: Container[str]) -> str:
    """Return the known name that a name is, itself or in the other number; "" where it is none."""
    forms = (name, name[:-1] if name.endswith("s") else "", name + "s")
    return next((form for form in forms if form and form in known), "")


def denied(text: str, mention: Mention) -> bool:
    """Return whether a name is denied: by a word of negation before it in its clause, or one right behind it.

    In kind NegEx (Chapman et al. 2001), whose negation reaches as far as the clause: "no fever or rash, but a cough"
    denies two and affirms one.
    """
    start, end = mention.sentence
    before = _BREAK.split(text[start : mention.start])[-1]
    return bool(_CUE.search(_NO_CUE.sub(" ", before)) or _AFTER.match(text[mention.end : end]))


def findings(text: str, names: Names) -> set[Finding]:
    """Return the concepts that a text names, each as affirmed, denied, or both where it says both."""
    found = mentions(text, names.concepts, names.reach)
    return {(names.concepts[mention.name], not denied(text, mention)) for mention in found}


def finding_counts(written: set[Finding], wanted: set[Finding]) -> dict[str, int]:
    """Return ``{"tp", "fp", "fn", "contradicted"}`` of written findings against those of a reference.

    A finding that one affirms and the other denies is a false and a missed one, and ``contradicted``. Comparing what
    two texts name, and not their words, is the exact entity match of Miura et al. (2021), Improving factual
    completeness and consistency of image-to-text radiology report generation; here with what is denied.
    """
    false = written - wanted
    return {
        "tp": len(written & wanted),
        "fp": len(false),
        "fn": len(wanted - written),
        "contradicted": sum((concept, not affirmed) in wanted for concept, affirmed in false),
    }


def best_counts(text: str, references: Sequence[str], names: Names) -> dict[str, int]:
    """Return the counts of a text against the reference whose findings it meets best (by F1; of equals the first)."""
    written = findings(text, names)
    counts = [finding_counts(written, findings(reference, names)) for reference in references]
    return max(counts, key=_f1)


def _f1(counts: Mapping[str, int]) -> float:
    total = 2 * counts["tp"] + counts["fp"] + counts["fn"]
    return 2 * counts["tp"] / total if total else 1.0
