"""Made-up notes of the words of ICD-10-CM, with near-duplicates planted at known similarities."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

NGRAM, LEVELS = 5, (0.95, 0.9, 0.85, 0.7, 0.5)
PLANTED = 0.2
"""Of all notes, the share that are copies of others, the levels in turn."""
COMMON = "the of and to with in a was for on is at by from that have be no without after".split()


@dataclass(slots=True)
class Corpus:
    """Notes, and for each planted copy (place of the original, place of the copy, exact Jaccard similarity, level)."""

    texts: list[str]
    planted: list[tuple[int, int, float, float]] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes of all texts."""
        return sum(len(text.encode()) for text in self.texts)


def made_up(size: int, seed: int = 0) -> Corpus:
    """Return notes of about ``size`` bytes; equal seeds give equal notes."""
    draw, names = random.Random(seed), vocabulary()
    weights = list(accumulate(1 / (rank + 10) for rank in range(len(names))))
    corpus, held = Corpus([]), 0
    while held < size:
        corpus.texts.append(" ".join(spoken(draw, draw.choices(names, cum_weights=weights, k=draw.randint(80, 600)))))
        held += len(corpus.texts[-1])
        if draw.random() < PLANTED / (1 - PLANTED):
            level = LEVELS[len(corpus.planted) % len(LEVELS)]
            original = len(corpus.texts) - 1
            copy = copied(corpus.texts[original], level, draw, names)
            corpus.planted.append((original, original + 1, jaccard(corpus.texts[original], copy), level))
            corpus.texts.append(copy)
            held += len(copy)
    return shuffled(corpus, draw)


def vocabulary() -> list[str]:
    """Return the different words of ICD-10-CM's descriptions, the commonest of English first, then in random order."""
    from residency.corpus.records import package_folder

    folder = package_folder("simple_icd_10_cm", requirement="simple-icd-10-cm==1.5.0")
    text = " ".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.xml")))
    names = sorted({word for word in text.lower().replace(">", " ").replace("<", " ").split() if word.isalpha()})
    random.Random(0).shuffle(names)
    return [*COMMON, *(name for name in names if name not in COMMON)]


def spoken(draw: random.Random, names: Sequence[str]) -> list[str]:
    """Return words with the ends of sentences and lines."""
    return [name + draw.choice(("", "", "", "", "", "", ",", ".", ".\n")) for name in names]


def copied(text: str, level: float, draw: random.Random, names: Sequence[str]) -> str:
    """Return a copy in which as many words are replaced, side by side, as bring the similarity near the level."""
    words = text.split(" ")
    grams = len(words) - NGRAM + 1
    count = max(1, round(grams * (1 - level) / (1 + level)) - NGRAM + 1)
    at = draw.randrange(len(words) - count)
    return " ".join([*words[:at], *(name + "." for name in draw.choices(names, k=count)), *words[at + count :]])


def grams(text: str) -> set[tuple[str, ...]]:
    """Return the set of words in a row."""
    words = text.lower().replace(",", " ").replace(".", " ").split()
    return {tuple(words[i : i + NGRAM]) for i in range(len(words) - NGRAM + 1)}


def jaccard(left: str, right: str) -> float:
    """Return the exact similarity of two texts."""
    one, two = grams(left), grams(right)
    return len(one & two) / len(one | two)


def shuffled(corpus: Corpus, draw: random.Random) -> Corpus:
    """Return the notes in random order."""
    order = list(range(len(corpus.texts)))
    draw.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    return Corpus([corpus.texts[old] for old in order], [(place[a], place[b], s, lv) for a, b, s, lv in corpus.planted])
